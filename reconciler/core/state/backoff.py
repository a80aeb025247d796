"""Backoff of failed changes, for each resource separately.

A changed difference starts over, so that a corrected manifest is applied without delay.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.changes import Change
from reconciler.core.diff import FieldChange
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Failed, Report
from reconciler.core.resources import Key
from reconciler.core.state.schedule import Schedule


@dataclass(frozen=True, slots=True)
class FailureRecord:
    """A change that failed ``attempts`` times in a row, the last time because of ``reason``."""

    fields: tuple[FieldChange, ...]
    attempts: int
    next_at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Backoff:
    """The failed changes of this process, by key."""

    failures: Mapping[Key, FailureRecord] = field(default_factory=dict)

    def waiting(self, plan: Plan, now: float) -> dict[Key, Failed]:
        """Return the outcomes of the changes that must not be retried at ``now``, by key."""
        return {
            change.key: Failed(change, failure.reason)
            for change in plan.changes
            if (failure := self._find(change)) is not None and now < failure.next_at
        }

    def record(
        self, report: Report, waiting: Mapping[Key, Failed], now: float, schedule: Schedule
    ) -> "Backoff":
        """Return the backoff after a cycle, with only the changes that failed.

        Args:
            report: The result of the cycle.
            waiting: Changes that were not tried, although ``report`` has an outcome for them.
            now: The time of the cycle.
            schedule: Determines the delay before the next attempt.
        """
        return Backoff(
            {
                outcome.change.key: self.failures[outcome.change.key]
                if outcome.change.key in waiting
                else self._record_failure(outcome, now, schedule)
                for outcome in report.outcomes
                if isinstance(outcome, Failed)
            }
        )

    def _record_failure(self, outcome: Failed, now: float, schedule: Schedule) -> FailureRecord:
        before = self._find(outcome.change)
        attempts = before.attempts + 1 if before else 1
        fields = outcome.change.difference.fields
        return FailureRecord(fields, attempts, now + schedule.retry_delay(attempts), outcome.reason)

    def _find(self, change: Change) -> FailureRecord | None:
        failure = self.failures.get(change.key)
        same = failure is not None and failure.fields == change.difference.fields
        return failure if same else None
