"""Lists the manifest files in the paths that the user passed, without opening manifests.

A symbolic link is followed only inside the directory that was passed. A file with several names is
listed once. A path that cannot be read gets a diagnostic and never counts as absent.
"""

import errno
import os
import stat
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.core.escaping import escaped
from reconciler.core.resources import Origin
from reconciler.manifest.budget import unlimited
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, about_file, did_you_mean
from reconciler.source.ignore_rules import (
    IGNORE_FILE,
    IgnoreRules,
    InvalidPatternError,
    parse_rules,
)

STANDARD_INPUT = "-"
DEFAULT_SOURCE = "manifests"

# Swap and backup files of editors are hidden or have other suffixes: .x.yaml.swp, x.yaml~.
SUFFIXES = (".yaml", ".yml", ".json", ".template")


Stamp: TypeAlias = tuple[int, int, int, int, int]


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the parts of a file's status that change when its content changes."""
    times = status.st_mtime_ns, status.st_ctime_ns
    return status.st_dev, status.st_ino, status.st_size, *times


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file to read."""

    name: str
    """Name for messages."""
    path: str
    """Real path, without symbolic links."""
    stamp: Stamp
    """Its stamp when it was listed."""

    @property
    def size(self) -> int:
        """Its size in bytes when it was listed."""
        return self.stamp[2]


@dataclass(frozen=True, slots=True)
class FileTree:
    """The manifest files in some paths, ordered by name, and the problems found there."""

    entries: tuple[FileEntry, ...]
    diagnostics: tuple[Diagnostic, ...]
    ignored: tuple[str, ...] = ()
    """Manifest files and directories that patterns exclude; a directory ends with a slash."""


class _LimitError(Exception):
    """A limit on number, depth or size is exceeded; the walk ends."""

    def __init__(self, name: str, message: str) -> None:
        super().__init__(message)
        self.name = name


def walk(
    paths: Iterable[str],
    check_time: Callable[[], None] = unlimited,
    exclude: Sequence[str] = (),
) -> FileTree:
    """List the manifest files in `paths`, except those that patterns exclude.

    The patterns of a directory are those in its `IGNORE_FILE`, then `exclude`.

    If a limit on number, depth or size is exceeded, no file is listed: a partial list would look
    as if manifests had been removed. `check_time` is called for each directory and may raise.

    Raises:
        UsageError: one of `paths` is empty or does not exist.
    """
    try:
        walker = _Walker(check_time, parse_rules(exclude))
    except InvalidPatternError as error:
        message = f"exclude in the target's table: pattern {error.line} {error}"
        raise UsageError(message) from None
    try:
        for path in paths:
            walker.add(path)
    except _LimitError as error:
        diagnostic = about_file(Code.LIMIT, error.name, str(error), "pass a smaller directory")
        return FileTree((), (*walker.diagnostics, diagnostic))
    entries = sorted(walker.entries.values(), key=lambda entry: entry.name)
    return FileTree(tuple(entries), tuple(walker.diagnostics), tuple(sorted(walker.ignored)))


class _Walker:
    """The state of a walk.

    Attributes:
        entries: Files by real path, so that each file is listed once.
        diagnostics: Problems found so far.
        ignored: Names that patterns exclude.
    """

    def __init__(self, check_time: Callable[[], None], exclude: IgnoreRules) -> None:
        self._check_time = check_time
        self._exclude = exclude
        self._rules = IgnoreRules()
        self._root = ""
        self.ignored: list[str] = []
        self.entries: dict[str, FileEntry] = {}
        self.diagnostics: list[Diagnostic] = []
        self._directories: set[str] = set()
        self._links: deque[tuple[str, str, tuple[str, ...]]] = deque()
        self._bytes = 0

    def add(self, path: str) -> None:
        """Add the file `path` with any suffix, or all manifest files in the directory `path`."""
        if not path:
            # An unset shell variable must not read the working directory.
            raise UsageError(
                "a PATH is empty: pass a file or a directory, or . for the working directory"
            )
        try:
            real = os.path.realpath(path, strict=True)
            status = os.lstat(real)
        except FileNotFoundError:
            which = "the default PATH" if path == DEFAULT_SOURCE else _similar_path(path)
            which = f" ({escaped(which)})" if which else ""
            raise UsageError(
                f"{escaped(printable_name(path))} does not exist{which}: create it, pass the PATH "
                "of the manifests, or set source in the target's table of reconciler.toml"
            ) from None
        except OSError as error:
            self._report(Code.UNREADABLE, path, f"cannot be read: {error.strerror}")
            return
        if not stat.S_ISDIR(status.st_mode):
            self._add_file(path, real, status)
            return
        try:
            self._rules = parse_rules(_ignore_lines(real)) + self._exclude
        except (OSError, InvalidPatternError) as error:
            self._report_rules(path, error)
            return
        self._root = f"{path.rstrip('/')}/"
        # The root is resolved once: git-sync and ConfigMaps replace a link during the walk, and
        # the files must all come from the same directory.
        self._add_directory(path, real, ())
        # Links come last, so that a file with several names is listed under its own name.
        while self._links:
            self._add_link(real, *self._links.popleft())

    def _add_directory(self, name: str, path: str, ancestors: tuple[str, ...]) -> None:
        self._check_time()
        if path in self._directories:
            return
        if len(ancestors) > limits.MAX_SOURCE_DEPTH:
            raise _LimitError(name, f"is more than {limits.MAX_SOURCE_DEPTH} directories deep")
        self._directories.add(path)
        try:
            with os.scandir(path) as listing:
                children = sorted(listing, key=lambda child: child.name)
        except OSError as error:
            self._report(Code.UNREADABLE, name, f"cannot be read: {error.strerror}")
            return
        for child in children:
            if child.name == IGNORE_FILE and ancestors:
                message = "is not at the top of a PATH, so its patterns would not be used"
                self._report(Code.IGNORE_FILE, f"{name}/{child.name}", message, "move them there")
            elif not child.name.startswith("."):
                self._add_entry(f"{name.rstrip('/')}/{child.name}", child.path, (*ancestors, path))

    def _add_entry(self, name: str, path: str, ancestors: tuple[str, ...]) -> None:
        try:
            status = os.lstat(path)
        except OSError as error:
            self._report(Code.UNREADABLE, name, f"cannot be read: {error.strerror}")
            return
        if self._is_ignored(name, status.st_mode):
            return
        if stat.S_ISLNK(status.st_mode):
            self._links.append((name, path, ancestors))
        elif stat.S_ISDIR(status.st_mode):
            self._add_directory(name, path, ancestors)
        elif name.endswith(SUFFIXES):
            self._add_file(name, path, status)

    def _is_ignored(self, name: str, mode: int) -> bool:
        """Return whether patterns exclude `name`, and record it if it would be read otherwise."""
        is_directory = stat.S_ISDIR(mode)
        if not self._rules.rules or (stat.S_ISREG(mode) and not name.endswith(SUFFIXES)):
            return False
        self._check_time()
        if not self._rules.ignores(name.removeprefix(self._root), is_directory=is_directory):
            return False
        self.ignored.append(printable_name(f"{name}/" if is_directory else name))
        return True

    def _add_link(self, root: str, name: str, link: str, ancestors: tuple[str, ...]) -> None:
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
        elif path in ancestors:
            self._report(Code.SYMLINK, name, "is a link to a directory that contains it")
        elif is_directory:
            self._add_directory(name, path, ancestors)
        else:
            self._add_file(name, path, status)

    def _add_file(self, name: str, path: str, status: os.stat_result) -> None:
        if path in self.entries:
            return
        if printable_name(name) != name:
            self._report(Code.FILE_NAME, name, "has a name that is not UTF-8")
        elif not stat.S_ISREG(status.st_mode):
            self._report(Code.NOT_REGULAR, name, "is not a regular file", "pass - to read a pipe")
        elif status.st_size > limits.MAX_SOURCE_FILE_BYTES:
            self._report(
                Code.LIMIT, name, f"is larger than {limits.MAX_SOURCE_FILE_BYTES >> 20} MiB"
            )
        else:
            self._bytes += status.st_size
            self.entries[path] = FileEntry(name, path, stamp_of(status))
            if len(self.entries) > limits.MAX_SOURCE_FILES:
                raise _LimitError(name, f"exceeds the limit of {limits.MAX_SOURCE_FILES:,} files")
            if self._bytes > limits.MAX_SOURCE_BYTES:
                raise _LimitError(
                    name, f"exceeds the limit of {limits.MAX_SOURCE_BYTES >> 20} MiB in total"
                )

    def _report_rules(self, path: str, error: OSError | InvalidPatternError) -> None:
        name = printable_name(f"{path.rstrip('/')}/{IGNORE_FILE}")
        line, message = 1, f"cannot be read: {getattr(error, 'strerror', '')}"
        if isinstance(error, InvalidPatternError):
            line, message = error.line, str(error)
        origin = Origin(escaped(name), line, 1)
        self.diagnostics.append(Diagnostic(Code.IGNORE_FILE, origin, message))

    def _report(self, code: Code, name: str, message: str, hint: str = "") -> None:
        self.diagnostics.append(about_file(code, printable_name(name), message, hint))


def _ignore_lines(directory: str) -> list[str]:
    """Return the lines of the `IGNORE_FILE` in `directory`; none if there is no such file.

    Raises:
        OSError: It cannot be read, is not a regular file or a link that leaves `directory`.
    """
    try:
        path = os.path.realpath(f"{directory}/{IGNORE_FILE}", strict=True)
    except FileNotFoundError:
        if os.path.lexists(f"{directory}/{IGNORE_FILE}"):
            raise
        return []
    if os.path.commonpath((path, directory)) != directory:
        raise OSError(errno.EXDEV, "it is a link that points outside the directory")
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        content = file.read(limits.MAX_IGNORE_FILE_BYTES + 1)
    if len(content) > limits.MAX_IGNORE_FILE_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {limits.MAX_IGNORE_FILE_BYTES >> 10} KiB")
    return os.fsdecode(content).splitlines()


def printable_name(name: str) -> str:
    r"""Return `name` with each byte that is not UTF-8 replaced by an escape such as ``\xff``."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _similar_path(path: str) -> str:
    """Return a hint with a path in the same directory, or an empty text."""
    parent, slash, _ = path.rstrip("/").rpartition("/")
    try:
        with os.scandir(parent + slash or ".") as listing:
            names = [printable_name(f"{parent}{slash}{entry.name}") for entry in listing]
    except OSError:
        return ""
    return did_you_mean(path, names)
