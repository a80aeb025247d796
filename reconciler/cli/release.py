"""The verb that gives up what is ours."""

from reconciler.cli import live
from reconciler.cli.conduct import conduct, refuse_to_ask_nobody
from reconciler.cli.options import Invocation
from reconciler.cli.work import choose
from reconciler.core.ownership import release
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
    refuse_to_ask_nobody(invocation)
    choice = choose(invocation)
    with open_target(choice, workers=invocation["parallelism"]) as target:
        seen = live.seen(target, invocation.keys, choice.owner, workers=invocation["parallelism"])
        plan = release(target.id, choice.owner, seen, Policy(choice.policy))
        return conduct(invocation, target, plan, note=NOTE)
