"""Reads the manifests of an earlier commit with git, without running code of the repository.

Hooks, filters, monitors and fetches that the repository configures do not run. git gets only the
variables PATH and HOME of our environment, because the others may contain credentials.
"""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence

from reconciler import limits
from reconciler.core.errors import HistoryError
from reconciler.source.file_walk import STANDARD_INPUT, SUFFIXES
from reconciler.source.ignore_rules import (
    IGNORE_FILE,
    IgnoreRules,
    InvalidPatternError,
    parse_rules,
)

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_GIT = (
    *("git", "--no-pager", "--no-optional-locks", "--literal-pathspecs"),
    *("-c", "core.fsmonitor=", "-c", "core.hooksPath=/dev/null"),
    *("-c", "safe.bareRepository=explicit"),
)
# In a partial clone git would fetch missing objects with a command that the repository configures.
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "LC_ALL": "C",
}
_PASSED_VARIABLES = ("PATH", "HOME")
_REGULAR = (b"100644", b"100755")


def files_at(
    commit: str, paths: Sequence[str], exclude: Sequence[str] = ()
) -> tuple[tuple[str, bytes], ...]:
    """Return name and content of each manifest in `paths` at the merge base of `commit` and HEAD.

    Files that the patterns of that commit, or those in `exclude`, exclude are left out.

    Raises:
        HistoryError: they cannot be read, exceed a limit, or are not all regular files.
    """
    if not _COMMIT.fullmatch(commit):
        raise HistoryError("the base is not a commit id")
    if STANDARD_INPUT in paths:
        raise HistoryError("standard input has no base")
    base = _git("merge-base", commit, "HEAD").decode().strip()
    names = [os.path.relpath(path) for path in paths]
    listing = _git("ls-tree", "-r", "-l", "-z", base, *([] if "." in names else ["--", *names]))
    rules = {name: _rules_at(base, name, exclude) for name in names}
    manifests = {
        name: entry
        for name, entry in _manifests(listing, names)
        if not any(_is_ignored(name, root, rule) for root, rule in rules.items())
    }
    if (
        len(manifests) > limits.MAX_SOURCE_FILES
        or sum(size for _, size in manifests.values()) > limits.MAX_SOURCE_BYTES
    ):
        raise HistoryError("the base has more manifests than the limits on number and size allow")
    blobs = [blob for blob, _ in manifests.values()]
    content = _git("cat-file", "--batch", stdin=b"".join(blob + b"\n" for blob in blobs))
    return tuple(zip(manifests, _parse_contents(content, len(blobs)), strict=True))


def _is_ignored(name: str, root: str, rules: IgnoreRules) -> bool:
    """Return whether `rules` exclude the file `name` from the directory `root`."""
    if not rules.rules:
        return False
    below = os.path.relpath(name, root)
    is_inside = below != "." and not below.startswith("../")
    return is_inside and rules.ignored_part(below) is not None


def _rules_at(commit: str, directory: str, exclude: Sequence[str]) -> IgnoreRules:
    """Return the patterns of `directory` at `commit`, and those in `exclude`."""
    name = os.path.normpath(f"{directory}/{IGNORE_FILE}")
    listing = _git("ls-tree", "-l", "-z", commit, "--", name)
    lines: list[str] = []
    if listing:
        mode, _, blob, size = listing.partition(b"\t")[0].split()
        if mode not in _REGULAR or not size.isdigit() or int(size) > limits.MAX_IGNORE_FILE_BYTES:
            raise HistoryError(f"the base has a {IGNORE_FILE} that cannot be used")
        lines = os.fsdecode(_git("cat-file", "blob", blob.decode())).splitlines()
    try:
        return parse_rules([*lines, *exclude])
    except InvalidPatternError as error:
        raise HistoryError(f"the {IGNORE_FILE} of the base {error}") from error


def _manifests(listing: bytes, names: Sequence[str]) -> Iterator[tuple[str, tuple[bytes, int]]]:
    for entry in listing.split(b"\0")[:-1]:
        attributes, _, raw = entry.partition(b"\t")
        mode, _, blob, size = attributes.split()
        name = os.fsdecode(raw)
        if any(part.startswith(".") for part in name.split("/") if part != ".."):
            continue
        if mode not in _REGULAR:
            raise HistoryError("the base contains a link or a submodule, which is not followed")
        if name.endswith(SUFFIXES) or name in names:
            # The size is BAD if the object is missing from a partial clone.
            if not size.isdigit() or int(size) > limits.MAX_SOURCE_FILE_BYTES:
                raise HistoryError(
                    "the base contains a file that is too large or missing from the clone"
                )
            yield name, (blob, int(size))


def _parse_contents(output: bytes, count: int) -> Iterator[bytes]:
    start = 0
    for _ in range(count):
        end = output.index(b"\n", start)
        size = int(output[start:end].split()[-1])
        yield output[end + 1 : end + 1 + size]
        start = end + size + 2


def _git(*arguments: str, stdin: bytes = b"") -> bytes:
    environment = {name: os.environ[name] for name in _PASSED_VARIABLES if name in os.environ}
    try:
        result = subprocess.run(  # noqa: S603  # arguments are validated commits and the user's paths
            [*_GIT, *arguments],
            input=stdin,
            env=environment | _ENVIRONMENT,
            capture_output=True,
            check=False,
            timeout=limits.GIT_TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HistoryError(f"git {arguments[0]}: {error}") from error
    if result.returncode:
        reason = " ".join(result.stderr.decode(errors="replace").split())[
            : limits.MAX_GIT_ERROR_CHARACTERS
        ]
        raise HistoryError(
            f"git {arguments[0]}: {reason or 'the clone does not contain enough history'}"
        )
    return result.stdout
