"""The data directory of the endpoint: private, and locked by one process at a time."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reconciler import limits
from reconciler.endpoint.endpoint_errors import DataDirectoryLockedError, DataDirectoryUnusableError

_LOCK = "endpoint.lock"


class DataDirectoryLock:
    """A lock on a data directory, held until it is closed or the process ends.

    The lock file contains the URL of the holder. The holder empties the file when it takes the lock
    and writes the URL when it listens, both under a lock on the directory itself, so that no
    process reads the URL of an earlier holder.
    """

    def __init__(
        self, path: Path, *, timeout_seconds: float = limits.DIRECTORY_LOCK_TIMEOUT_SECONDS
    ) -> None:
        """Create the directory if it is missing, and lock it.

        Args:
            path: The directory; created with mode 0700, its files with 0600.
            timeout_seconds: The time to wait for the URL of a holder that is starting.

        Raises:
            DataDirectoryLockedError: Another process holds the lock.
            DataDirectoryUnusableError: The directory cannot be created, opened or locked.
        """
        self.directory = path
        deadline = time.monotonic() + timeout_seconds
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                self._hold(deadline)
            except BaseException:
                os.close(self._file)
                raise
        except OSError as error:
            raise DataDirectoryUnusableError(
                f"the data directory {path} cannot be used: {error.strerror or error}"
            ) from error

    def announce(self, url: str) -> None:
        """Write the URL of this process to the lock file."""
        with self._guarded():
            os.pwrite(self._file, f"{url}\n".encode(), 0)

    def close(self) -> None:
        """Release the lock.

        If the URL cannot be removed, the next holder removes it.
        """
        with suppress(OSError), self._guarded():
            os.ftruncate(self._file, 0)
        os.close(self._file)

    def _hold(self, deadline: float) -> None:
        while True:
            with self._guarded():
                try:
                    fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    url = os.pread(self._file, limits.MAX_HOLDER_URL_BYTES, 0).decode().strip()
                else:
                    os.ftruncate(self._file, 0)
                    return
            if url or time.monotonic() >= deadline:
                raise DataDirectoryLockedError(self.directory, url or None)
            time.sleep(limits.DIRECTORY_LOCK_RETRY_SECONDS)

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        directory = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)
