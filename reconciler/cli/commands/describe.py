"""The describe command: shows one resource."""

import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from reconciler import engine
from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.cli.run_context import open_run, require_valid
from reconciler.core.errors import DaemonError, TargetError, UsageError
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import Key, LiveResource, Unreadable
from reconciler.core.state.fleet_status import FleetStatus
from reconciler.render.describe import DESCRIPTION_FORMATS, ResourceDescription
from reconciler.render.status_table import attempts
from reconciler.web.client import fetch_any_status, fetch_status


def run(invocation: Invocation) -> int:
    """Show the manifest, desired and live state, difference, owner and status of one resource."""
    with open_run(invocation) as context:
        resources = require_valid(context.read(), color=invocation["color"])
        desired = {resource.key: resource for resource in resources}
        plan = context.propose(resources)
        context.require_patterns_to_match(plan.keys, resources, plan.unlisted)
        matching = _matching_keys(context.target, invocation.keys, {*desired, *plan.keys})
        patterns = " ".join(invocation.keys)
        if not matching:
            raise UsageError(
                f"{patterns} matches no resource, neither in the manifests nor on the target: "
                "check the spelling; plan lists the keys"
            )
        key, *more = matching
        if more:
            raise UsageError(
                f"describe shows one resource, but {patterns} matches {len(matching)}, desired or "
                f"live, such as {key} and {more[0]}"
            )
        live = _read_live(context.target, key)
        recent_attempts = _attempts(invocation["url"], plan, key)
        description = ResourceDescription(
            key, _only(plan, key), desired.get(key), live, recent_attempts
        )
    render = DESCRIPTION_FORMATS[invocation["format"]]
    print_complete_result(render(description, layout(invocation["color"])))
    return description.code


def _matching_keys(
    target: engine.CommandTarget, patterns: Sequence[str], known: Collection[Key]
) -> list[Key]:
    """Return the keys that match ``patterns``, from ``known`` and from all live keys.

    Raises:
        TargetError: If no known key matches and the live keys could not all be listed.
    """
    matching = {key for key in known if any(map(key.matches, patterns))}
    try:
        live = target.list_keys()
    except TargetError:
        if not matching:
            raise
        # A list of another mesh may have failed. This does not affect the known key.
        return sorted(matching)
    return sorted(matching.union(key for key in live if any(map(key.matches, patterns))))


def _read_live(target: engine.CommandTarget, key: Key) -> LiveResource | Unreadable | None:
    try:
        listed = target.list_versions([key])
    except TargetError as error:
        return Unreadable(key, str(error))
    return engine.reread(target, key) if key in listed else None


def _attempts(url: str, plan: Plan, key: Key) -> str | None:
    """Return the last attempts of a daemon with the same target and owner, or None without one."""
    try:
        _, status = fetch_any_status(url)
        if isinstance(status, FleetStatus):
            _, status = fetch_status(url, plan.target.name)
    except DaemonError:
        return None
    if (status.target, status.owner) != (plan.target, plan.owner):
        return None
    known = (resource for resource in status.resources if resource.key == key)
    parts = [part for resource in known for part in attempts(resource, time.time())]
    return "; ".join(parts) or f"none since the daemon at {url} started"


def _only(plan: Plan, key: Key) -> Plan:
    return replace(
        plan,
        changes=tuple(change for change in plan.changes if change.key == key),
        unchanged=tuple(unchanged for unchanged in plan.unchanged if unchanged == key),
        withheld=tuple(withheld for withheld in plan.withheld if withheld.key == key),
        unlisted=tuple(unlisted for unlisted in plan.unlisted if unlisted.parent.mesh == key.mesh),
    )
