"""Both sides of one resource after a cycle: its desired and its live state."""

from dataclasses import dataclass

from reconciler.core.changes import Change, detached_routes
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import Desired, Json, Key
from reconciler.core.state.daemon_status import DaemonStatus, State


@dataclass(frozen=True, slots=True)
class ResourceSides:
    """The two sides as users see them; None means that there is none.

    Attributes:
        is_live_known: Whether the last plan shows the live side.
        is_equal: Whether the resource is in sync. Then both sides are the desired one: fields that
            the manifest does not have can differ.
    """

    desired: Json
    live: Json
    is_live_known: bool
    is_equal: bool = False


def resource_sides(status: DaemonStatus, key: Key) -> ResourceSides | None:
    """Return the sides of a resource in ``status``; None if the status does not have it."""
    found = next((item for item in status.resources if item.key == key), None)
    if found is None:
        return None
    change = None if status.plan is None else changes_by_key(status.plan).get(key)
    manifest = status.desired.get(key)
    desired = change.difference.after if change else _document(manifest)
    if found.state is State.IN_SYNC:
        return ResourceSides(desired, desired, is_live_known=True, is_equal=True)
    live = change.difference.before if change else None
    return ResourceSides(desired, live, is_live_known=change is not None)


def changes_by_key(plan: Plan) -> dict[Key, Change]:
    """Return the changes of ``plan``, also the withheld ones, and the routes they detach."""
    changes = [*plan.changes, *(item.change for item in plan.withheld if item.change)]
    routes = (route.attach for change in changes for route in detached_routes(change))
    return {change.key: change for change in (*routes, *changes)}


def _document(manifest: Desired | None) -> Json:
    if manifest is None:
        return None
    protect = {"protect": True} if manifest.options.protect else {}
    return {"spec": manifest.spec, "tags": dict(manifest.tags), **protect}
