"""When the next cycle is due, as a function of now."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cycle every ``interval_seconds``, counted from the start of the one before."""

    interval_seconds: float

    def due(self, now: float, started: float) -> bool:
        """Whether a cycle is due at ``now``, in seconds of the clock that ``started`` is of."""
        # A clock that was set back must not put the next cycle off for as long.
        return not started <= now < started + self.interval_seconds
