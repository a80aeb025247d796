"""The operations on files that a walk needs, on disk; `git_tree` has those of a commit."""

import errno
import os
import stat
from typing import NamedTuple, Protocol, TypeAlias

from reconciler import limits
from reconciler.core.errors import UsageError

# The type of a submodule in a tree of git; no file system has it.
SUBMODULE = 0o160000

Stamp: TypeAlias = tuple[int, int, int, int, int]


def stamp_of(status: os.stat_result) -> Stamp:
    """Return the parts of a file's status that change when its content changes."""
    times = status.st_mtime_ns, status.st_ctime_ns
    return status.st_dev, status.st_ino, status.st_size, *times


class Status(NamedTuple):
    """The mode of a file or link, as in `os.stat_result`, and its stamp."""

    mode: int
    stamp: Stamp

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self.stamp[2]


class Files(Protocol):
    """Files on disk or in a commit. The methods raise OSError like those of os."""

    def real_path(self, path: str) -> str:
        """Return `path` without symbolic links."""

    def status(self, path: str) -> Status:
        """Return the status of a file, or of a link itself."""

    def children(self, path: str) -> list[str]:
        """Return the names in a directory."""

    def read_patterns(self, path: str) -> bytes:
        """Return the content of an `IGNORE_FILE`, which `require_patterns_file` has checked."""


class DiskFiles:
    """Files on disk."""

    @staticmethod
    def real_path(path: str) -> str:
        """Return `path` without symbolic links."""
        if not path:
            # An unset shell variable must not read the working directory.
            raise UsageError(
                "a PATH is empty: pass a file or a directory, or . for the working directory"
            )
        return os.path.realpath(path, strict=True)

    @staticmethod
    def status(path: str) -> Status:
        """Return the status of a file, or of a link itself."""
        status = os.lstat(path)
        return Status(status.st_mode, stamp_of(status))

    @staticmethod
    def children(path: str) -> list[str]:
        """Return the names in a directory."""
        with os.scandir(path) as listing:
            return [entry.name for entry in listing]

    @staticmethod
    def read_patterns(path: str) -> bytes:
        """Return the content of an `IGNORE_FILE`."""
        # A pipe must not be waited for.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            status = os.fstat(file.fileno())
            require_patterns_file(status.st_mode, status.st_size)
            return file.read(limits.MAX_IGNORE_FILE_BYTES)


def require_patterns_file(mode: int, size: int) -> None:
    """Raise OSError if a file with this mode and size cannot be an `IGNORE_FILE`."""
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file")
    if size > limits.MAX_IGNORE_FILE_BYTES:
        raise OSError(errno.EFBIG, f"it is larger than {limits.MAX_IGNORE_FILE_BYTES >> 10} KiB")
