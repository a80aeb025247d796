"""The task of a CI job for many targets: one comment, one review, and an apply of each target."""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

from reconciler.cli.ci_job import (
    JobResult,
    ReviewState,
    annotate,
    changed_graph,
    objection_to,
    remaining_plan,
)
from reconciler.cli.command import Invocation
from reconciler.cli.commands.validate import read_source
from reconciler.cli.fleet import Ended, members_of, name_of, print_messages, run_each
from reconciler.cli.fleet_apply import AppliedTarget, Pending, apply_targets, plan_targets
from reconciler.cli.fleet_plan import objection_of
from reconciler.cli.output import print_error, print_result
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.fleet_guards import fleet_fingerprint
from reconciler.core.report import fleet_exit_code, plan_exit_code
from reconciler.forges.forge import Forge, Task
from reconciler.manifest.loading import LoadResult
from reconciler.render import diagnostic_reports, markdown, phrases, text
from reconciler.render.fleet import Section, as_text
from reconciler.render.markdown_fleet import Part, render_fleet
from reconciler.render.outcome_lines import outcome_lines
from reconciler.render.terminal import Layout, plural
from reconciler.wiring.manifests import SharedManifests

_PAGE = Layout(color=False)


def run_task(invocation: Invocation, forge: Forge, review: ReviewState, token: str) -> JobResult:
    """Validate, plan or apply all targets."""
    members = members_of(invocation)
    invalid = _check_manifests(invocation, members, forge, token)
    if invalid is not None or review.task is Task.VALIDATE:
        code = ExitCode.OK if invalid is None else ExitCode.MANIFESTS
        summary = invalid or f"The manifests of {plural(len(members), 'target')} are valid."
        return JobResult(code, markdown.render_message("Manifests", summary))
    with ExitStack() as opened:
        planned = plan_targets(invocation, members, opened)
        plans = [end.result.plan for end in planned if end.result is not None]
        fingerprint = fleet_fingerprint(plans)
        changes = sum(len(plan.changes) for plan in plans)
        detailed = review.task is Task.WATCH
        sections = [end.section(partial(_show_plan, detailed=detailed)) for end in planned]
        objection = objection_of(invocation, plans)
        code = fleet_exit_code([it.code for it in sections])
        code = fleet_exit_code([code, ExitCode.WITHHELD]) if objection else code
        print_result(as_text(sections, code, objection, _PAGE))
        print_result(f"fingerprint {fingerprint}\n")
        body = partial(_plan_body, review.marker, planned, sections, fingerprint)
        if review.task is not Task.APPLY:
            approved = fingerprint if review.task is Task.REVIEW else None
            return JobResult(code, body(objection), fingerprint, changes, approved)
        if changes and not objection and (stale := objection_to(forge, review, fingerprint)):
            objection, code = f"{stale}, so nothing was applied", ExitCode.STALE
        if objection:
            print_error(objection)
            return JobResult(code, body(objection), fingerprint, changes)
        applied = apply_targets(invocation, members, planned)
    return _applied(review, planned, sections, applied)


def _check_manifests(
    invocation: Invocation, members: Sequence[Invocation], forge: Forge, token: str
) -> str | None:
    """Annotate the diagnostics of all sources, each once, and return them if one is an error."""
    allow_empty = bool(invocation["allow_empty"])
    read = partial(
        read_source, allow_empty=allow_empty, find_revision=True, read=SharedManifests().read
    )
    ended: list[Ended[LoadResult]] = run_each(invocation, members, read, name_of)
    print_messages(ended, has_table=False)
    loaded = [end.result for end in ended if end.result is not None]
    diagnostics = list(dict.fromkeys(item for it in loaded for item in it.diagnostics))
    annotate(forge, diagnostics, token)
    found = diagnostic_reports.text(diagnostics, color=False)
    print_result(found)
    return None if all(it.valid for it in loaded) else found


def _show_plan(pending: Pending, *, detailed: bool) -> tuple[ExitCode, str, str]:
    plan = pending.plan
    code = plan_exit_code(plan, detailed=detailed)
    return code, phrases.plan_counts(plan), text.render_plan(plan, color=False)


def _plan_body(
    marker: str,
    planned: Sequence[Ended[Pending]],
    sections: Sequence[Section],
    fingerprint: str,
    note: str,
) -> str:
    parts = [
        _plan_part(section, end.result) for end, section in zip(planned, sections, strict=True)
    ]
    return render_fleet(marker, parts, fingerprint, note)


def _plan_part(section: Section, pending: Pending | None) -> Part:
    if pending is None:
        return Part(section, [])
    plan = pending.plan
    return Part(section, markdown.plan_blocks(plan), changed_graph(plan, pending.desired))


def _applied(
    review: ReviewState,
    planned: Sequence[Ended[Pending]],
    sections: Sequence[Section],
    applied: Sequence[Ended[AppliedTarget]],
) -> JobResult:
    reports = {end.target: end for end in applied}
    plans = {end.target: end.result.plan for end in planned if end.result is not None}
    fingerprint = fleet_fingerprint([*plans.values()])
    changes = sum(len(plan.changes) for plan in plans.values())
    parts = []
    for section in sections:
        end = reports.get(section.target)
        if end is None or end.result is None:
            failed = Section(section.target, end.code, end.error, None) if end else section
            parts.append(Part(failed, []))
            continue
        report = end.result.report
        plans[section.target] = remaining_plan(report)
        parts.append(Part(end.section(_show_report), markdown.report_blocks(report)))
    code = fleet_exit_code([part.section.code for part in parts])
    print_result(as_text([part.section for part in parts], code, "", _PAGE))
    # The remaining changes were reviewed with all others, so the job may be run again.
    approved = fleet_fingerprint([*plans.values()])
    body = render_fleet(review.marker, parts, fingerprint)
    return JobResult(code, body, fingerprint, changes, approved)


def _show_report(applied: AppliedTarget) -> tuple[ExitCode, str, str]:
    report = applied.report
    lines = outcome_lines(report.outcomes, color=False)
    output = lines + text.render_report(report, color=False)
    return applied.code, phrases.report_counts(report), output
