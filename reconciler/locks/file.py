"""A lease in a file that replicas share, on one machine or a file system that supports flock."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler import limits
from reconciler.core.errors import LockError
from reconciler.file_lock import lock_file
from reconciler.locks.lease import StoreContext


def open_store(path: str, _context: StoreContext) -> "FileStore":
    """Return the store of file:PATH."""
    return FileStore(Path(path))


class FileStore:
    """A record in the first line of a file, read and written under flock."""

    def __init__(self, path: Path) -> None:
        """Keep the record in `path`; the first use creates the file, readable by its owner only."""
        self._path = path

    @property
    def name(self) -> str:
        """Name for messages."""
        return f"the lock file {self._path}"

    def read(self) -> str | None:
        """Return the record, or None if there is none."""
        with self._locked_file() as file:
            return _read_line(file)

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        """Replace the record with `after` if it is `before`; return whether it was."""
        with self._locked_file() as file:
            if _read_line(file) != before:
                return False
            # The rest of a longer old record stays in the file, after the first line.
            os.pwrite(file, f"{after}\n".encode(), 0)
            return True

    @contextmanager
    def _locked_file(self) -> Iterator[int]:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            file = os.open(self._path, flags, 0o600)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    # A device does not keep the record.
                    raise LockError(f"{self.name} is not a regular file")
                lock_file(file)
                yield file
            finally:
                os.close(file)
        except FileNotFoundError as error:
            # A wrong path would be a lock that nothing else takes, so no directory is created.
            raise LockError(
                f"{self.name} cannot be used: there is no directory {self._path.parent}; create it,"
                " or correct --lock"
            ) from error
        except OSError as error:
            raise LockError(f"{self.name} cannot be used: {error.strerror}") from error


def _read_line(file: int) -> str | None:
    line = os.pread(file, limits.MAX_LOCK_RECORD_BYTES, 0).partition(b"\n")[0]
    return line.decode(errors="replace") or None
