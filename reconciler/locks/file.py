"""A lease in a file that the replicas share: one machine, or a file system that carries flock."""

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.core.errors import LockError

MAX_RECORD_BYTES = 4096
# A replica that is stopped while it looks holds the file; nobody waits for it longer than this.
LOCK_TIMEOUT_SECONDS = 1.0
RETRY_DELAY_SECONDS = 0.01


class FileStore:
    """A record in the first line of a file, which is looked at and changed under flock."""

    def __init__(self, path: Path) -> None:
        """Take the path; the file is made when it is first needed, for its owner alone."""
        self._path = path

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"the lock file {self._path}"

    def read(self) -> str | None:
        """Return the record, None where there is none."""
        with self._held() as file:
            return _line(file)

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        """Put ``after`` in the place of ``before``; whether it was there."""
        with self._held() as file:
            if _line(file) != before:
                return False
            # What a longer record leaves behind is no part of the first line.
            os.pwrite(file, f"{after}\n".encode(), 0)
            return True

    @contextmanager
    def _held(self) -> Iterator[int]:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            file = os.open(self._path, flags, 0o600)
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    # What is written into a device is not there for the next one.
                    raise LockError(f"{self.name} is not a regular file")
                _lock(file)
                yield file
            finally:
                os.close(file)
        except OSError as error:
            raise LockError(f"{self.name} cannot be used: {error.strerror}") from error


def _lock(file: int) -> None:
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(RETRY_DELAY_SECONDS)
        else:
            return


def _line(file: int) -> str | None:
    line = os.pread(file, MAX_RECORD_BYTES, 0).partition(b"\n")[0]
    return line.decode(errors="replace") or None
