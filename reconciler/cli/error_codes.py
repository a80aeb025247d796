"""The exit code of each error that is raised on purpose, and a message for all others."""

import errno

from reconciler.core.errors import (
    LockHeldError,
    ManifestError,
    PlanChangedError,
    ReconcilerError,
    UsageError,
)
from reconciler.core.exit_codes import ExitCode
from reconciler.known_secrets import shown

_ADVICE = {errno.EMFILE: "raise the limit of open files (ulimit -n)"}
_CODES: tuple[tuple[type[ReconcilerError], ExitCode], ...] = (
    (UsageError, ExitCode.USAGE),
    (ManifestError, ExitCode.MANIFESTS),
    (LockHeldError, ExitCode.LOCKED),
    (PlanChangedError, ExitCode.STALE),
    (ReconcilerError, ExitCode.ERROR),
)


def code_of(error: ReconcilerError) -> ExitCode:
    """Return the exit code of a run that ended with ``error``."""
    return next(code for kind, code in _CODES if isinstance(error, kind))


def describe_error(error: Exception) -> str:
    """Return the message for ``error``. A lack of system resources is not reported as a bug."""
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        advice = _ADVICE.get(error.errno or 0, "run again with --log-level debug for the trace")
        return f"{where}{error.strerror or error}; {advice}"
    if isinstance(error, MemoryError):
        return "out of memory; raise the memory limit of this process"
    # CPython raises a plain RuntimeError.
    if str(error) == "can't start new thread":
        return f"{error}; raise the limit of threads (ulimit -u, or the container's limit of pids)"
    return (
        f"a bug in mesh-reconciler: {type(error).__name__}: {shown(error)}; "
        "run again with --log-level debug for the trace, and report it"
    )
