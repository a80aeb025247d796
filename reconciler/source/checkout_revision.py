"""Finds the commit of manifests in a git checkout, and whether they differ from it.

The content that was read is compared with the tree of the commit. Unlike `git status`, this needs
no index and runs no filter, so that it executes no command of the repository.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from reconciler import limits
from reconciler.core.source_revision import SourceRevision
from reconciler.known_secrets import shown
from reconciler.source import git_state
from reconciler.source.file_walk import STANDARD_INPUT, SUFFIXES
from reconciler.source.git_command import GitError, GitOptions, run_git
from reconciler.source.git_listing import parse_listing

_COMMIT_LINE = re.compile(r"commit ([0-9a-f]{40}|[0-9a-f]{64})")
_SHA1_DIGITS = 40


def checkout_revision(
    paths: Sequence[str], files: Sequence[tuple[str, bytes]]
) -> SourceRevision | None:
    """Return the commit of the checkout that contains `paths`, or None if it is not known.

    It is only shown, so it is None too if git is not installed, fails, or takes too long, and if
    the commit contains no file in `paths`.

    Args:
        paths: The paths that the user passed.
        files: Name and content of all manifests in `paths`, as they were read.
    """
    if STANDARD_INPUT in paths:
        return None
    roots = {path: os.path.realpath(path) for path in paths}
    first = Path(next(iter(roots.values())))
    directory = str(first if first.is_dir() else first.parent)
    # Outside of a checkout, git is not started.
    if not git_state.state(directory)[0]:
        return None
    try:
        head = _run("rev-list", "-n1", "--encoding=UTF-8", "--format=%an%n%s", "HEAD", at=directory)
        line, author, subject = head.decode(errors="replace").split("\n", 2)
        found = _COMMIT_LINE.fullmatch(line)
        if found is None:
            return None
        names = [os.path.relpath(root, directory) for root in roots.values()]
        listing = _run("ls-tree", "-r", "-z", found[1], "--", *names, at=directory)
        blobs = dict(_blobs(listing, directory))
    except (GitError, ValueError):
        return None
    if not blobs:
        return None
    limit = limits.MAX_COMMIT_TEXT_CHARACTERS
    dirty = _differs(blobs, roots, files)
    return SourceRevision(found[1], shown(subject, limit), shown(author, limit), dirty)


def _run(*arguments: str, at: str) -> bytes:
    options = GitOptions(directory=at, timeout_seconds=limits.GIT_REVISION_TIMEOUT_SECONDS)
    return run_git(*arguments, options=options)


def _blobs(listing: bytes, directory: str) -> Iterable[tuple[str, str]]:
    """Yield the path and the id of each regular file in the output of `git ls-tree`."""
    for name, entry in parse_listing(listing):
        if entry.is_regular:
            yield os.path.normpath(f"{directory}/{name}"), entry.blob


def _differs(
    blobs: Mapping[str, str], roots: Mapping[str, str], files: Iterable[tuple[str, bytes]]
) -> bool:
    seen = set()
    for name, content in files:
        path = _real_path(name, roots)
        # A manifest behind a link has another path in the commit.
        path = path if path in blobs else os.path.realpath(name)
        if not _is_blob(content, blobs.get(path, "")):
            return True
        seen.add(path)
    return any(_is_manifest(path, roots.values()) for path in blobs.keys() - seen)


def _real_path(name: str, roots: Mapping[str, str]) -> str:
    """Return the path of a file without the links in the root; resolving each file is slow."""
    for path, root in roots.items():
        if name.startswith(f"{path.rstrip('/')}/"):
            return os.path.normpath(root + "/" + name[len(path.rstrip("/")) :])
    return os.path.realpath(name)


def _is_manifest(path: str, roots: Iterable[str]) -> bool:
    """Return whether the walk of a root would read the file."""
    for root in roots:
        if path.startswith(f"{root.rstrip('/')}/"):
            parts = path[len(root) :].lstrip("/").split("/")
            return path.endswith(SUFFIXES) and not any(part.startswith(".") for part in parts)
    return True


def _is_blob(content: bytes, blob: str) -> bool:
    """Return whether git stores `content` as `blob`, also if it converts the ends of lines."""
    return any(
        _blob_id(text, len(blob)) == blob for text in (content, content.replace(b"\r\n", b"\n"))
    )


def _blob_id(content: bytes, digits: int) -> str:
    name = "sha1" if digits == _SHA1_DIGITS else "sha256"
    head = b"blob %d\0" % len(content)
    return hashlib.new(name, head + content, usedforsecurity=False).hexdigest()
