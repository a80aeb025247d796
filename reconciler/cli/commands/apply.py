"""The apply command: plans, asks for confirmation, and makes the changes."""

from collections.abc import Iterator
from contextlib import contextmanager

from reconciler import engine
from reconciler.cli.apply_flow import confirm_and_apply
from reconciler.cli.apply_saved import apply_saved_plan, open_saved_plan
from reconciler.cli.command import Invocation
from reconciler.cli.run_context import open_run, require_valid
from reconciler.core.errors import PlanChangedError
from reconciler.core.planning.plan import Plan


def run(invocation: Invocation) -> int:
    """Apply the saved plan of --plan, or a new plan for the manifests."""
    saved = invocation["plan"] is not None
    with open_saved_plan(invocation) if saved else _open_planned(invocation) as (plan, target):
        apply = apply_saved_plan if saved else engine.apply
        return confirm_and_apply(invocation, target, plan, apply=apply)


@contextmanager
def _open_planned(invocation: Invocation) -> Iterator[tuple[Plan, engine.CommandTarget]]:
    """Yield the plan for the manifests and its target.

    Raises:
        PlanChangedError: If --expect has another fingerprint.
    """
    with open_run(invocation) as context:
        loaded = context.read()
        desired = require_valid(loaded, color=invocation["color"])
        plan = context.propose(desired, revision=loaded.revision)
        context.require_patterns_to_match(plan.keys, desired, plan.unlisted)
        expected = invocation["expect"]
        if expected not in (None, plan.fingerprint):
            raise PlanChangedError(
                f"the plan is now {plan.fingerprint} and not {expected}, so nothing was written: "
                "run plan again and review it"
            )
        yield plan, context.target
