"""A record in a file that replicas share, on one machine or a file system that supports flock.

The record is the first line of the file. A record that is longer than a page is not written at
once, and a process may be killed in the middle. It has one of two slots behind the first line,
``@OFFSET LENGTH`` in the first line points at it, and the next one has the other slot.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler import limits
from reconciler.core.errors import LockError
from reconciler.file_lock import lock_file
from reconciler.locks.lease import StoreContext

_PAGE = limits.LOCK_FILE_PAGE_BYTES
_SLOTS = (_PAGE, _PAGE + limits.MAX_LOCK_RECORD_BYTES)


def open_store(path: str, _context: StoreContext) -> "FileStore":
    """Return the store of file:PATH."""
    return FileStore(Path(path))


class FileStore:
    """A record in a file, read and written under flock."""

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
            return _read_record(file)

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        """Replace the record with `after` if it is `before`; return whether it was."""
        with self._locked_file() as file:
            if _read_record(file) != before:
                return False
            _write_record(file, after.encode())
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


def _read_record(file: int) -> str | None:
    line = os.pread(file, _PAGE, 0).partition(b"\n")[0]
    slot, length = _pointer(line)
    record = os.pread(file, length, slot) if slot else line
    return record.decode(errors="replace") or None


def _write_record(file: int, record: bytes) -> None:
    line = record
    if len(record) >= _PAGE:
        used, _ = _pointer(os.pread(file, _PAGE, 0).partition(b"\n")[0])
        slot = next(slot for slot in _SLOTS if slot != used)
        os.pwrite(file, record, slot)
        os.fdatasync(file)
        line = b"@%d %d" % (slot, len(record))
    # The rest of a longer line stays in the file, after this one.
    os.pwrite(file, line + b"\n", 0)


def _pointer(line: bytes) -> tuple[int, int]:
    """Return the slot and the length of the record that ``line`` points at; 0 if it is a record."""
    for slot in _SLOTS:
        length = line.removeprefix(b"@%d " % slot)
        if length != line and length.isdigit():
            return slot, min(int(length), limits.MAX_LOCK_RECORD_BYTES)
    return 0, 0
