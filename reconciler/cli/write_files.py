"""Files that a verb writes: whole or not at all, and never over what somebody else put there."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from reconciler.core.errors import ReconcilerError, UsageError
from reconciler.wiring.plan_files import DISK_ERRORS


def is_written(path: Path, text: str) -> bool:
    """Whether ``path`` holds ``text`` already; UsageError where it holds anything else."""
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
    """Write a file that is not there, with its folders.

    UsageError where it cannot be there, ReconcilerError where the disk cannot hold it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("wb", dir=path.parent, prefix=".", suffix=".part") as part:
            part.write(text.encode())
            part.flush()
            os.fchmod(part.fileno(), 0o644)
            # A link replaces nothing, unlike a rename.
            os.link(part.name, path)
    except OSError as error:
        kind = ReconcilerError if error.errno in DISK_ERRORS else UsageError
        raise kind(f"writing {path}: {error.strerror}") from error
