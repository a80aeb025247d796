"""What failed lately, and until when it is left alone: each resource for itself.

Another difference is another attempt: whoever corrects a manifest does not wait.
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
    """A change that failed ``attempts`` times in a row, the last time for ``reason``."""

    fields: tuple[FieldChange, ...]
    attempts: int
    next_at: float
    reason: str


@dataclass(frozen=True, slots=True)
class Backoff:
    """What the cycles of this process failed at, by key."""

    failures: Mapping[Key, FailureRecord] = field(default_factory=dict)

    def waiting(self, plan: Plan, now: float) -> dict[Key, Failed]:
        """Return the outcomes of what ``plan`` would try too early, by key."""
        return {
            change.key: Failed(change, setback.reason)
            for change in plan.changes
            if (setback := self._find(change)) is not None and now < setback.next_at
        }

    def record(
        self, report: Report, waiting: Mapping[Key, Failed], now: float, schedule: Schedule
    ) -> "Backoff":
        """Return what is known after a cycle; what did not fail is forgotten.

        ``waiting`` was not tried, though ``report`` has an outcome for it.
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
        setback = self.failures.get(change.key)
        same = setback is not None and setback.fields == change.difference.fields
        return setback if same else None
