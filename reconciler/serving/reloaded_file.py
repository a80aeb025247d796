"""Values read from files of an operator, and read again when the files change."""

import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

Value = TypeVar("Value")
_Version = tuple[tuple[int, int, int, int] | None, ...]

logger = logging.getLogger(__name__)


class InvalidFileError(Exception):
    """A file cannot be read, is readable by other users, or has invalid content."""


class ReloadedFiles(Generic[Value]):
    """A value that is read from files, and read again after one of them changed.

    A value that cannot be read is reported once for each change, and the last good one is kept: an
    operator replaces a certificate and its key one after the other.
    """

    def __init__(self, paths: tuple[Path, ...], read: Callable[[], Value]) -> None:
        """Read the value.

        Args:
            paths: The files that ``read`` reads.
            read: Returns the value, or raises InvalidFileError.

        Raises:
            InvalidFileError: The value cannot be read.
        """
        self._paths = paths
        self._read = read
        self._version = self._current_version()
        self._value = read()

    def current(self) -> Value:
        """Return the value of the files as they are now, or the last one that could be read."""
        # The version is read before the content, so a change in between is noticed by the next
        # call.
        version = self._current_version()
        if version != self._version:
            self._version = version
            try:
                self._value = self._read()
            except InvalidFileError as error:
                logger.warning("%s; the content that was read before stays in use", error)
            else:
                logger.info("read %s again after a change", ", ".join(map(str, self._paths)))
        return self._value

    def _current_version(self) -> _Version:
        return tuple(map(_version_of, self._paths))


def read_private(path: Path, max_bytes: int) -> bytes:
    """Return the content of a file that other users cannot read.

    The group may read it if it belongs to root: volumes of Kubernetes are mounted that way.

    Raises:
        InvalidFileError: The file cannot be read, is too long, or other users can read it.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(file, "rb") as opened:
            status = os.fstat(file)
            content = opened.read(max_bytes + 1)
    except OSError as error:
        raise InvalidFileError(f"cannot read {path}: {error.strerror}") from error
    forbidden = 0o037 if status.st_uid == 0 else 0o077
    if not stat.S_ISREG(status.st_mode) or status.st_mode & forbidden:
        raise InvalidFileError(
            f"{path} must be a file that only its user can read: run chmod 600 {path}"
        )
    if len(content) > max_bytes:
        raise InvalidFileError(f"{path} must not exceed {max_bytes} bytes")
    return content


def _version_of(path: Path) -> tuple[int, int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
