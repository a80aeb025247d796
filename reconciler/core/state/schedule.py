"""When the next cycle is due, when what failed is tried again, and which change goes first.

All of it as functions of now, in seconds of whatever clock the caller keeps to.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from itertools import chain

from reconciler import limits
from reconciler.core.changes import waves_of
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import Key


@dataclass(frozen=True, slots=True)
class Schedule:
    """A cycle every ``interval_seconds``, counted from the start of the one before."""

    interval_seconds: float

    def cycle_delay(self, jitter: float) -> float:
        """Return the seconds from one start to the next; ``jitter`` is from 0 to 1."""
        return self.interval_seconds * (1 + limits.CYCLE_JITTER * (2 * jitter - 1))

    def retry_delay(self, attempts: int) -> float:
        """Return for how long to leave alone what failed ``attempts`` times in a row, from 1."""
        # The power is bounded, for a float is not.
        return min(self.interval_seconds * 2.0 ** min(attempts - 1, 10), limits.MAX_BACKOFF_SECONDS)


def is_due(now: float, started: float, delay_seconds: float) -> bool:
    """Whether ``now`` is ``delay_seconds`` after ``started``, or before it."""
    # A clock that was set back must not put the next cycle off for as long.
    return not started <= now < started + delay_seconds


def urgent_first(plan: Plan, urgent: Collection[Key]) -> Plan:
    """Return ``plan`` with what is ``urgent`` at the front of each wave, waves as they were."""
    waves = (
        sorted(wave, key=lambda change: change.key not in urgent) for wave in waves_of(plan.changes)
    )
    return replace(plan, changes=tuple(chain.from_iterable(waves)))
