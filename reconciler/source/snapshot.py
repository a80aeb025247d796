"""The content of all manifests at one moment: read, and read only while nothing changed.

Understands nothing of what it reads. Two equal surveys of the files, some tens of milliseconds
apart and around the reading, are taken for a moment at which nothing changed.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from reconciler.core.errors import UsageError
from reconciler.manifest.budget import TooSlowError, unlimited
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, about_file
from reconciler.source import git_state
from reconciler.source.file_walk import (
    MAX_FILE_BYTES,
    STANDARD_INPUT,
    FileEntry,
    FileTree,
    shown_name,
    walk,
)

# How long to watch for a change, in seconds; each entry is one attempt.
_RETRY_DELAYS = (0.03, 0.06, 0.12, 0.24, 0.48)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Manifests by name, ordered by it, and what kept others from being read.

    With a complaint that is an error, ``files`` are not all there is.
    """

    files: tuple[tuple[str, bytes], ...]
    diagnostics: tuple[Diagnostic, ...]


def read(
    paths: Sequence[str],
    *,
    stdin: BinaryIO,
    sleep: Callable[[float], None] = time.sleep,
    check_time: Callable[[], None] = unlimited,
) -> Snapshot:
    """Return the manifests in ``paths`` as they were at one moment; ``-`` is ``stdin``.

    If ``check_time`` raises TooSlowError, that is the one complaint.

    Raises:
        UsageError: one of ``paths`` does not exist.
    """
    files: list[tuple[str, bytes]] = []
    diagnostics: list[Diagnostic] = []
    if STANDARD_INPUT in paths:
        content = stdin.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            message = f"is larger than {MAX_FILE_BYTES >> 20} MiB"
            diagnostics.append(about_file(Code.LIMIT, STANDARD_INPUT, message))
        else:
            files.append((STANDARD_INPUT, content))
    on_disk = [path for path in paths if path != STANDARD_INPUT]
    if on_disk:
        try:
            snapshot = _read_when_stable(on_disk, sleep, check_time)
        except TooSlowError as error:
            where = ", ".join(map(shown_name, on_disk))
            return Snapshot((), (about_file(Code.LIMIT, where, str(error), error.hint),))
        files += snapshot.files
        diagnostics += snapshot.diagnostics
    return Snapshot(tuple(files), tuple(diagnostics))


def fingerprint(paths: Iterable[str]) -> str:
    """Return a text that changes when the manifests in ``paths`` do, without reading them."""
    try:
        scan = repr(_scan([path for path in paths if path != STANDARD_INPUT]))
    except UsageError as error:
        scan = str(error)
    return hashlib.sha256(scan.encode(errors="surrogateescape")).hexdigest()


def nothing_found(paths: Iterable[str]) -> Diagnostic:
    """Return the complaint for ``paths`` that hold no manifest, where that is not allowed."""
    where = ", ".join(map(shown_name, paths))
    hint = "if the source is meant to be empty, pass --allow-empty to plan, apply or run"
    return about_file(Code.NO_MANIFEST, where, "no manifest found", hint)


@dataclass(frozen=True, slots=True)
class _Scan:
    """What can be seen of some paths without reading the files in them."""

    tree: FileTree
    checkouts: tuple[tuple[str, bool], ...]

    @property
    def git_is_at_work(self) -> bool:
        return any(busy for _, busy in self.checkouts)


def _scan(paths: Iterable[str], check_time: Callable[[], None] = unlimited) -> _Scan:
    paths = tuple(paths)
    return _Scan(walk(paths, check_time), tuple(map(git_state.state, paths)))


def _read_when_stable(
    paths: Sequence[str], sleep: Callable[[float], None], check_time: Callable[[], None]
) -> Snapshot:
    before = _scan(paths, check_time)
    for pause in _RETRY_DELAYS:
        contents = []
        for entry in before.tree.entries:
            check_time()
            contents.append(_content(entry))
        sleep(pause)
        after = _scan(paths, check_time)
        if after == before and not before.git_is_at_work:
            files = tuple(item for item in contents if not isinstance(item, Diagnostic))
            unreadable = tuple(item for item in contents if isinstance(item, Diagnostic))
            return Snapshot(files, before.tree.diagnostics + unreadable)
        before = after
    message, hint = "keeps changing while it is read", "try again when no process writes to it"
    if before.git_is_at_work:
        message = "is being changed by git"
        hint = "if no git process is running, remove .git/index.lock"
    where = ", ".join(map(shown_name, paths))
    return Snapshot((), (about_file(Code.CHANGING, where, message, hint),))


def _content(entry: FileEntry) -> tuple[str, bytes] | Diagnostic:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(entry.path, flags), "rb") as file:
            # The survey saw a regular file; opened without waiting, a pipe in its place does
            # no harm, and the second survey finds the exchange out.
            content = file.read(entry.size + 1)
    except OSError as error:
        return about_file(Code.UNREADABLE, entry.name, f"cannot be read: {error.strerror}")
    if len(content) != entry.size:
        # If it grew, the second survey shows it; a size that is no size must not cut a file short.
        message = (
            f"cannot be read: it does not have the {entry.size} bytes that its directory lists"
        )
        return about_file(Code.UNREADABLE, entry.name, message)
    return entry.name, content
