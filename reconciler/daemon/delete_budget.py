"""Counts the deletes on all targets of a daemon, for the guard --max-deletes-per-hour."""

from collections.abc import Callable
from threading import Lock

from reconciler import limits


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

    def reserve(self, deletes: int, counted: int) -> bool:
        """Reserve the deletes of a plan, unless there are more others than it was made for.

        Args:
            deletes: Number of deletes in the plan.
            counted: The result of ``count`` that the plan was made for.
        """
        with self._lock:
            if deletes and self._count() > counted:
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
