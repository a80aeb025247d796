"""Log records about the plan of a cycle that are new since the cycle before."""

import logging
from collections.abc import Mapping
from datetime import UTC, datetime

from reconciler.core.changes import Create
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import Key
from reconciler.core.state.daemon_status import ResourceStatus

logger = logging.getLogger("reconciler.run")


def log_missing(plan: Plan, previous: Mapping[Key, ResourceStatus]) -> None:
    """Log each resource that was deleted outside of mesh-reconciler, once."""
    withheld = (item.change for item in plan.withheld)
    for change in (*plan.changes, *withheld):
        if not isinstance(change, Create) or change.last_seen_at is None:
            continue
        known = previous.get(change.key)
        if known is None or known.last_seen_at != change.last_seen_at:
            seen = datetime.fromtimestamp(change.last_seen_at, UTC).isoformat(timespec="seconds")
            facts = {"event": "missing", "key": str(change.key)}
            logger.warning("%s is missing: last seen at %s", change.key, seen, extra=facts)


def log_withheld(plan: Plan, previous: Mapping[Key, ResourceStatus]) -> None:
    """Log each withheld resource once, and again if the reason changes."""
    for withheld in plan.withheld:
        known = previous.get(withheld.key)
        if known is None or known.reason != withheld.reason:
            facts = {"key": str(withheld.key)}
            logger.warning("%s withheld: %s", withheld.key, withheld.reason, extra=facts)
