"""Counts the deletes on all targets of a daemon, for the guard --max-deletes-per-hour."""

from collections.abc import Callable
from threading import Lock

from reconciler import limits
from reconciler.core.changes import Delete
from reconciler.core.errors import TargetError
from reconciler.core.planning.guards import HourlyDeletes
from reconciler.core.planning.plan import Plan


class DeleteBudget:
    """The deletes of the last hour, and those of plans that are being applied.

    Other threads may use all methods. The count begins with the process.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Start without deletes."""
        self._monotonic = monotonic
        self._lock = Lock()
        self._times: list[float] = []
        self._reserved = 0

    def count(self) -> int:
        """Return the number of deletes in the last hour, and of those that plans will make."""
        with self._lock:
            return self._count()

    def plan(self, propose: Callable[[HourlyDeletes], Plan], limit: int) -> Plan:
        """Return a plan of ``propose`` whose deletes are reserved.

        Raises:
            TargetError: Other targets reserved these deletes during each of several plans.
        """
        for _ in range(limits.MAX_PLANS_PER_CYCLE):
            plan = propose(HourlyDeletes(self.count(), limit))
            if self.reserve(count_deletes(plan), limit):
                return plan
        raise TargetError(
            f"during each of {limits.MAX_PLANS_PER_CYCLE} plans of this target, other targets used"
            " the deletes that --max-deletes-per-hour allows; the next cycle plans again"
        )

    def reserve(self, deletes: int, limit: int) -> bool:
        """Reserve the deletes of a plan, unless there are more than ``limit`` with all others.

        Another target may have reserved some since the plan was made.
        """
        with self._lock:
            if deletes and self._count() + deletes > limit:
                return False
            self._reserved += deletes
            return True

    def settle(self, reserved: int, made: int) -> None:
        """End a reservation: ``made`` of its deletes were tried."""
        with self._lock:
            self._reserved -= reserved
            self._times += [self._monotonic()] * made

    def _count(self) -> int:
        since = self._monotonic() - limits.DELETE_BUDGET_SECONDS
        self._times = [time for time in self._times if time > since]
        return len(self._times) + self._reserved


def count_deletes(plan: Plan) -> int:
    """Return the number of deletes in ``plan``."""
    return sum(isinstance(change, Delete) for change in plan.changes)
