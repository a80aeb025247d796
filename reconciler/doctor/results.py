"""Results of the checks of `doctor`."""

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """Severity of a result."""

    OK = "ok"
    WARNING = "warning"
    """Worth knowing, but a run can succeed."""
    ERROR = "error"
    """A run cannot succeed."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """Result of one check; `message` contains the state and, if needed, what to do."""

    status: CheckStatus
    subject: str
    message: str
