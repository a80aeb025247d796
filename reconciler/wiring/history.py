"""Opens the history, and finds the user or the job that runs this process."""

import getpass
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from reconciler.core.errors import UsageError
from reconciler.history.history_file import HistoryFiles
from reconciler.wiring.forges import job_of

NO_HISTORY = "none"


def open_history(directory: str) -> HistoryFiles | None:
    """Return the files of --history, or None for ``none``.

    Raises:
        UsageError: The directory is empty text, which would be the working directory.
    """
    if not directory:
        raise UsageError(f"--history is empty: pass a directory, or {NO_HISTORY}")
    return None if directory == NO_HISTORY else HistoryFiles(Path(directory))


def find_actor(environment: Mapping[str, str]) -> str:
    """Return the user and the job of a forge, or the user and host of this process."""
    return job_of(environment) or f"{user_name()}@{socket.gethostname()}"


def user_name() -> str:
    """Return the name of the user who runs this process, or the number of one without a name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"
