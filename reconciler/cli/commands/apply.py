"""The apply command: plans, asks for confirmation, and makes the changes."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from reconciler.cli.apply_flow import (
    ApplyFunction,
    ask_approval,
    confirm_and_apply,
)
from reconciler.cli.apply_saved import apply_saved_plan, open_saved_plan
from reconciler.cli.command import Invocation
from reconciler.cli.commands.show import plan_text
from reconciler.cli.fleet import (
    members_of,
    print_fleet,
    require_format,
)
from reconciler.cli.fleet_apply import AppliedTarget, Pending, apply_targets, plan_targets
from reconciler.cli.fleet_plan import make_plan, objection_of, plan_section
from reconciler.cli.output import layout, print_result
from reconciler.cli.proxy_wait import open_proxy_wait
from reconciler.cli.run_context import RunContext, open_run, require_matches
from reconciler.core.errors import PlanChangedError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import plan_exit_code
from reconciler.engine import CommandTarget
from reconciler.render import phrases
from reconciler.render.formats import PLAN_FORMATS, OutputContext
from reconciler.render.outcome_lines import outcome_lines
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
        make_plan = partial(_make_expected_plan, invocation, context)
        return _apply(invocation, context.target, make_plan, context.apply)


def run_many(invocation: Invocation) -> int:
    """Plan all targets, ask once, and apply each plan as a run of its own."""
    require_format(invocation)
    invocation.require_confirmation_possible()
    members = members_of(invocation)
    with ExitStack() as opened:
        planned = plan_targets(invocation, members, opened)
        pending = [end.result for end in planned if end.result is not None]
        objection = objection_of(invocation, [item.plan for item in pending])
        writes = any(item.writes for item in pending)
        show = partial(_show_plan, invocation)
        plans = [plan_section(invocation, end, show) for end in planned]
        if invocation.shows_plan or objection:
            code = print_fleet(invocation, plans, objection=objection)
            if objection or not writes:
                return code
        if writes and not (
            invocation["auto_approve"] or ask_approval(f"these plans to {len(pending)} targets")
        ):
            print_result("Nothing was applied.\n")
            return ExitCode.ERROR
        applied = apply_targets(invocation, members, planned)
    reports = {end.target: end.section(partial(_show_report, invocation)) for end in applied}
    return print_fleet(invocation, [reports.get(plan.target, plan) for plan in plans])


def _show_plan(invocation: Invocation, pending: Pending) -> tuple[ExitCode, str, str]:
    plan, calls = pending.plan, invocation.printed_calls(pending.context.target.calls)
    code = plan_exit_code(plan, detailed=False)
    return code, phrases.plan_counts(plan), plan_text(plan, code, invocation, calls)


def _show_report(invocation: Invocation, applied: AppliedTarget) -> tuple[ExitCode, str, str]:
    report, code, calls = applied
    renderer = PLAN_FORMATS[invocation["format"]].load()
    page = layout(invocation["color"])
    output = renderer.format_report(report, OutputContext(code, page, calls))
    if invocation.shows_plan:
        output = outcome_lines(report.outcomes, color=page.color) + output
    return code, phrases.report_counts(report), output


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


def _make_expected_plan(invocation: Invocation, context: RunContext) -> Plan:
    """Return the plan for the manifests.

    Raises:
        UsageError: If a pattern of --only or --except matches no resource.
        PlanChangedError: If --expect has another fingerprint.
    """
    plan, unmatched, _ = make_plan(invocation, context)
    require_matches(invocation, unmatched)
    expected = invocation["expect"]
    if expected not in (None, plan.fingerprint):
        raise PlanChangedError(
            f"the plan is now {plan.fingerprint} and not {expected}, so nothing was written: "
            "run plan again and review it"
        )
    return plan
