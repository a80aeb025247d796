"""The secret that whoever acts through a daemon must know, in a file that only its user reads."""

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.known_secrets import remember

_BYTES = 32


def make_token(path: Path) -> str:
    """Return the token in ``path``; where there is none, make one with mode 0600.

    UsageError where others may read it; OSError where it cannot be made.
    """
    if not path.exists():
        _make(path)
    return read_token(path)


def read_token(path: Path) -> str:
    """Return the token in ``path``; UsageError where it is unreadable, empty or not private."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        with os.fdopen(file, "rb") as opened:
            facts = os.fstat(file)
            token = opened.read(limits.MAX_TOKEN_FILE_BYTES).strip()
    except OSError as error:
        raise UsageError(
            f"reading the token file {path}: {error.strerror}; --token-file names the daemon's"
        ) from error
    if not stat.S_ISREG(facts.st_mode) or facts.st_mode & 0o077:
        raise UsageError(f"the token file {path} must be readable by its user alone: chmod 600")
    if not token or not token.isascii():
        raise UsageError(
            f"the token file {path} holds no token; remove it and start the daemon anew"
        )
    remember(token.decode())
    return token.decode()


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    file = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w", encoding="ascii") as opened:
            opened.write(secrets.token_urlsafe(_BYTES) + "\n")
        # A link appears with all its content, or not at all where another daemon was first.
        with suppress(FileExistsError):
            os.link(fresh, path)
    finally:
        fresh.unlink()
