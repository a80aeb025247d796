"""Steps of every command that writes: show the plan, ask, apply, report."""

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import TypeAlias

import click

from reconciler import engine
from reconciler.cli.command import Invocation
from reconciler.cli.output import (
    layout,
    print_complete_result,
    print_message,
    print_result,
    wants_color,
)
from reconciler.cli.progress import progress_bar
from reconciler.cli.recording import open_recorder
from reconciler.cli.run_lock import hold_lock
from reconciler.cli.signals import (
    FINISHING_MESSAGE,
    StopRequest,
    stop_on_signals,
    wakeup_on_signals,
)
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Outcome, Report, Skipped, exit_code
from reconciler.render import text
from reconciler.render.formats import PLAN_FORMATS, OutputContext
from reconciler.render.outcome_lines import OutcomeLines
from reconciler.render.terminal import plural
from reconciler.sockets import wait_readable

ApplyFunction: TypeAlias = Callable[[Plan, engine.CommandTarget, engine.ApplyOptions], Report]


def confirm_and_apply(
    invocation: Invocation,
    target: engine.CommandTarget,
    plan: Plan,
    *,
    footer: str = "",
    apply: ApplyFunction | None = None,
) -> int:
    """Show ``plan``, ask for confirmation, apply it and print the report.

    Args:
        invocation: The command line.
        target: The target of the plan.
        plan: The changes to make.
        footer: Text below the plan if it has changes.
        apply: Applies the plan; None for ``engine.apply``.

    Returns:
        The exit code.
    """
    page = layout(invocation["color"])
    # Import the renderer before anything is written: later, the import could fail.
    renderer = PLAN_FORMATS[invocation["format"]].load()
    readable = invocation.shows_plan
    if readable:
        calls = invocation.printed_calls(target.calls)
        plan_text = text.render_plan(plan, color=page.color, width=page.width, calls=calls)
        print_result(plan_text + (footer if plan.changes else ""))
    writes = bool(plan.changes or plan.renewals)
    if writes and not (invocation["auto_approve"] or ask_approval("this plan")):
        print_result("Nothing was applied.\n")
        return ExitCode.ERROR
    report, code = apply_plan(invocation, target, plan, apply, readable=readable)
    calls = invocation.printed_calls(target.calls)
    if writes or not readable:
        # A truncated document must not pass for a success; another exit code already reports more.
        print_report = print_result if readable or code else print_complete_result
        print_report(renderer.format_report(report, OutputContext(code, page, calls)))
    return code


def apply_plan(
    invocation: Invocation,
    target: engine.CommandTarget,
    plan: Plan,
    apply: ApplyFunction | None = None,
    *,
    readable: bool = True,
    stop_request: StopRequest | None = None,
) -> tuple[Report, ExitCode]:
    """Apply ``plan`` and return its report and the exit code.

    Args:
        invocation: The command line.
        target: The target of the plan.
        plan: The changes to make.
        apply: Applies the plan; None for ``engine.apply``.
        readable: Whether to print each outcome.
        stop_request: The request of a run over many targets to stop; None to handle signals here.
    """
    lines, changes = OutcomeLines(wants_color(invocation["color"])), len(plan.changes)
    run = open_recorder(invocation, plan.target.name, plan.owner).start(invocation.started_at)
    with (
        _lock(invocation, plan, target) as may_write,
        nullcontext(stop_request)
        if stop_request
        else stop_on_signals(message=FINISHING_MESSAGE) as stop,
        progress_bar(
            f"applying {plural(changes, 'change')}", changes, color=invocation["color"]
        ) as progress,
    ):

        def on_outcome(outcome: Outcome) -> None:
            progress.on_outcome(outcome)
            if readable:
                print_result(lines.add(outcome))

        options = replace(
            _apply_options(invocation, stop, may_write),
            on_begin=lambda: run.record_start(plan),
            on_written=progress.on_written,
            on_outcome=on_outcome,
        )
        report = (apply or engine.apply)(plan, target, options)
        stopped = stop.code or (ExitCode.OK if may_write() else ExitCode.LOCKED)
    print_result("".join(lines.rest()))
    skipped = any(isinstance(outcome, Skipped) for outcome in report.outcomes)
    code = stopped if stopped and skipped else exit_code(report)
    run.record_end(report, code, target.calls)
    return report, code


def _lock(
    invocation: Invocation, plan: Plan, target: engine.CommandTarget
) -> AbstractContextManager[Callable[[], bool]]:
    """Return the lock of an apply that writes.

    The lock is taken after the confirmation, so that no daemon waits while a user reads the plan.
    """
    if plan.changes or plan.renewals:
        return hold_lock(invocation, target.id, plan.owner)
    return nullcontext(lambda: True)


def ask_approval(subject: str) -> bool:
    """Return whether the user confirms ``subject``; the end of the input is a no.

    Raises:
        click.Abort: If the user presses Ctrl-C.
    """
    try:
        with wakeup_on_signals() as wakeup:
            print_message(f"\nApply {subject}? [y/N]: ")
            # Not input() or click.confirm: they lose a Ctrl-C that arrives just before their read.
            wait_readable((sys.stdin, wakeup))
            answer = sys.stdin.readline()
    except KeyboardInterrupt:
        raise click.Abort("interrupted before any change; nothing was applied") from None
    if not answer:
        # Ctrl-D leaves the cursor behind the question.
        print_message("\n")
    return answer.strip().lower() in ("y", "yes")


def _apply_options(
    invocation: Invocation, stop: StopRequest, may_write: Callable[[], bool]
) -> engine.ApplyOptions:
    return engine.ApplyOptions(
        workers=invocation["parallelism"],
        should_stop=lambda: stop.stop_requested.is_set() or not may_write(),
        sleep=stop.stop_requested.wait,
        # Only apply has this option.
        fail_fast=invocation.options.values.get("fail_fast", False),
    )
