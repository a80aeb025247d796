"""The ci command: the CI job of a forge, whose event selects the task."""

import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from reconciler.cli.apply_flow import apply_plan
from reconciler.cli.ci_job import (
    JobResult,
    ReviewState,
    annotate,
    changed_graph,
    objection_to,
    remaining_plan,
    write_job_file,
)
from reconciler.cli.command import Invocation
from reconciler.cli.commands import ci_targets
from reconciler.cli.commands.validate import read_source, source_paths
from reconciler.cli.error_codes import code_of
from reconciler.cli.output import print_error, print_result
from reconciler.cli.run_context import RunContext, open_run, require_valid, resolve_target
from reconciler.core.errors import ForgeError, HistoryError, ReconcilerError, UsageError
from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.planning.three_way import ThreeWay, compare
from reconciler.core.report import plan_exit_code
from reconciler.core.resources import Desired
from reconciler.forges.forge import Event, EventKind, Forge, Task, find_comment, post_comment
from reconciler.manifest.budget import Budget, unlimited
from reconciler.manifest.loading import load_manifests
from reconciler.render import diagnostic_reports, markdown, text
from reconciler.source.git_history import files_at
from reconciler.source.git_url import is_git
from reconciler.wiring.forges import open_forge
from reconciler.wiring.plan_files import write_plan

_TASK_TEXTS = {
    Task.VALIDATE: "validates the manifests, without access to the target or the forge",
    Task.PREVIEW: "plans, and applies nothing",
    Task.REVIEW: "plans, and shows the plan in a comment",
    Task.APPLY: "applies; after a merge, only the plan that the comment on the request shows",
    Task.WATCH: (
        "plans, applies nothing, and exits with 2 if the live state differs from the manifests"
    ),
}
# These differ if a person runs the job by hand.
_MANUAL_TASK_TEXTS = {
    Task.APPLY: "applies the plan of --expect, and no other",
    Task.WATCH: f"{_TASK_TEXTS[Task.WATCH]}; to apply the plan, pass --expect",
}


RunTask = Callable[[Invocation, Forge, ReviewState, str], JobResult]


def run(invocation: Invocation) -> int:
    """Run the task that the event of GitHub Actions or GitLab CI selects."""
    return _run_job(invocation, _run_task)


def run_many(invocation: Invocation) -> int:
    """Run the task for all targets, with one comment."""
    return _run_job(invocation, ci_targets.run_task)


def _run_job(invocation: Invocation, run_task: RunTask) -> int:
    forge = open_forge(os.environ)
    token = secrets.token_hex(16)
    if forge.files.annotations is None:
        # Printed text of other authors must not be interpreted as a workflow command.
        print_result(f"::stop-commands::{token}\n")
    task = forge.event.task(expects_plan=invocation["expect"] is not None)
    print_result(_announcement(forge.event, task))
    if not forge.event.trusted:
        invocation = _restrict_for_fork(invocation)
    review = _review_state(invocation, forge, task)
    try:
        result = run_task(invocation, forge, review, token)
    except ReconcilerError as error:
        message = markdown.render_message("The CI job failed", escaped(str(error)))
        _report(forge, review, JobResult(code_of(error), message), invocation["out"])
        raise
    code = _report(forge, review, result, invocation["out"])
    if forge.files.annotations is None:
        print_result(f"::{token}::\n")
    return code


def _restrict_for_fork(invocation: Invocation) -> Invocation:
    """Return ``invocation`` without settings by which the files of a fork could read our data.

    Diagnostics show the content of the files and variables that are read.

    Raises:
        UsageError: If the manifests are outside of the checkout.
    """
    targets = [invocation.for_target(name) for name in invocation.targets] or [invocation]
    for path in dict.fromkeys(path for target in targets for path in source_paths(target)):
        if is_git(path):
            raise UsageError(
                f"{path} is a git repository: a request from a fork needs a path in the checkout"
            )
        if not Path(path).resolve().is_relative_to(Path.cwd().resolve()):
            raise UsageError(
                f"{path} is outside of the checkout: a request from a fork needs a path inside"
            )
    options = invocation.options
    defaults = {"var_file": (), "stack_outputs": (), "var_env": False}
    implied = {name: value for name, value in defaults.items() if not options.is_explicit(name)}
    return replace(invocation, options=replace(options, values={**options.values, **implied}))


