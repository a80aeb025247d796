"""Reads a secret from a file that only its user can read."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.known_secrets import remember


def read_secret(
    path: Path,
    name: str,
    *,
    if_unreadable: str,
    if_empty: str,
    secret_part: Callable[[str], str] = str,
) -> str:
    """Return the secret in `path`, and hide it in all later text.

    Args:
        path: The file.
        name: Its name for messages.
        if_unreadable: The advice if it cannot be read.
        if_empty: The missing content, and the advice if it is missing.
        secret_part: Returns the part that is hidden, if the rest is not secret.

    Raises:
        UsageError: The file cannot be read, contains no secret, or other users can read it.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(file, "rb") as opened:
            status = os.fstat(file)
            secret = opened.read(limits.MAX_TOKEN_FILE_BYTES).strip()
    except OSError as error:
        raise UsageError(
            f"cannot read the {name} {path}: {error.strerror}; {if_unreadable}"
        ) from error
    if not stat.S_ISREG(status.st_mode) or status.st_mode & _shared_bits(status):
        raise UsageError(
            f"the {name} {path} must be a file that only its user can read: run chmod 600 {path}"
        )
    if not secret or not secret.isascii():
        raise UsageError(f"the {name} {path} contains no {if_empty}")
    remember(secret_part(secret.decode()))
    return secret.decode()


def _shared_bits(status: os.stat_result) -> int:
    """Return the mode bits that let other users read the secret.

    Kubernetes mounts a Secret as a file of root that only the group of the pod can read.
    """
    is_mounted = status.st_uid == 0 and os.geteuid() != 0
    return 0o037 if is_mounted else 0o077
