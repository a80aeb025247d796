"""The verb that gives up what is ours."""

from reconciler.cli import live
from reconciler.cli.conduct import confirm_and_apply, require_confirmation_possible
from reconciler.cli.options import Invocation
from reconciler.cli.work import resolve_target
from reconciler.core.ownership import plan_release
from reconciler.core.restraint import Policy
from reconciler.wiring.targets import open_target

NOTE = (
    "\nNothing is deleted. A manifest that still names one of them finds it unowned from then on.\n"
)


def run(invocation: Invocation) -> int:
    """Take our tags off what is ours; delete nothing.

    KEY is such as mesh/payments; globs are allowed. What a manifest still names is reported as
    unowned by the next plan.
    """
    require_confirmation_possible(invocation)
    config = resolve_target(invocation)
    with open_target(config, workers=invocation["parallelism"]) as target:
        seen = live.read_live(
            target, invocation.keys, config.owner, workers=invocation["parallelism"]
        )
        plan = plan_release(target.id, config.owner, seen, Policy(config.policy))
        return confirm_and_apply(invocation, target, plan, footer=NOTE)
