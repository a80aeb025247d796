"""Writes files completely or not at all, and never overwrites a file."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from reconciler.core.errors import ReconcilerError, UsageError
from reconciler.wiring.plan_files import DISK_ERRORS


def is_written(path: Path, text: str) -> bool:
    """Return whether ``path`` already contains ``text``.

    Raises:
        UsageError: If it has other content, or cannot be read.
    """
    try:
        if not os.path.lexists(path):
            return False
        if path.read_bytes() == text.encode():
            return True
    except OSError as error:
        raise UsageError(f"reading {path}: {error.strerror}") from error
    raise UsageError(
        f"{path} exists with other content and is not overwritten: move it, or pass another --to"
    )


def write_new(path: Path, text: str) -> None:
    """Write a new file, and create its directories.

    Raises:
        UsageError: If the path cannot be written.
        ReconcilerError: If the disk fails or is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("wb", dir=path.parent, prefix=".", suffix=".part") as part:
            part.write(text.encode())
            part.flush()
            os.fchmod(part.fileno(), 0o644)
            # Unlike a rename, a link does not replace an existing file.
            os.link(part.name, path)
    except OSError as error:
        kind = ReconcilerError if error.errno in DISK_ERRORS else UsageError
        raise kind(f"writing {path}: {error.strerror}; pass another --to DIR") from error
