"""The release command: gives up ownership of live resources."""

from reconciler.cli import live_resources
from reconciler.cli.apply_flow import confirm_and_apply
from reconciler.cli.command import Invocation
from reconciler.cli.recording import recorded_failure
from reconciler.cli.run_context import resolve_target
from reconciler.core.planning.guards import Policy
from reconciler.core.planning.ownership import plan_release
from reconciler.wiring.targets import open_target

NOTE = (
    "\nNothing is deleted. If a manifest still has one of these resources, later plans report it "
    "as unowned.\n"
)


def run(invocation: Invocation) -> int:
    """Remove our tags from the owned resources that match the keys; delete nothing."""
    config = resolve_target(invocation)
    invocation.require_confirmation_possible()
    with (
        recorded_failure(invocation, config.name, config.owner),
        open_target(config, workers=invocation["parallelism"]) as target,
    ):
        live = live_resources.read_live(
            target,
            invocation.keys,
            config.owner,
            workers=invocation["parallelism"],
            color=invocation["color"],
        )
        plan = plan_release(target.id, config.owner, live, Policy(config.policy))
        return confirm_and_apply(invocation, target, plan, footer=NOTE)
