"""Saves plans in files atomically, readable by the owner only, and reads them."""

import errno
import os
import stat
import tempfile
from pathlib import Path

from reconciler import limits
from reconciler.core.errors import ReconcilerError, UsageError
from reconciler.core.planning import plan_file
from reconciler.core.planning.plan import Plan

# Errors of the disk, which another file name does not avoid.
DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})


def write_plan(file: str, plan: Plan) -> None:
    """Save `plan` in `file`, which is replaced if it exists.

    Raises:
        UsageError: `file` is not a regular file or cannot be written.
        ReconcilerError: the disk is full or fails.
    """
    content, path = plan_file.write_plan_file(plan), Path(file)
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise UsageError(f"{file} is not a regular file: pass another file for the plan")
        # Only the owner can read the file: a plan contains specs and tags.
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            Path(temporary).replace(path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    except OSError as error:
        kind = ReconcilerError if error.errno in DISK_ERRORS else UsageError
        raise kind(f"saving the plan in {file}: {error.strerror}; nothing was saved") from error


def read_plan(file: str) -> Plan:
    """Return the plan saved in `file`.

    Raises:
        UsageError: `file` cannot be read or is not a valid plan.
    """
    try:
        # Opened once, so that the file that is checked is the file that is read.
        with open(file, "rb", opener=_open_regular) as source:
            if not stat.S_ISREG(os.fstat(source.fileno()).st_mode):
                raise UsageError(f"{file} is not a regular file: pass the plan file itself")
            content = source.read(limits.MAX_PLAN_FILE_BYTES + 1)
    except OSError as error:
        reason = (
            "it is a link; pass the plan file itself"
            if error.errno == errno.ELOOP
            else f"{error.strerror}; pass a file that --out of plan or ci wrote"
        )
        raise UsageError(f"cannot read the plan {file}: {reason}") from error
    return plan_file.parse_plan_file(file, content)


def is_plan_file(path: str) -> bool:
    """Return whether ``path`` is a file that begins like a saved plan."""
    try:
        with open(path, "rb", opener=_open_regular) as file:
            return file.read(len(plan_file.START)) == plan_file.START
    except OSError:
        return False


def _open_regular(file: str, flags: int) -> int:
    # A link may be replaced between check and read. Opening a pipe would block until a writer opens
    # it.
    return os.open(file, flags | os.O_NOFOLLOW | os.O_NONBLOCK)
