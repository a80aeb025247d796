"""The parts of a CI job that are the same for one target and for many."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.cli.output import print_error, print_result
from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Report
from reconciler.core.resources import Desired
from reconciler.forges.forge import Forge, Task
from reconciler.known_secrets import shown
from reconciler.manifest.parsing.diagnostics import Diagnostic
from reconciler.render import diagnostic_reports
from reconciler.render.graph.build import planned_graph
from reconciler.render.graph.model import Graph


@dataclass(frozen=True, slots=True)
class ReviewState:
    """Review of the plan of a request.

    Attributes:
        task: The task of the job.
        request: The number of the request to comment on, or None.
        marker: The text that identifies our comment.
        reviewed_fingerprint: The fingerprint of the plan that was reviewed, or None if unknown.
        requires_review: Whether only the reviewed plan may be applied. If none is known, nothing is
            applied.
        edited: Whether another user edited our comment. It is then no proof of a review.
    """

    task: Task
    request: int | None = None
    marker: str = ""
    reviewed_fingerprint: str | None = None
    requires_review: bool = False
    edited: bool = False


@dataclass(frozen=True, slots=True)
class JobResult:
    """Result of a task.

    Attributes:
        code: The exit code.
        body: The text of the comment and of the summary, in Markdown.
        fingerprint: The fingerprint of the plan, if the task made one.
        changes: The number of its changes.
        approved_fingerprint: The fingerprint of the plan that the text presents for review; None
            keeps the previous one.
    """

    code: ExitCode
    body: str
    fingerprint: str | None = None
    changes: int = 0
    approved_fingerprint: str | None = None


def objection_to(forge: Forge, review: ReviewState, fingerprint: str) -> str | None:
    """Return why the plan with ``fingerprint`` must not be applied, or None.

    Raises:
        ForgeError: If the forge does not answer.
    """
    if not review.requires_review:
        # A job without review may be run again much later. It would restore an old state.
        newest = forge.branch_head()
        stale = newest != forge.event.commit
        return f"the branch is now at {escaped(shown(newest))}" if stale else None
    if review.reviewed_fingerprint is None and review.edited:
        return f"another user edited the comment on request {review.request}"
    if review.reviewed_fingerprint is None:
        return f"the comment on request {review.request} shows no reviewed plan"
    if review.reviewed_fingerprint != fingerprint:
        return f"the plan is now {fingerprint} and not {review.reviewed_fingerprint}"
    return None


def remaining_plan(report: Report) -> Plan:
    """Return the plan of ``report`` without the changes that were made."""
    rest = (outcome.change for outcome in report.outcomes if not isinstance(outcome, Applied))
    return replace(report.plan, changes=tuple(rest))


def changed_graph(plan: Plan, head: Sequence[Desired]) -> Graph:
    """Return the part of the meshes that ``plan`` changes."""
    return planned_graph(plan, head).changed_part()


def annotate(forge: Forge, diagnostics: Sequence[Diagnostic], token: str) -> None:
    """Let the forge show ``diagnostics`` at their source lines."""
    if forge.files.annotations is not None:
        write_job_file(forge.files.annotations, diagnostic_reports.code_quality(diagnostics), "w")
    elif diagnostics:
        annotations = diagnostic_reports.github(diagnostics)
        print_result(f"::{token}::\n{annotations}::stop-commands::{token}\n")


def write_job_file(path: Path, content: str, mode: str) -> None:
    """Write a file that the forge reads, such as the summary. An error is only printed."""
    try:
        with path.open(mode, encoding="utf-8", errors="backslashreplace") as file:
            file.write(content)
    except OSError as error:
        print_error(f"writing {path}: {error.strerror}; the job continues without this file")
