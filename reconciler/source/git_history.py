"""What the manifests were at an earlier commit, asked of git, which runs nothing meanwhile.

Neither a hook, a filter, a monitor nor a fetch that the repository configures is begun, and git
sees nothing of our environment that could hold a credential.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence

from reconciler.core.errors import HistoryError
from reconciler.source.file_walk import (
    MAX_BYTES,
    MAX_FILE_BYTES,
    MAX_FILES,
    STANDARD_INPUT,
    SUFFIXES,
)

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_GIT = (
    *("git", "--no-pager", "--no-optional-locks", "--literal-pathspecs"),
    *("-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null"),
    *("-c", "safe.bareRepository=explicit"),
)
# Of a partial clone git would fetch what is missing, by whatever command the repository names.
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}
_KEPT_VARIABLES = ("PATH", "HOME")
_TIMEOUT_SECONDS = 60
_MAX_CHARACTERS = 200
_REGULAR = (b"100644", b"100755")


def files_at(commit: str, paths: Sequence[str]) -> tuple[tuple[str, bytes], ...]:
    """Return the manifests in ``paths``, names with contents, where HEAD left ``commit``.

    HistoryError where they cannot be had, and where they are not plain files alone.
    """
    if not _COMMIT.fullmatch(commit):
        raise HistoryError("the base is not a commit id")
    if STANDARD_INPUT in paths:
        raise HistoryError("standard input has no base")
    base = _git("merge-base", commit, "HEAD").decode().strip()
    names = [os.path.relpath(path) for path in paths]
    listed = _git("ls-tree", "-r", "-l", "-z", base, *([] if "." in names else ["--", *names]))
    found = dict(_manifests(listed, names))
    if len(found) > MAX_FILES or sum(size for _, size in found.values()) > MAX_BYTES:
        raise HistoryError("the base has more manifests than the limits on number and size allow")
    blobs = [blob for blob, _ in found.values()]
    content = _git("cat-file", "--batch", stdin=b"".join(blob + b"\n" for blob in blobs))
    return tuple(zip(found, _parse_contents(content, len(blobs)), strict=True))


def _manifests(listed: bytes, names: Sequence[str]) -> Iterator[tuple[str, tuple[bytes, int]]]:
    for entry in listed.split(b"\0")[:-1]:
        about, _, raw = entry.partition(b"\t")
        mode, _, blob, size = about.split()
        name = os.fsdecode(raw)
        if any(part.startswith(".") for part in name.split("/") if part != ".."):
            continue
        if mode not in _REGULAR:
            raise HistoryError("the base contains a link or a submodule, which is not followed")
        if name.endswith(SUFFIXES) or name in names:
            # Git writes BAD for what a partial clone lacks.
            if not size.isdigit() or int(size) > MAX_FILE_BYTES:
                raise HistoryError(
                    "the base contains a file that is too large or missing from the clone"
                )
            yield name, (blob, int(size))


def _parse_contents(answer: bytes, number: int) -> Iterator[bytes]:
    start = 0
    for _ in range(number):
        end = answer.index(b"\n", start)
        size = int(answer[start:end].split()[-1])
        yield answer[end + 1 : end + 1 + size]
        start = end + size + 2


def _git(*arguments: str, stdin: bytes = b"") -> bytes:
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    try:
        ended = subprocess.run(  # noqa: S603  # no word of it but validated commits and our paths
            [*_GIT, *arguments],
            input=stdin,
            env=environment | _ENVIRONMENT,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HistoryError(f"git {arguments[0]}: {error}") from error
    if ended.returncode:
        reason = " ".join(ended.stderr.decode(errors="replace").split())[:_MAX_CHARACTERS]
        raise HistoryError(
            f"git {arguments[0]}: {reason or 'the clone does not contain enough history'}"
        )
    return ended.stdout
