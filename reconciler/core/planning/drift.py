"""Filters a plan down to drift: changes made on the target and not in a manifest."""

from dataclasses import replace

from reconciler.core.changes import Cause, Change, ReasonCode, Update, Withheld
from reconciler.core.planning.plan import Plan

MAYBE_DRIFT = frozenset({Cause.DRIFT, Cause.BOTH, Cause.UNKNOWN})
# Withheld for these reasons before a comparison, so the resource may have drifted.
NOT_COMPARED = frozenset({ReasonCode.UNREADABLE, ReasonCode.UNKNOWN_FIELD})


def only_drift(plan: Plan) -> Plan:
    """Return ``plan`` without the changes that only come from a manifest.

    A resource that was deleted on the target is not included: without a state file it cannot be
    distinguished from a new manifest. Only a part of the plan is left, so it records no commit.
    """
    return replace(
        plan,
        changes=tuple(filter(_is_drift, plan.changes)),
        withheld=tuple(filter(_may_be_drift, plan.withheld)),
        applied_commit=None,
    )


def _is_drift(change: Change) -> bool:
    if not isinstance(change, Update):
        return False
    return not MAYBE_DRIFT.isdisjoint((change.cause, *(route.cause for route in change.detached)))


def _may_be_drift(withheld: Withheld) -> bool:
    if withheld.reason_code is ReasonCode.FOREIGN:
        # A resource with a manifest may have lost its owner tag.
        return withheld.origin is not None
    return withheld.reason_code in NOT_COMPARED or (
        withheld.change is not None and _is_drift(withheld.change)
    )
