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
from typing import NamedTuple

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.core.escaping import escaped
from reconciler.core.resources import Origin
from reconciler.manifest.budget import unlimited
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, about_file, did_you_mean
from reconciler.source.files import SUBMODULE, DiskFiles, Files, Stamp, Status
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


class FileEntry(NamedTuple):
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
    files: Files = DiskFiles(),  # noqa: B008  # it has no state
    exclude: Sequence[str] = (),
) -> FileTree:
    """List the manifest files in `paths`, except those that patterns exclude.

    The patterns of a directory are those in its `IGNORE_FILE`, then `exclude`.

    If a limit on number, depth or size is exceeded, no file is listed: a partial list would look
    as if manifests had been removed. `check_time` is called for each directory and may raise.

    Raises:
        UsageError: one of `paths` is empty or does not exist, or a pattern in `exclude` is invalid.
    """
    try:
        walker = _Walker(check_time, files, parse_rules(exclude))
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

    def __init__(self, check_time: Callable[[], None], files: Files, exclude: IgnoreRules) -> None:
        self._check_time = check_time
        self._files = files
        self._exclude = exclude
        self._rules = exclude
        self._root = ""
        self.entries: dict[str, FileEntry] = {}
        self.diagnostics: list[Diagnostic] = []
        self.ignored: list[str] = []
        self._directories: set[str] = set()
        self._links: deque[tuple[str, str, tuple[str, ...]]] = deque()
        self._bytes = 0

    def add(self, path: str) -> None:
        """Add the file `path` with any suffix, or all manifest files in the directory `path`."""
        try:
            real = self._files.real_path(path)
            status = self._files.status(real)
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
        if not stat.S_ISDIR(status.mode):
            self._add_file(path, real, status)
            return
        self._root, self._rules = f"{path.rstrip('/')}/", self._exclude
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
            children = sorted(self._files.children(path))
        except OSError as error:
            self._report(Code.UNREADABLE, name, f"cannot be read: {error.strerror}")
            return
        if IGNORE_FILE in children and not self._use_rules(name, path, is_root=not ancestors):
            return
        for child in children:
            if not child.startswith("."):
                below = f"{path.rstrip('/')}/{child}"
                self._add_entry(_name_in(name, child), below, (*ancestors, path))

    def _use_rules(self, name: str, path: str, *, is_root: bool) -> bool:
        """Use the patterns of a directory; return whether its files can be read nevertheless."""
        ignore_file = _name_in(name, IGNORE_FILE)
        if not is_root:
            message = "is not at the top of a PATH, so its patterns would not be used"
            self._report(Code.IGNORE_FILE, ignore_file, message, "move them there")
            return True
        try:
            lines = _ignore_lines(self._files, path)
            self._rules = parse_rules(lines) + self._exclude
        except OSError as error:
            self._report(Code.IGNORE_FILE, ignore_file, f"cannot be read: {error.strerror}")
            return False
        except InvalidPatternError as error:
            origin = Origin(escaped(printable_name(ignore_file)), error.line, 1)
            self.diagnostics.append(Diagnostic(Code.IGNORE_FILE, origin, str(error)))
            return False
        return True

    def _add_entry(self, name: str, path: str, ancestors: tuple[str, ...]) -> None:
        try:
            status = self._files.status(path)
        except OSError as error:
            self._report(Code.UNREADABLE, name, f"cannot be read: {error.strerror}")
            return
        if self._is_ignored(name, status.mode):
            return
        if stat.S_ISLNK(status.mode):
            self._links.append((name, path, ancestors))
        elif stat.S_ISDIR(status.mode):
            self._add_directory(name, path, ancestors)
        elif stat.S_IFMT(status.mode) == SUBMODULE:
            self._report(Code.NOT_REGULAR, name, "is a submodule, which is not read")
        elif name.endswith(SUFFIXES):
            self._add_file(name, path, status)

    def _is_ignored(self, name: str, mode: int) -> bool:
        """Return whether patterns exclude `name`, and record it if it would be read otherwise."""
        is_directory = stat.S_IFMT(mode) in (stat.S_IFDIR, SUBMODULE)
        if not self._rules.rules or (stat.S_ISREG(mode) and not name.endswith(SUFFIXES)):
            return False
        self._check_time()
        if not self._rules.ignores(name.removeprefix(self._root), is_directory=is_directory):
            return False
        self.ignored.append(printable_name(f"{name}/" if is_directory else name))
        return True

    def _add_link(self, root: str, name: str, link: str, ancestors: tuple[str, ...]) -> None:
        try:
            path = self._files.real_path(link)
            status = self._files.status(path)
        except OSError as error:
            self._report(Code.SYMLINK, name, f"is a link that cannot be followed: {error.strerror}")
            return
        is_directory = stat.S_ISDIR(status.mode)
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

    def _add_file(self, name: str, path: str, status: Status) -> None:
        if path in self.entries:
            return
        if printable_name(name) != name:
            self._report(Code.FILE_NAME, name, "has a name that is not UTF-8")
        elif not stat.S_ISREG(status.mode):
            self._report(Code.NOT_REGULAR, name, "is not a regular file", "pass - to read a pipe")
        elif status.size > limits.MAX_SOURCE_FILE_BYTES:
            self._report(
                Code.LIMIT, name, f"is larger than {limits.MAX_SOURCE_FILE_BYTES >> 20} MiB"
            )
        else:
            self._bytes += status.size
            self.entries[path] = FileEntry(name, path, status.stamp)
            if len(self.entries) > limits.MAX_SOURCE_FILES:
                raise _LimitError(name, f"exceeds the limit of {limits.MAX_SOURCE_FILES:,} files")
            if self._bytes > limits.MAX_SOURCE_BYTES:
                raise _LimitError(
                    name, f"exceeds the limit of {limits.MAX_SOURCE_BYTES >> 20} MiB in total"
                )

    def _report(self, code: Code, name: str, message: str, hint: str = "") -> None:
        self.diagnostics.append(about_file(code, printable_name(name), message, hint))


def _name_in(directory: str, child: str) -> str:
    """Return the name of a file in `directory`; the root of a commit has no name."""
    return f"{directory.rstrip('/')}/{child}" if directory else child


def _ignore_lines(files: Files, directory: str) -> list[str]:
    """Return the lines of the `IGNORE_FILE` in `directory`.

    Raises:
        OSError: It cannot be read, is too large, or is a link that leaves `directory`.
    """
    path = files.real_path(f"{directory.rstrip('/')}/{IGNORE_FILE}")
    if os.path.commonpath((path, directory)) != directory:
        raise OSError(errno.EXDEV, "it is a link that points outside the directory")
    return os.fsdecode(files.read_patterns(path)).splitlines()


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
