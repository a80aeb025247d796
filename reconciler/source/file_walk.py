"""Which files are manifests: a walk over what the user named, which opens none of them.

A symbolic link is followed only inside the directory that was named, and each file is listed
once however many names it has. What cannot be looked at is a complaint, never an absence.
"""

import os
import stat
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.core.errors import UsageError
from reconciler.core.escaping import escaped
from reconciler.manifest.budget import unlimited
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, about_file

STANDARD_INPUT = "-"

# Editors' swap and backup files (.x.yaml.swp, x.yaml~, #x.yaml#, 4913) are hidden or end otherwise.
SUFFIXES = (".yaml", ".yml", ".json", ".template")

MAX_FILES = 10_000
MAX_DEPTH = 8
MAX_FILE_BYTES = 1 << 20
MAX_BYTES = 64 << 20


Stamp: TypeAlias = tuple[int, int, int, int, int]


def stamp_of(status: os.stat_result) -> Stamp:
    """Return what of a file's status changes when its content does."""
    times = status.st_mtime_ns, status.st_ctime_ns
    return status.st_dev, status.st_ino, status.st_size, *times


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file to read: the name to show, where it really is, and its stamp when it was listed."""

    name: str
    path: str
    stamp: Stamp

    @property
    def size(self) -> int:
        """How many bytes it had when it was listed."""
        return self.stamp[2]


@dataclass(frozen=True, slots=True)
class FileTree:
    """The manifests below what was named, ordered by name, and what is wrong there."""

    entries: tuple[FileEntry, ...]
    diagnostics: tuple[Diagnostic, ...]


class _LimitError(Exception):
    """There is more than a directory of manifests holds; the rest is not looked at."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def walk(paths: Iterable[str], check_time: Callable[[], None] = unlimited) -> FileTree:
    """List the manifests in ``paths``; UsageError where one of them does not exist.

    Over a limit on number, depth or size nothing is listed: a part would look like removals.
    ``check_time`` is called for each directory, and what it raises is passed on.
    """
    walk = _Walk(check_time)
    try:
        for path in paths:
            walk.start(path)
    except _LimitError as error:
        over = about_file(Code.LIMIT, error.name, str(error), "pass a smaller directory")
        return FileTree((), (*walk.diagnostics, over))
    entries = sorted(walk.entries.values(), key=lambda entry: entry.name)
    return FileTree(tuple(entries), tuple(walk.diagnostics))


class _Walk:
    """What was found so far; ``entries`` is by real path, so that no file counts twice."""

    def __init__(self, check_time: Callable[[], None]) -> None:
        self._check_time = check_time
        self.entries: dict[str, FileEntry] = {}
        self.diagnostics: list[Diagnostic] = []
        self._directories: set[str] = set()
        self._links: deque[tuple[str, str, tuple[str, ...]]] = deque()
        self._bytes = 0

    def start(self, path: str) -> None:
        """Add ``path`` itself, whatever its name, and all below it."""
        if not path:
            # A variable of the shell that was never set must not read the working directory.
            raise UsageError(
                "a PATH is empty: pass a file or a directory, or . for the working directory"
            )
        try:
            real = os.path.realpath(path, strict=True)
            status = os.lstat(real)
        except FileNotFoundError:
            raise UsageError(f"{escaped(shown_name(path))} does not exist") from None
        except OSError as error:
            self._report(Code.UNREADABLE, path, f"cannot be read: {error.strerror}")
            return
        if not stat.S_ISDIR(status.st_mode):
            self._file(path, real, status)
            return
        # The root is resolved once, so that a link which is turned meanwhile (git-sync, a
        # ConfigMap) cannot make half of the files come from elsewhere.
        self._directory(path, real, ())
        # Links come last: where a file has several names, its own is the one to show.
        while self._links:
            self._link(real, *self._links.popleft())

    def _directory(self, name: str, path: str, above: tuple[str, ...]) -> None:
        self._check_time()
        if path in self._directories:
            return
        if len(above) > MAX_DEPTH:
            raise _LimitError(name, f"is more than {MAX_DEPTH} directories deep")
        self._directories.add(path)
        try:
            with os.scandir(path) as listing:
                found = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            self._report(Code.UNREADABLE, name, f"cannot be read: {error.strerror}")
            return
        for entry in found:
            if not entry.name.startswith("."):
                self._entry(f"{name.rstrip('/')}/{entry.name}", entry.path, (*above, path))

    def _entry(self, name: str, path: str, above: tuple[str, ...]) -> None:
        try:
            status = os.lstat(path)
        except OSError as error:
            self._report(Code.UNREADABLE, name, f"cannot be read: {error.strerror}")
            return
        if stat.S_ISLNK(status.st_mode):
            self._links.append((name, path, above))
        elif stat.S_ISDIR(status.st_mode):
            self._directory(name, path, above)
        elif name.endswith(SUFFIXES):
            self._file(name, path, status)

    def _link(self, root: str, name: str, link: str, above: tuple[str, ...]) -> None:
        try:
            path = os.path.realpath(link, strict=True)
            status = os.lstat(path)
        except OSError as error:
            self._report(Code.SYMLINK, name, f"is a link that cannot be followed: {error.strerror}")
            return
        is_directory = stat.S_ISDIR(status.st_mode)
        if not is_directory and not name.endswith(SUFFIXES):
            return
        if os.path.commonpath((path, root)) != root:
            self._report(Code.SYMLINK, name, "is a link that points outside the directory")
        elif path in above:
            self._report(Code.SYMLINK, name, "is a link to a directory that contains it")
        elif is_directory:
            self._directory(name, path, above)
        else:
            self._file(name, path, status)

    def _file(self, name: str, path: str, status: os.stat_result) -> None:
        if path in self.entries:
            return
        if shown_name(name) != name:
            self._report(Code.FILE_NAME, name, "has a name that is not UTF-8")
        elif not stat.S_ISREG(status.st_mode):
            self._report(Code.NOT_REGULAR, name, "is not a regular file", "pass - to read a pipe")
        elif status.st_size > MAX_FILE_BYTES:
            self._report(Code.LIMIT, name, f"is larger than {MAX_FILE_BYTES >> 20} MiB")
        else:
            self._bytes += status.st_size
            self.entries[path] = FileEntry(name, path, stamp_of(status))
            if len(self.entries) > MAX_FILES:
                raise _LimitError(name, f"exceeds the limit of {MAX_FILES:,} files")
            if self._bytes > MAX_BYTES:
                raise _LimitError(name, f"exceeds the limit of {MAX_BYTES >> 20} MiB in total")

    def _report(self, code: Code, name: str, message: str, hint: str = "") -> None:
        self.diagnostics.append(about_file(code, shown_name(name), message, hint))


def shown_name(name: str) -> str:
    r"""Return the file name ``name`` with the bytes that are not UTF-8 spelled out: ``\xff``."""
    return os.fsencode(name).decode(errors="backslashreplace")
