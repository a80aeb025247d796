"""What a look at the surroundings of a run found."""

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """How a finding stands: as it should be, worth knowing, or in the way of a run."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that was looked at; ``message`` says how it is and, where need be, what to do."""

    status: CheckStatus
    subject: str
    message: str
