"""Token that authorizes cycle requests, in a file that only its user can read."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from reconciler.secret_file import read_secret

_BYTES = 32


def make_token(path: Path) -> str:
    """Return the token in `path`; create the file with mode 0600 if it does not exist.

    Raises:
        UsageError: The file cannot be read, is empty, or other users can read it.
        OSError: The file cannot be created.
    """
    if not path.exists():
        _create(path)
    return read_token(path)


def read_token(path: Path) -> str:
    """Return the token in `path`.

    Raises:
        UsageError: The file cannot be read, is empty, or other users can read it.
    """
    return read_secret(
        path,
        "token file",
        if_unreadable=(
            "the daemon creates it when it starts: restart it if the file was lost, run this in"
            " its directory as its user, or pass --token-file"
        ),
        if_empty="token: remove it and restart the daemon",
    )


def _create(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(file, "w", encoding="ascii") as opened:
            opened.write(secrets.token_urlsafe(_BYTES) + "\n")
        # The link is atomic. It fails if another daemon has already created the file.
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()