def _announcement(event: Event, task: Task) -> str:
    """Return the line with the event and the task of the job."""
    if event.kind is EventKind.REQUEST:
        origin = "" if event.trusted else " from a fork"
    elif event.kind is EventKind.OTHER:
        origin = ""
    else:
        origin = f" {'on' if event.main else 'outside of'} the default branch"
    task_text = _TASK_TEXTS[task]
    if event.kind is EventKind.MANUAL:
        task_text = _MANUAL_TASK_TEXTS.get(task, task_text)
    return f"{escaped(event.name) or 'unknown event'}{origin}: {task_text}\n"


def _review_state(invocation: Invocation, forge: Forge, task: Task) -> ReviewState:
    """Return the request to comment on and its reviewed plan.

    Raises:
        ForgeError: If the forge does not show whether a plan was reviewed.
    """
    event = forge.event
    if task is Task.VALIDATE:
        return ReviewState(task)
    marker = _marker(invocation)
    if task is not Task.APPLY:
        return ReviewState(task, event.request, marker)
    expected = invocation["expect"]
    try:
        merged = forge.request_for_commit(event.commit)
        comment = find_comment(forge, merged.number, marker) if merged else None
        body = forge.unedited(comment) if comment else None
    except ForgeError as error:
        if expected is None:
            raise
        print_error(f"{error}; no comment is written")
        return ReviewState(task, None, marker, expected, requires_review=True)
    reviewed = expected or (markdown.reviewed_in(body) if body else None)
    requires_review = expected is not None or (merged is not None and not merged.fork)
    edited = comment is not None and body is None
    return ReviewState(
        task, merged.number if merged else None, marker, reviewed, requires_review, edited
    )


def _marker(invocation: Invocation) -> str:
    """Return the text that identifies the comment, by the selection of the targets."""
    if invocation.targets:
        names: Sequence[str] = invocation["target"] or ["all targets"]
        return markdown.marker(" ".join(names), "")
    config = resolve_target(invocation)
    return markdown.marker(config.name, config.owner)


def _run_task(invocation: Invocation, forge: Forge, review: ReviewState, token: str) -> JobResult:
    loaded = read_source(invocation, allow_empty=invocation["allow_empty"], find_revision=True)
    annotate(forge, loaded.diagnostics, token)
    summary_text = diagnostic_reports.text(loaded.diagnostics, color=False)
    summary_text += diagnostic_reports.summary(loaded)
    print_result(summary_text)
    task = review.task
    if task is Task.VALIDATE or not loaded.valid:
        code = ExitCode.OK if loaded.valid else ExitCode.MANIFESTS
        return JobResult(code, markdown.render_message("Manifests", summary_text))
    with open_run(invocation) as context:
        desired = loaded.desired
        if any(map(is_git, context.paths)):
            # The commit of the plan is compared with the one that was applied to this target.
            loaded = context.read()
            desired = require_valid(loaded, color="never")
        plan = context.propose(desired, revision=loaded.revision)
        context.require_patterns_to_match(plan.keys, desired, plan.unlisted)
        calls = invocation.printed_calls(context.target.calls)
        print_result(text.render_plan(plan, color=False, calls=calls))
        print_result(f"fingerprint {plan.fingerprint}\n")
        if invocation["out"] is not None:
            write_plan(invocation["out"], plan)
        if task in (Task.PREVIEW, Task.WATCH):
            code = plan_exit_code(plan, detailed=task is Task.WATCH)
            body = markdown.render_plan(plan, calls, graph=changed_graph(plan, desired))
            return _planned(code, body, plan)
        if task is Task.REVIEW:
            return _review(context, plan, desired, forge.event.base)
        # Without changes, no unreviewed change can be made.
        objection = objection_to(forge, review, plan.fingerprint) if plan.changes else None
        if objection:
            return _reject(context, plan, desired, forge.event.base, objection)
        return _apply(context, plan)


