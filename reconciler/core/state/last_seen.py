"""Distinguishes a resource that was deleted outside of mesh-reconciler from a new one.

Tags are deleted with their resource, so a single run cannot distinguish them. A daemon can,
because it records the keys that it read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconciler.core.changes import Cause, Change, Create, Delete, detached_routes
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Report
from reconciler.core.resources import Key


@dataclass(frozen=True, slots=True)
class LastSeen:
    """When this process last read each owned resource, by key.

    Attributes:
        settled: Keys that this process read or brought in sync, with a complete record. They stay
            while it knows that it did not write another spec since, so a later spec is drift.
    """

    at: Mapping[Key, float] = field(default_factory=dict)
    settled: frozenset[Key] = frozenset()

    def explain(self, plan: Plan) -> Plan:
        """Return `plan` with the cause `missing` for each create of a resource that was live."""
        return replace(
            plan,
            changes=tuple(map(self._with_cause, plan.changes)),
            withheld=tuple(
                replace(withheld, change=self._with_cause(withheld.change))
                if withheld.change
                else withheld
                for withheld in plan.withheld
            ),
        )

    def after(self, report: Report, read_at: float, written_at: float) -> "LastSeen":
        """Return the record after a cycle that read the target and then wrote to it.

        Keys that are not in the plan are dropped: they have no manifest and are not live.
        """
        plan = report.plan
        known = {key: self.at[key] for key in plan.keys if key in self.at}
        known |= dict.fromkeys(_live_keys(plan), read_at)
        for outcome in report.outcomes:
            if isinstance(outcome, Failed):
                # A route that was detached and could not be attached again is not missing.
                for route in detached_routes(outcome.change):
                    known.pop(route.detach.key, None)
            elif isinstance(outcome, Applied):
                if isinstance(outcome.change, Delete):
                    known.pop(outcome.change.key, None)
                else:
                    known[outcome.change.key] = written_at
        return LastSeen(known, self._settled_after(report))

    def _settled_after(self, report: Report) -> frozenset[Key]:
        plan, outcomes = report.plan, report.outcomes
        applied = {item.change.key for item in outcomes if isinstance(item, Applied)}
        unrenewed = {renewal.key for renewal in plan.renewals}
        # A failed update may have written the spec of a new manifest, without its record. A failed
        # repair can only have written the spec that the record attests.
        unclear = {
            item.change.key
            for item in outcomes
            if isinstance(item, Failed) and item.change.cause is not Cause.DRIFT
        }
        kept = self.settled.intersection(plan.keys) - unclear
        return frozenset(applied | ({*plan.unchanged} - unrenewed) | kept)

    def _with_cause(self, change: Change) -> Change:
        last_seen_at = self.at.get(change.key)
        if not isinstance(change, Create) or last_seen_at is None:
            return change
        return replace(change, cause=Cause.MISSING, last_seen_at=last_seen_at)


def _live_keys(plan: Plan) -> Iterator[Key]:
    """Yield the key of each owned resource that is live according to `plan`."""
    yield from plan.unchanged
    yield from (withheld.key for withheld in plan.withheld if withheld.owner == plan.owner)
    for change in plan.changes:
        if not isinstance(change, Create) and change.before.owner == plan.owner:
            yield change.key
    for change in (
        *plan.changes,
        *(withheld.change for withheld in plan.withheld if withheld.change),
    ):
        yield from (route.detach.key for route in detached_routes(change))
