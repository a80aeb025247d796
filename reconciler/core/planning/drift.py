"""What of a plan is drift: differences that nobody asked for in a manifest."""

from dataclasses import replace

from reconciler.core.changes import Cause, Change, ReasonCode, Update, Withheld
from reconciler.core.planning.plan import Plan

MAYBE_DRIFT = frozenset({Cause.DRIFT, Cause.BOTH, Cause.UNKNOWN})
# Of these nobody can say that they have not drifted.
NOT_COMPARED = frozenset({ReasonCode.UNREADABLE, ReasonCode.UNKNOWN_FIELD})


def only_drift(plan: Plan) -> Plan:
    """Return ``plan`` less all that only a manifest asks for.

    A resource that somebody deleted is no part of it: without a state file it looks like one
    that a new manifest asks for.
    """
    return replace(
        plan,
        changes=tuple(filter(_is_drift, plan.changes)),
        withheld=tuple(filter(_may_be_drift, plan.withheld)),
    )


def _is_drift(change: Change) -> bool:
    if not isinstance(change, Update):
        return False
    return not MAYBE_DRIFT.isdisjoint((change.cause, *(way.cause for way in change.detached)))


def _may_be_drift(withheld: Withheld) -> bool:
    if withheld.reason_code is ReasonCode.FOREIGN:
        # What a manifest asks for may have lost our mark.
        return withheld.origin is not None
    return withheld.reason_code in NOT_COMPARED or (
        withheld.change is not None and _is_drift(withheld.change)
    )
