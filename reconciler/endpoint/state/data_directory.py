"""The data folder: made private, held by one process at a time, and knowing that one's URL.

It knows nothing of what is kept in the folder.
"""

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
    """A data folder that this process holds until it closes it, or ends in whatever way.

    The lock file carries the holder's URL. It is emptied while the lock is taken and filled once
    the holder listens, both under a lock on the folder itself, so that nobody can read the URL of
    an earlier holder.
    """

    def __init__(self, path: Path, *, timeout_seconds: float = 5.0) -> None:
        """Make the folder where it is missing, and hold it.

        Args:
            path: The folder; made with mode 0700, its files with 0600.
            timeout_seconds: How long to wait for the URL of a holder that is just starting.

        Raises:
            FolderHeldError: Another process holds it.
            FolderUnusableError: It cannot be made, opened or locked.
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
                f"the data folder {path} cannot be used: {error.strerror or error}"
            ) from error

    def announce(self, url: str) -> None:
        """Tell later openers that this process listens at ``url``."""
        with self._guarded():
            os.pwrite(self._file, f"{url}\n".encode(), 0)

    def close(self) -> None:
        """Let the folder go; the URL goes with it, or with the next holder if it has to stay."""
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
