"""The exit code of each error that is raised on purpose."""

from reconciler.core.errors import (
    LockHeldError,
    ManifestError,
    PlanChangedError,
    ReconcilerError,
    UsageError,
)
from reconciler.core.exit_codes import ExitCode

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
