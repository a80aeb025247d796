"""The get command: lists live resources."""

import time

from reconciler.cli import live_resources
from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.cli.run_context import resolve_target
from reconciler.core.errors import UsageError
from reconciler.core.resources import LiveResource, Unreadable
from reconciler.render.live_resources import LIVE_FORMATS, LiveList
from reconciler.wiring.targets import open_target


def run(invocation: Invocation) -> int:
    """Print the live resources that match the keys and the owner."""
    if invocation["owned"] and invocation["unowned"]:
        raise UsageError("pass --owned or --unowned, not both")
    config = resolve_target(invocation, needs_owner=invocation["owned"])
    workers = invocation["parallelism"]
    with open_target(config, workers=workers) as target:
        found = live_resources.read_live(
            target, invocation.keys, config.owner, workers=workers, color=invocation["color"]
        )
        selected = [it for it in found if _is_selected(it, invocation, config.owner)]
        live = LiveList(target.id, selected, time.time())
    render = LIVE_FORMATS[invocation["format"]]
    print_complete_result(render(live, layout(invocation["color"])))
    return live.code


def _is_selected(resource: LiveResource | Unreadable, invocation: Invocation, owner: str) -> bool:
    # The owner of a resource that could not be read is not known.
    if isinstance(resource, Unreadable):
        return True
    if invocation["owned"]:
        return resource.owner == owner
    return not (invocation["unowned"] and resource.owner is not None)
