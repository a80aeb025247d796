"""A consistent snapshot of the content of all manifests, without parsing it.

The files are scanned before and after they are read, some tens of milliseconds apart. If both scans
are equal, no file changed in between.
"""

import hashlib
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.core.source_revision import SourceRevision
from reconciler.manifest.budget import TooSlowError, unlimited
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, about_file
from reconciler.source import git_state
from reconciler.source.file_walk import (
    STANDARD_INPUT,
    SUFFIXES,
    FileEntry,
    FileTree,
    printable_name,
    walk,
)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The manifests at one moment."""

    files: tuple[tuple[str, bytes], ...]
    """Name and content, ordered by name; incomplete if there is an error in `diagnostics`."""
    diagnostics: tuple[Diagnostic, ...]
    """Files and directories that could not be read."""
    revision: SourceRevision | None = None
    """The commit of the files; None outside of git."""
    ignored: tuple[str, ...] = ()
    """Files and directories that patterns exclude."""
    notices: tuple[str, ...] = ()
    """Sentences about the commit: why it is not the newest of its branch."""

    @property
    def content_id(self) -> str:
        """The commit, or a digest of all names and contents."""
        if self.revision is not None:
            return self.revision.commit
        digest = hashlib.sha256()
        for name, content in self.files:
            digest.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape") + content)
        return digest.hexdigest()


def read(
    paths: Sequence[str],
    *,
    stdin: BinaryIO,
    sleep: Callable[[float], None] = time.sleep,
    check_time: Callable[[], None] = unlimited,
    exclude: Sequence[str] = (),
) -> Snapshot:
    """Return the manifests in `paths` as they were at one moment; ``-`` is `stdin`.

    The patterns in `exclude` exclude files of directories.

    If `check_time` raises TooSlowError, the only result is a diagnostic about it.

    Raises:
        UsageError: one of `paths` is empty or does not exist, or a pattern in `exclude` is invalid.
    """
    files: list[tuple[str, bytes]] = []
    diagnostics: list[Diagnostic] = []
    ignored: tuple[str, ...] = ()
    if STANDARD_INPUT in paths:
        content = stdin.read(limits.MAX_SOURCE_FILE_BYTES + 1)
        if len(content) > limits.MAX_SOURCE_FILE_BYTES:
            message = f"is larger than {limits.MAX_SOURCE_FILE_BYTES >> 20} MiB"
            diagnostics.append(about_file(Code.LIMIT, STANDARD_INPUT, message))
        else:
            files.append((STANDARD_INPUT, content))
    on_disk = [path for path in paths if path != STANDARD_INPUT]
    if on_disk:
        try:
            snapshot = _read_when_stable(on_disk, exclude, sleep, check_time)
        except TooSlowError as error:
            names = ", ".join(map(printable_name, on_disk))
            return Snapshot((), (about_file(Code.LIMIT, names, str(error), error.hint),))
        files += snapshot.files
        diagnostics += snapshot.diagnostics
        ignored = snapshot.ignored
    return Snapshot(tuple(files), tuple(diagnostics), ignored=ignored)


def fingerprint(paths: Iterable[str], exclude: Sequence[str] = ()) -> str:
    """Return a text that changes when the manifests in `paths` change; reads no manifest."""
    try:
        scan = repr(_scan([path for path in paths if path != STANDARD_INPUT], exclude))
    except UsageError as error:
        scan = str(error)
    return hashlib.sha256(scan.encode(errors="surrogateescape")).hexdigest()


def no_manifest_diagnostic(paths: Iterable[str]) -> Diagnostic:
    """Return the diagnostic for `paths` that contain no manifest."""
    names = ", ".join(map(printable_name, paths))
    *suffixes, last = (f"*{suffix}" for suffix in SUFFIXES)
    hint = (
        f"files named {', '.join(suffixes)} or {last} are read; if the source is meant to be "
        "empty, pass --allow-empty to plan, apply or run"
    )
    return about_file(Code.NO_MANIFEST, names, "no manifest found", hint)


@dataclass(frozen=True, slots=True)
class _Scan:
    """The state of some paths, without the content of the files."""

    tree: FileTree
    checkouts: tuple[tuple[str, bool], ...]

    @property
    def is_git_running(self) -> bool:
        return any(busy for _, busy in self.checkouts)


def _scan(
    paths: Iterable[str], exclude: Sequence[str], check_time: Callable[[], None] = unlimited
) -> _Scan:
    paths = tuple(paths)
    return _Scan(walk(paths, check_time, exclude=exclude), tuple(map(git_state.state, paths)))


def _read_when_stable(
    paths: Sequence[str],
    exclude: Sequence[str],
    sleep: Callable[[float], None],
    check_time: Callable[[], None],
) -> Snapshot:
    before = _scan(paths, exclude, check_time)
    for delay in limits.SCAN_DELAYS_SECONDS:
        contents = []
        for entry in before.tree.entries:
            check_time()
            contents.append(_content(entry))
        sleep(delay)
        after = _scan(paths, exclude, check_time)
        if after == before and not before.is_git_running:
            files = tuple(item for item in contents if not isinstance(item, Diagnostic))
            unreadable = tuple(item for item in contents if isinstance(item, Diagnostic))
            tree = before.tree
            return Snapshot(files, tree.diagnostics + unreadable, ignored=tree.ignored)
        before = after
    message, hint = "keeps changing while it is read", "try again when no process writes to it"
    if before.is_git_running:
        message = "is being changed by git"
        hint = "if no git process is running, remove .git/index.lock"
    names = ", ".join(map(printable_name, paths))
    return Snapshot((), (about_file(Code.CHANGING, names, message, hint),))


def _content(entry: FileEntry) -> tuple[str, bytes] | Diagnostic:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(entry.path, flags), "rb") as file:
            # The scan found a regular file. If a pipe has replaced it, O_NONBLOCK prevents
            # waiting for it, and the second scan detects the change.
            content = file.read(entry.size + 1)
    except OSError as error:
        return about_file(Code.UNREADABLE, entry.name, f"cannot be read: {error.strerror}")
    if len(content) != entry.size:
        # The second scan detects a file that grew. The size is wrong on some file systems (0 in
        # /proc), and must not truncate the content.
        message = (
            f"cannot be read: it does not have the {entry.size} bytes that its directory lists"
        )
        return about_file(Code.UNREADABLE, entry.name, message)
    return entry.name, content
