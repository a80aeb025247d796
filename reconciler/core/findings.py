"""What a look at the surroundings of a run found."""

from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How a finding stands: as it should be, worth knowing, or in the way of a run."""

    GOOD = "good"
    NOTE = "note"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; ``told`` says how it is and, where need be, what to do."""

    grade: Grade
    what: str
    told: str
