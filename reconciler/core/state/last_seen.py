"""Tells a resource that was deleted outside of mesh-reconciler from one that is new.

No tag outlives its resource, so a single run cannot know. A process that runs cycle after cycle
can, because it remembers what it read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from reconciler.core.changes import Cause, Change, Create, Delete, detached_routes
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Report
from reconciler.core.resources import Key


@dataclass(frozen=True, slots=True)
class LastSeen:
    """When this process last saw each resource of ours live."""

    at: Mapping[Key, float] = field(default_factory=dict)

    def explain(self, plan: Plan) -> Plan:
        """Return `plan` with the cause `missing` for each create of a resource that was live."""
        return replace(
            plan,
            changes=tuple(map(self._explained, plan.changes)),
            withheld=tuple(
                replace(withheld, change=self._explained(withheld.change))
                if withheld.change
                else withheld
                for withheld in plan.withheld
            ),
        )

    def after(self, report: Report, read_at: float, written_at: float) -> "LastSeen":
        """Return what is known after a cycle that read the target and then wrote to it.

        A key without a verdict is forgotten: it is in no manifest, and not live.
        """
        plan = report.plan
        known = {key: self.at[key] for key in plan.keys if key in self.at}
        known |= dict.fromkeys(_live(plan), read_at)
        for outcome in report.outcomes:
            if isinstance(outcome, Failed):
                # A route that we detached and could not attach again is not missing.
                for way in detached_routes(outcome.change):
                    known.pop(way.detach.key, None)
            elif isinstance(outcome, Applied):
                if isinstance(outcome.change, Delete):
                    known.pop(outcome.change.key, None)
                else:
                    known[outcome.change.key] = written_at
        return LastSeen(known)

    def _explained(self, change: Change) -> Change:
        seen_at = self.at.get(change.key)
        if not isinstance(change, Create) or seen_at is None:
            return change
        return replace(change, cause=Cause.MISSING, last_seen_at=seen_at)


def _live(plan: Plan) -> Iterator[Key]:
    """Yield the key of each resource of ours that `plan` shows live."""
    yield from plan.unchanged
    yield from (withheld.key for withheld in plan.withheld if withheld.owner == plan.owner)
    for change in plan.changes:
        if not isinstance(change, Create) and change.before.owner == plan.owner:
            yield change.key
    for change in (
        *plan.changes,
        *(withheld.change for withheld in plan.withheld if withheld.change),
    ):
        yield from (way.detach.key for way in detached_routes(change))
