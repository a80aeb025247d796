"""A lock of a file among processes, with a timeout."""

import fcntl
import time

from reconciler import limits


def lock_file(descriptor: int, *, shared: bool = False) -> None:
    """Lock an open file until it is closed.

    Raises:
        OSError: Another process keeps it locked, or the file system has no locks.
    """
    operation = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    deadline = time.monotonic() + limits.LOCK_FILE_TIMEOUT_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                message = "another process keeps it locked; continue or end that process"
                raise BlockingIOError(error.errno, message) from error
            time.sleep(limits.LOCK_FILE_RETRY_DELAY_SECONDS)
        else:
            return
