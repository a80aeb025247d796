"""The guards of a run over many targets, which stop the whole run before its first write.

Each target keeps its own guards. These look at all plans together: one wrong edit of a shared
manifest may be small on each target.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from reconciler.core.changes import Adopt, Change, Delete, Update
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import Json, Key, digest


@dataclass(frozen=True, slots=True)
class FleetLimits:
    """The limits of all plans together.

    Attributes:
        max_deletes: Maximum number of deletes.
        wide_share: Maximum share of the targets with changes other than creates; None is no limit.
    """

    max_deletes: int
    wide_share: Fraction | None = None


def fleet_objection(plans: Sequence[Plan], limits: FleetLimits) -> str:
    """Return why the plans must not be applied together; empty if they may be."""
    if conflict := _conflict(plans):
        return conflict
    causes, options = [], []
    deletes = [_count(plan, Delete) for plan in plans]
    if sum(deletes) > limits.max_deletes:
        total, targets = sum(deletes), sum(map(bool, deletes))
        counts = f"{total} delete{'s' * (total > 1)} on {targets} target{'s' * (targets > 1)}"
        verb = "exceed" if total > 1 else "exceeds"
        causes.append(f"{counts} {verb} --max-total-deletes {limits.max_deletes}")
        options.append(f"--max-total-deletes {sum(deletes)}")
    changed = sum(bool(_count(plan, Update, Adopt, Delete)) for plan in plans)
    # The change of one target is not wide, however few there are.
    share = limits.wide_share
    if share is not None and changed > 1 and Fraction(changed, len(plans)) > share:
        causes.append(
            f"{changed} of {len(plans)} targets have changes other than creates, which is more than"
            f" --wide-share {int(share * 100)}%"
        )
        options.append("--wide")
    if not causes:
        return ""
    return f"{' and '.join(causes)}, so apply changes nothing: pass {' '.join(options)}"


def fleet_fingerprint(plans: Sequence[Plan]) -> str:
    """Return the digest that a reviewer of all plans approves: that of each plan with changes."""
    rows: list[Json] = [
        [plan.target.name, plan.fingerprint]
        for plan in sorted(plans, key=lambda plan: plan.target.name)
        if plan.changes
    ]
    return digest(rows)


def _conflict(plans: Sequence[Plan]) -> str:
    """Return which plan deletes what another one of the same target and owner declares."""
    declared = {
        (_place(plan), key): plan.target.name for plan in plans for key in _declared_keys(plan)
    }
    for plan in plans:
        for change in plan.changes:
            other = declared.get((_place(plan), change.key))
            if isinstance(change, Delete) and other is not None:
                return (
                    f"{plan.target.name} would delete {change.key}, which {other} declares for the"
                    f" same account and region with the same owner {plan.owner}, so apply"
                    " changes nothing: give each of these targets its own owner"
                )
    return ""


def _place(plan: Plan) -> tuple[str, str | None, str, str]:
    return plan.target.url, plan.target.account, plan.target.region, plan.owner


def _declared_keys(plan: Plan) -> Iterator[Key]:
    withheld = (item.change for item in plan.withheld if item.change)
    yield from plan.unchanged
    for change in (*plan.changes, *withheld):
        if not isinstance(change, Delete):
            yield change.key


def _count(plan: Plan, *kinds: type[Change]) -> int:
    return sum(isinstance(change, kinds) for change in plan.changes)
