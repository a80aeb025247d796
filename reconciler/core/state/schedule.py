"""The schedule of cycles and retries, and the priority of urgent changes.

Times are arguments, in seconds of any clock that the caller uses consistently.
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
    """Starts a cycle every ``interval_seconds``, measured from start to start."""

    interval_seconds: float

    def cycle_delay(self, jitter: float) -> float:
        """Return the seconds between two starts; ``jitter`` is a random number from 0 to 1."""
        return self.interval_seconds * (1 + limits.CYCLE_JITTER * (2 * jitter - 1))

    def retry_delay(self, attempts: int) -> float:
        """Return the seconds to wait after ``attempts`` failures in a row (at least 1)."""
        # A large exponent would overflow the float.
        return min(self.interval_seconds * 2.0 ** min(attempts - 1, 10), limits.MAX_BACKOFF_SECONDS)


def is_due(now: float, started: float, delay_seconds: float) -> bool:
    """Whether ``delay_seconds`` have passed since ``started``, or ``now`` is before ``started``."""
    # A clock that was set back must not delay the next cycle.
    return not started <= now < started + delay_seconds


def urgent_first(plan: Plan, urgent: Collection[Key]) -> Plan:
    """Return ``plan`` with the ``urgent`` changes first in each wave, and the waves unchanged."""
    waves = (
        sorted(wave, key=lambda change: change.key not in urgent) for wave in waves_of(plan.changes)
    )
    return replace(plan, changes=tuple(chain.from_iterable(waves)))
