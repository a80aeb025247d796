"""What a look at the surroundings of a run found."""

from dataclasses import dataclass
from enum import StrEnum


class CheckStatus(StrEnum):
    """How a finding stands: as it should be, worth knowing, or in the way of a run."""

    GOOD = "good"
    NOTE = "note"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One thing that was looked at; ``told`` says how it is and, where need be, what to do."""

    grade: CheckStatus
    what: str
    told: str
