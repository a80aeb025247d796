"""The apply command: plans, asks for confirmation, and makes the changes."""

from collections.abc import Callable
from functools import partial

from reconciler.cli.apply_flow import ApplyFunction, confirm_and_apply
from reconciler.cli.apply_saved import apply_saved_plan, open_saved_plan
from reconciler.cli.command import Invocation
from reconciler.cli.proxy_wait import open_proxy_wait
from reconciler.cli.run_context import RunContext, open_run, require_valid
from reconciler.core.errors import PlanChangedError, UsageError
from reconciler.core.planning.plan import Plan
from reconciler.engine import CommandTarget
from reconciler.wiring.plan_files import is_plan_file


def run(invocation: Invocation) -> int:
    """Apply the saved plan of --plan, or a new plan for the manifests."""
    if invocation["plan"] is not None:
        with open_saved_plan(invocation) as (plan, target, source):
            apply = partial(apply_saved_plan, source)
            return _apply(invocation, target, lambda: plan, apply)
    for path in filter(is_plan_file, invocation.paths):
        raise UsageError(f"{path} is a saved plan: run apply --plan {path}")
    with open_run(invocation) as context:
        make_plan = partial(_make_plan, invocation, context)
        return _apply(invocation, context.target, make_plan, context.apply)


def _apply(
    invocation: Invocation,
    target: CommandTarget,
    make_plan: Callable[[], Plan],
    apply: ApplyFunction,
) -> int:
    # Whether proxies can be waited for is checked before anything is written.
    wait = open_proxy_wait(invocation, target)
    plan = make_plan()
    code = confirm_and_apply(invocation, target, plan, apply=apply)
    return wait.wait(code, plan, target, readable=invocation.shows_plan) if wait else code


def _make_plan(invocation: Invocation, context: RunContext) -> Plan:
    """Return the plan for the manifests.

    Raises:
        PlanChangedError: If --expect has another fingerprint.
    """
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
    return plan
