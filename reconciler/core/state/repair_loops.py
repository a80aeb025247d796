"""Who keeps undoing our work: the same difference that comes back after every repair.

Two writers that correct each other would do so for ever. After some repairs in a row the one
that notices stops, for this resource and in this process, and says who the other may be.
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
    """How many cycles running one difference of a resource was repaired."""

    difference: str
    count: int


@dataclass(frozen=True, slots=True)
class RepairLoops:
    """What the cycles of this process have repaired lately, by key."""

    counts: Mapping[Key, RepairCount] = field(default_factory=dict)

    def withhold(self, plan: Plan) -> Plan:
        """Return ``plan`` less the changes that were made often enough, which are withheld."""
        contested = {change.key: change for change in plan.changes if self._is_looping(change)}
        if not contested:
            return plan
        item = [
            Withheld(change.key, _reason(change), ReasonCode.REPAIR_LOOP, change.origin, change)
            for change in contested.values()
        ]
        return replace(
            plan,
            changes=tuple(change for change in plan.changes if change.key not in contested),
            withheld=tuple(sorted((*plan.withheld, *item), key=lambda withheld: withheld.key)),
        )

    def record(self, report: Report) -> "RepairLoops":
        """Return what is known after a cycle; what did not come back is forgotten."""
        repairs = {
            outcome.change.key: self._count_repair(outcome.change)
            for outcome in report.outcomes
            if isinstance(outcome, Applied) and not isinstance(outcome.change, Delete)
        }
        item = (
            withheld.key
            for withheld in report.plan.withheld
            if withheld.reason_code is ReasonCode.REPAIR_LOOP
        )
        return RepairLoops(repairs | {key: self.counts[key] for key in item})

    def _is_looping(self, change: Change) -> bool:
        return self._count_repair(change).count > limits.MAX_REPAIRS

    def _count_repair(self, change: Change) -> RepairCount:
        difference = canonical_json([list(change.difference.patch)])
        before = self.counts.get(change.key)
        same = before is not None and before.difference == difference
        return RepairCount(difference, before.count + 1 if same and before else 1)


def _reason(change: Change) -> str:
    if change.cause is Cause.DRIFT:
        other = "a controller, Terraform or a person writes it without our mark"
    elif change.cause is Cause.MISSING:
        other = "a controller, Terraform or a person deletes it"
    else:
        other = "another reconciler may have the same owner id and other manifests"
    return (
        f"the same difference came back after each of {limits.MAX_REPAIRS} repairs: {other}; this "
        "process leaves it alone until the difference is another one"
    )