def _planned(
    code: ExitCode, body: str, plan: Plan, approved_fingerprint: str | None = None
) -> JobResult:
    return JobResult(code, body, plan.fingerprint, len(plan.changes), approved_fingerprint)


def _review(
    context: RunContext, plan: Plan, head: Sequence[Desired], base: str | None
) -> JobResult:
    body = _compared_body(context, plan, head, base)
    return _planned(plan_exit_code(plan, detailed=False), body, plan, plan.fingerprint)


def _reject(
    context: RunContext, plan: Plan, head: Sequence[Desired], base: str | None, objection: str
) -> JobResult:
    message = f"{objection}, so nothing was applied"
    print_error(
        f"{message}: open a request that shows the plan, or pass --expect {plan.fingerprint}"
    )
    return _planned(ExitCode.STALE, _compared_body(context, plan, head, base, message), plan)


def _compared_body(
    context: RunContext, plan: Plan, head: Sequence[Desired], base: str | None, message: str = ""
) -> str:
    """Return the plan as a comment, compared with ``base``; ``message`` is shown before it."""
    three_way, unknown = _compare_with_base(base, context, plan, head)
    note = "; ".join(filter(None, (message, unknown)))
    calls = context.invocation.printed_calls(context.target.calls)
    return markdown.render_plan(
        plan, calls, note=note, three_way=three_way, graph=changed_graph(plan, head)
    )


def _compare_with_base(
    base: str | None, context: RunContext, plan: Plan, head: Sequence[Desired]
) -> tuple[ThreeWay | None, str]:
    """Compare ``plan`` with the changes since ``base``; return the result or why there is none."""
    if any(map(is_git, context.paths)):
        return None, "not compared with the base: the source is another git repository"
    try:
        budget = Budget(time.monotonic, unlimited)
        before = load_manifests(
            files_at(base or "", context.paths, context.config.source.exclude),
            context.inputs,
            check_time=budget.check,
        )
    except HistoryError as error:
        return None, f"not compared with the base: {error}"
    if not before.valid:
        return None, "not compared with the base: its manifests are not valid"
    return compare(before.desired, head, plan, context.target.canonical), ""


def _apply(context: RunContext, plan: Plan) -> JobResult:
    report, code = apply_plan(context.invocation, context.target, plan, context.apply)
    calls = context.invocation.printed_calls(context.target.calls)
    print_result(text.render_report(report, color=False, calls=calls))
    # The remaining changes were reviewed with the whole plan, so the job may be run again.
    body = markdown.render_report(report, calls)
    return _planned(code, body, plan, remaining_plan(report).fingerprint)


def _report(forge: Forge, review: ReviewState, result: JobResult, out: str | None) -> ExitCode:
    """Write the comment, the summary and the outputs, and return the exit code.

    An error while writing is printed. It fails only a review, because its result is the comment.
    """
    code = result.code
    if review.request is not None:
        marker, body = review.marker, result.body
        body = body if body.startswith(marker) else f"{marker}\n{body}"
        approved = result.approved_fingerprint or review.reviewed_fingerprint
        body = markdown.with_reviewed(body, approved) if approved else body
        try:
            post_comment(forge, review.request, marker, body)
        except ForgeError as error:
            print_error(f"the comment could not be written: {error}")
            if review.task is Task.REVIEW and code is ExitCode.OK:
                code = ExitCode.ERROR
    files = forge.files
    if files.summary is not None:
        write_job_file(files.summary, f"{result.body}\n", "a")
    if files.outputs is not None:
        values: dict[str, object] = {"exit_code": int(code)}
        if result.fingerprint is not None:
            values |= {"fingerprint": result.fingerprint, "changes": result.changes}
            values |= {"plan": escaped(out)} if out else {}
        lines = (f"{files.prefix}{name}={value}\n" for name, value in values.items())
        write_job_file(files.outputs, "".join(lines), "a")
    return code
