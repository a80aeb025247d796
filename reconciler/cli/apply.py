"""The verb that makes it so."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from reconciler import engine
from reconciler.cli.logs import start_logging
from reconciler.cli.options import Invocation, make_command
from reconciler.cli.output import show, terminal_width, wants_color
from reconciler.cli.progress import counting
from reconciler.cli.saved import carry_out_saved, open_saved
from reconciler.cli.signals import stop_on_signals
from reconciler.cli.work import insist, open_work
from reconciler.core.errors import MovedError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.plan import Plan
from reconciler.core.report import Outcome, Report, Skipped, exit_code
from reconciler.core.restraint import Limit
from reconciler.render import json, markdown, text
from reconciler.render.style import counted
from reconciler.targets.appmesh import AppMesh


def run(invocation: Invocation) -> int:
    """Plan, ask, and make it so.

    PATH is a file, a directory, or - for standard input.
    """
    start_logging(invocation["log_level"], invocation["log_format"])
    if not invocation["auto_approve"] and not sys.stdin.isatty():
        raise UsageError("apply asks before it writes, and stdin is no terminal: --auto-approve")
    readable = invocation["format"] == "text"
    if not (readable or invocation["auto_approve"]):
        style = invocation["format"]
        raise UsageError(f"apply --format {style} shows no plan to agree to: say --auto-approve")
    color, width = wants_color(invocation["color"]), terminal_width()
    opened = _open_planned(invocation) if invocation["plan"] is None else open_saved(invocation)
    with opened as (plan, target):
        if readable:
            show(text.render_plan(plan, color=color, width=width, calls=target.calls))
        if plan.changes and not (invocation["auto_approve"] or _approved()):
            show("Nothing was applied.\n")
            return ExitCode.ERROR
        report, stopped = _carry_out(invocation, plan, target)
    skipped = any(isinstance(outcome, Skipped) for outcome in report.outcomes)
    code = stopped if stopped and skipped else exit_code(report)
    calls = target.calls
    if invocation["format"] == "json":
        show(json.render_report(report, code, calls))
    elif invocation["format"] == "markdown":
        show(markdown.render_report(report, calls))
    elif plan.changes:
        show(text.render_report(report, color=color, width=width, calls=calls))
    return code


@contextmanager
def _open_planned(invocation: Invocation) -> Iterator[tuple[Plan, AppMesh]]:
    """Yield the plan for the manifests and its target; MovedError where --expect has another."""
    with open_work(invocation, max_updates=Limit()) as work:
        desired = insist(work.read(), color=invocation["color"])
        plan = work.propose(desired)
        work.refuse_idle_patterns(plan, desired)
        expected = invocation["expect"]
        if expected not in (None, plan.fingerprint):
            raise MovedError(
                f"the plan is {plan.fingerprint} by now and not {expected}, so nothing was "
                "written: run plan again and agree to what it says"
            )
        yield plan, work.target


def _approved() -> bool:
    return click.confirm("\nApply this plan?", default=False, err=True)


def _carry_out(invocation: Invocation, plan: Plan, target: AppMesh) -> tuple[Report, ExitCode]:
    color, readable = wants_color(invocation["color"]), invocation["format"] == "text"
    carry_out = engine.carry_out if invocation["plan"] is None else carry_out_saved
    changes = len(plan.changes)
    with (
        stop_on_signals() as stop,
        counting(f"applying {counted(changes, 'change')}", changes) as count,
    ):

        def progress(outcome: Outcome) -> None:
            count(outcome)
            if readable:
                show(text.render_outcome(outcome, color=color) + "\n")

        conduct = engine.Conduct(
            workers=invocation["parallelism"],
            stopping=stop.wished.is_set,
            pause=stop.wished.wait,
            progress=progress,
            fail_fast=invocation["fail_fast"],
        )
        return carry_out(plan, target, conduct), stop.code


command = make_command("apply", run)
