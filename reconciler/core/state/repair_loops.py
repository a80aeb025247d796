"""Detects repair loops: differences that come back after each repair.

Two writers that undo each other's changes would never stop. After `limits.MAX_REPAIRS` repairs in a row
this process withholds the change of the resource and reports the likely other writer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler import limits
from reconciler.core.changes import Cause, Change, Delete, ReasonCode, Withheld
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Report
from reconciler.core.resources import Key, canonical_json


@dataclass(frozen=True, slots=True)
class RepairCount:
    """How many cycles in a row a difference was repaired."""

    difference: str
    count: int


@dataclass(frozen=True, slots=True)
class RepairLoops:
    """The latest repairs of this process, by key."""

    counts: Mapping[Key, RepairCount] = field(default_factory=dict)

    def withhold(self, plan: Plan) -> Plan:
        """Return ``plan`` with changes withheld that were already made `limits.MAX_REPAIRS` times."""
        looping = {change.key: change for change in plan.changes if self._is_looping(change)}
        if not looping:
            return plan
        withheld = [
            Withheld(change.key, _reason(change), ReasonCode.REPAIR_LOOP, change.origin, change)
            for change in looping.values()
        ]
        return replace(
            plan,
            changes=tuple(change for change in plan.changes if change.key not in looping),
            withheld=tuple(sorted((*plan.withheld, *withheld), key=lambda item: item.key)),
        )

    def record(self, report: Report) -> "RepairLoops":
        """Return the counts after a cycle, without differences that did not come back."""
        repairs = {
            outcome.change.key: self._count_repair(outcome.change)
            for outcome in report.outcomes
            if isinstance(outcome, Applied) and not isinstance(outcome.change, Delete)
        }
        looping = (
            withheld.key
            for withheld in report.plan.withheld
            if withheld.reason_code is ReasonCode.REPAIR_LOOP
        )
        return RepairLoops(repairs | {key: self.counts[key] for key in looping})

    def _is_looping(self, change: Change) -> bool:
        return self._count_repair(change).count > limits.MAX_REPAIRS

    def _count_repair(self, change: Change) -> RepairCount:
        difference = canonical_json([list(change.difference.patch)])
        before = self.counts.get(change.key)
        same = before is not None and before.difference == difference
        return RepairCount(difference, before.count + 1 if same and before else 1)


def _reason(change: Change) -> str:
    if change.cause is Cause.DRIFT:
        writer = "a controller, Terraform or a person changes it"
    elif change.cause is Cause.MISSING:
        writer = "a controller, Terraform or a person deletes it"
    else:
        writer = "another reconciler may use the same owner id with other manifests"
    return (
        f"the same difference came back after each of {limits.MAX_REPAIRS} repairs ({writer}): stop the "
        "other writer; this process repairs it again only if the difference changes"
    )
