"""Reads the manifests of an earlier commit with git, without running code of the repository."""

import os
from collections.abc import Iterator, Mapping, Sequence

from reconciler import limits
from reconciler.core.errors import HistoryError
from reconciler.source.file_walk import STANDARD_INPUT, SUFFIXES
from reconciler.source.git_command import GitError, parse_contents, run_git
from reconciler.source.git_listing import parse_listing
from reconciler.source.git_url import COMMIT
from reconciler.source.ignore_rules import (
    IGNORE_FILE,
    IgnoreRules,
    InvalidPatternError,
    parse_rules,
)


def files_at(
    commit: str, paths: Sequence[str], exclude: Sequence[str] = ()
) -> tuple[tuple[str, bytes], ...]:
    """Return name and content of each manifest in `paths` at the merge base of `commit` and HEAD.

    Files that the patterns of that commit, or those in `exclude`, exclude are left out.

    Raises:
        HistoryError: they cannot be read, exceed a limit, or are not all regular files.
    """
    if not COMMIT.fullmatch(commit):
        raise HistoryError("the base is not a commit id")
    if STANDARD_INPUT in paths:
        raise HistoryError("standard input has no base")
    base = _git("merge-base", commit, "HEAD").decode().strip()
    names = [os.path.relpath(path) for path in paths]
    listing = _git("ls-tree", "-r", "-l", "-z", base, *([] if "." in names else ["--", *names]))
    rules = {name: _rules_at(base, name, exclude) for name in names}
    manifests = dict(_manifests(listing, rules))
    if (
        len(manifests) > limits.MAX_SOURCE_FILES
        or sum(size for _, size in manifests.values()) > limits.MAX_SOURCE_BYTES
    ):
        raise HistoryError("the base has more manifests than the limits on number and size allow")
    blobs = [blob for blob, _ in manifests.values()]
    content = _git("cat-file", "--batch", stdin="".join(f"{blob}\n" for blob in blobs).encode())
    return tuple(zip(manifests, parse_contents(content, len(blobs)), strict=True))


def _is_ignored(name: str, rules: Mapping[str, IgnoreRules]) -> bool:
    """Return whether no path of `rules` includes the file `name`."""
    for path, rules_of_path in rules.items():
        below = os.path.relpath(name, path)
        # A file that is a path itself is always read.
        if below == "." or (
            not below.startswith("../") and rules_of_path.ignored_part(below) is None
        ):
            return False
    return True


def _rules_at(commit: str, directory: str, exclude: Sequence[str]) -> IgnoreRules:
    """Return the patterns of `directory` at `commit`, and those in `exclude`."""
    name = os.path.normpath(f"{directory}/{IGNORE_FILE}")
    listing = _git("ls-tree", "-l", "-z", commit, "--", name)
    lines: list[str] = []
    for _, entry in parse_listing(listing):
        size = entry.size if entry.is_regular else None
        if size is None or size > limits.MAX_IGNORE_FILE_BYTES:
            raise HistoryError(f"the base has a {IGNORE_FILE} that cannot be used")
        lines = os.fsdecode(_git("cat-file", "blob", entry.blob)).splitlines()
    try:
        return parse_rules([*lines, *exclude])
    except InvalidPatternError as error:
        raise HistoryError(f"the {IGNORE_FILE} of the base {error}") from error


def _manifests(
    listing: bytes, rules: Mapping[str, IgnoreRules]
) -> Iterator[tuple[str, tuple[str, int]]]:
    """Yield the names, ids and sizes of the manifests in `listing`, with the `rules` by path."""
    for name, entry in parse_listing(listing):
        if any(part.startswith(".") for part in name.split("/") if part != ".."):
            continue
        if _is_ignored(name, rules):
            continue
        if not entry.is_regular:
            raise HistoryError("the base contains a link or a submodule, which is not followed")
        if name.endswith(SUFFIXES) or name in rules:
            if entry.size is None or entry.size > limits.MAX_SOURCE_FILE_BYTES:
                raise HistoryError(
                    "the base contains a file that is too large or missing from the clone"
                )
            yield name, (entry.blob, entry.size)


def _git(*arguments: str, stdin: bytes = b"") -> bytes:
    try:
        return run_git(*arguments, stdin=stdin)
    except GitError as error:
        if str(error).endswith("exit code 1"):
            # merge-base prints nothing if there is no common commit.
            error = GitError(f"git {arguments[0]}: the clone does not contain enough history")
        raise HistoryError(str(error)) from error
