"""The verb that makes it so."""

import sys

import click

from reconciler import engine
from reconciler.cli.logs import start_logging
from reconciler.cli.options import Invocation, make_command
from reconciler.cli.output import show, wants_color
from reconciler.cli.progress import working
from reconciler.cli.signals import stop_on_signals
from reconciler.cli.work import Work, insist, open_work
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.plan import Plan
from reconciler.core.report import Outcome, Report, Skipped, exit_code
from reconciler.core.restraint import Limit
from reconciler.render import json, text
from reconciler.render.style import counted


def run(invocation: Invocation) -> int:
    """Plan, ask, and make it so.

    PATH is a file, a directory, or - for standard input.
    """
    start_logging(invocation["log_level"], invocation["log_format"])
    if not invocation["auto_approve"] and not sys.stdin.isatty():
        raise UsageError("apply asks before it writes, and stdin is no terminal: --auto-approve")
    readable = invocation["format"] == "text"
    if not (readable or invocation["auto_approve"]):
        raise UsageError("apply --format json shows no plan to agree to: say --auto-approve")
    color = wants_color(invocation["color"])
    with open_work(invocation, max_updates=Limit()) as work:
        desired = insist(work.read(), color=invocation["color"])
        plan = work.propose(desired)
        work.refuse_idle_patterns(plan, desired)
        if readable:
            show(text.render_plan(plan, color=color))
        if plan.changes and not (invocation["auto_approve"] or _approved()):
            show("Nothing was applied.\n")
            return ExitCode.ERROR
        report, stopped = _carry_out(work, plan, color=color, readable=readable)
    skipped = any(isinstance(outcome, Skipped) for outcome in report.outcomes)
    code = stopped if skipped else exit_code(report)
    if not readable:
        show(json.render_report(report, code))
    elif plan.changes:
        show(text.render_report(report, color=color))
    return code


def _approved() -> bool:
    return click.confirm("\nApply this plan?", default=False, err=True)


def _carry_out(work: Work, plan: Plan, *, color: bool, readable: bool) -> tuple[Report, ExitCode]:
    def progress(outcome: Outcome) -> None:
        if readable:
            show(text.render_outcome(outcome, color=color) + "\n")

    with stop_on_signals() as stop, working(f"applying {counted(len(plan.changes), 'change')}"):
        conduct = engine.Conduct(
            workers=work.invocation["parallelism"],
            stopping=stop.wished.is_set,
            pause=stop.wished.wait,
            progress=progress,
        )
        return engine.carry_out(plan, work.target, conduct), stop.code


command = make_command("apply", run)
