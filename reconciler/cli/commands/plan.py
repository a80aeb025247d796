"""The plan command: shows the changes that apply would make."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from reconciler.cli.command import Invocation
from reconciler.cli.commands.show import plan_text, show_plan
from reconciler.cli.fleet import (
    members_of,
    print_fleet,
    require_format,
    run_each,
)
from reconciler.cli.fleet_plan import (
    account_of,
    make_plan,
    objection_of,
    plan_section,
    report_plans,
)
from reconciler.cli.output import print_error
from reconciler.cli.run_context import open_run, require_matches
from reconciler.cli.shared_parts import ALONE, Shared
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.drift import only_drift
from reconciler.core.planning.plan import Plan
from reconciler.core.report import plan_exit_code
from reconciler.render import phrases
from reconciler.render.terminal import plural
from reconciler.wiring.plan_files import write_plan


class _Made(NamedTuple):
    plan: Plan
    code: ExitCode
    calls: Mapping[str, int]
    unmatched: frozenset[str]


def run(invocation: Invocation) -> int:
    """Show the changes that apply would make; write only the file of --out."""
    plan, code, calls, unmatched = _make(invocation)
    require_matches(invocation, unmatched)
    if invocation["out"] is not None:
        write_plan(invocation["out"], plan)
    show_plan(plan, code, invocation, calls)
    return code


def run_many(invocation: Invocation) -> int:
    """Show the changes of all targets."""
    require_format(invocation)
    members = members_of(invocation)
    ended = run_each(invocation, members, partial(_make, shared=Shared.of_fleet()), account_of)
    report_plans(invocation, ended)

    def show(made: _Made) -> tuple[ExitCode, str, str]:
        output = plan_text(made.plan, made.code, invocation, made.calls)
        return made.code, phrases.plan_counts(made.plan), output

    plans = [end.result.plan for end in ended if end.result is not None]
    sections = [plan_section(invocation, end, show) for end in ended]
    return print_fleet(invocation, sections, objection=objection_of(invocation, plans))


def _make(invocation: Invocation, shared: Shared = ALONE) -> _Made:
    with open_run(invocation, shared=shared) as context:
        plan, unmatched, _ = make_plan(invocation, context)
    if invocation["drift"]:
        whole, plan = plan, only_drift(plan)
        if hidden := len(whole.changes) - len(plan.changes):
            print_error(f"--drift omits {plural(hidden, 'change')} that manifests request")
    code = plan_exit_code(plan, detailed=invocation["detailed_exitcode"])
    return _Made(plan, code, invocation.printed_calls(context.target.calls), unmatched)
