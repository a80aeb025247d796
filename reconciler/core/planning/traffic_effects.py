"""The effect of a spec change on traffic, for reviewers."""

from reconciler.core.changes import TrafficEffect
from reconciler.core.diff import MISSING, value_at
from reconciler.core.resources import Spec

# An absent egress filter acts as DROP_ALL (API reference, EgressFilter).
CLOSED = "DROP_ALL"


def traffic_effect(before: Spec, after: Spec) -> TrafficEffect | None:
    """Return the effect of replacing ``before`` by ``after`` on traffic that leaves the mesh.

    Returns:
        None if the egress filter does not change.
    """
    was, becomes = (value_at(spec, "/egressFilter/type") for spec in (before, after))
    if was == becomes:
        return None
    if (CLOSED if was is MISSING else was) == (CLOSED if becomes is MISSING else becomes):
        return TrafficEffect.SAME
    return TrafficEffect.CLOSES if becomes in (MISSING, CLOSED) else TrafficEffect.OPENS
