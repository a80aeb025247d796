"""The verb that is the CI job of a forge; which of its four tasks is done, the event decides."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.cli.conduct import carry
from reconciler.cli.main import code_of
from reconciler.cli.options import Invocation
from reconciler.cli.output import complain, show
from reconciler.cli.validate import read_source, source_paths, summary
from reconciler.cli.work import Work, choose, open_work
from reconciler.core.errors import ForgeError, HistoryError, ReconcilerError, UsageError
from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.core.plan import Plan
from reconciler.core.report import Applied, plan_exit_code
from reconciler.core.resources import Desired
from reconciler.core.three_way import ThreeWay, compare
from reconciler.forges.forge import Forge, Task, find_comment, post_comment
from reconciler.manifest.diagnostics import Diagnostic
from reconciler.manifest.loading import load
from reconciler.render import diagnostics, markdown, text
from reconciler.source.history import files_at
from reconciler.wiring.forges import open_forge
from reconciler.wiring.plans import write_plan


@dataclass(frozen=True, slots=True)
class Discussion:
    """The request on which a task reports, None where it has none, and the mark of our comment.

    ``reviewed`` is the fingerprint of the plan that readers agreed to, as far as is known; where
    it ``binds``, no other plan is applied, and none where nothing is known.
    """

    request: int | None = None
    marker: str = ""
    reviewed: str | None = None
    binds: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How a task ended: its exit code, the words for readers, the plan where there is one.

    ``agreed`` is the fingerprint that a reader of the words agrees to; None keeps the one that
    was agreed to before.
    """

    code: ExitCode
    body: str
    plan: Plan | None = None
    agreed: str | None = None


def run(invocation: Invocation) -> int:
    """Be the CI job of a forge: GitHub Actions or GitLab CI.

    A pull or merge request is validated, planned and commented on; one from a fork is validated
    and no more. A push to the default branch is applied, if that is what was reviewed. On a
    schedule a difference between files and live exits 2.

    PATH is a file, a directory, or - for standard input.
    """
    forge = open_forge(os.environ)
    token = secrets.token_hex(16)
    if forge.places.annotations is None:
        # What others wrote, and we show, must not be taken for a command to the runner.
        show(f"::stop-commands::{token}\n")
    if not forge.event.trusted:
        invocation = _confined(invocation)
    discussion = _discussion(invocation, forge)
    try:
        ending = _end(invocation, forge, discussion, token)
    except ReconcilerError as error:
        told = markdown.render_message("The CI job did not end well", escaped(str(error)))
        _report(forge, discussion, Ending(code_of(error), told), invocation["out"])
        raise
    code = _report(forge, discussion, ending, invocation["out"])
    if forge.places.annotations is None:
        show(f"::{token}::\n")
    return code


def _confined(invocation: Invocation) -> Invocation:
    """Return ``invocation`` with nothing in it by which a stranger's files lead to ours.

    What is read shows in complaints. UsageError where the manifests are outside of the checkout.
    """
    for path in source_paths(invocation):
        if not Path(path).resolve().is_relative_to(Path.cwd().resolve()):
            raise UsageError(f"{path} leads out of the checkout, which a fork's manifests may not")
    said = invocation.said
    none = {"var_file": (), "var_env": False}
    unsaid = {name: value for name, value in none.items() if not said.outright(name)}
    return replace(invocation, said=replace(said, values={**said.values, **unsaid}))


def _discussion(invocation: Invocation, forge: Forge) -> Discussion:
    """Return where to report; ForgeError where it cannot be known what was reviewed."""
    event = forge.event
    if event.task is Task.VALIDATE:
        return Discussion()
    choice = choose(invocation)
    marker = markdown.marker(choice.name, choice.owner)
    if event.task is not Task.APPLY:
        return Discussion(event.request, marker)
    expected = invocation["expect"]
    try:
        merged = forge.request_of(event.commit)
        comment = find_comment(forge, merged.number, marker) if merged else None
    except ForgeError as error:
        if expected is None:
            raise
        complain(f"{error}; nothing is reported there")
        return Discussion(None, marker, expected, binds=True)
    reviewed = expected or (markdown.reviewed_in(comment.body) if comment else None)
    binds = expected is not None or (merged is not None and not merged.fork)
    return Discussion(merged.number if merged else None, marker, reviewed, binds)


def _end(invocation: Invocation, forge: Forge, discussion: Discussion, token: str) -> Ending:
    loaded = read_source(invocation, allow_empty=invocation["allow_empty"])
    _annotate(forge, loaded.diagnostics, token)
    told = diagnostics.text(loaded.diagnostics, color=False) + summary(loaded)
    show(told)
    task = forge.event.task
    if task is Task.VALIDATE or not loaded.valid:
        code = ExitCode.OK if loaded.valid else ExitCode.MANIFESTS
        return Ending(code, markdown.render_message("Manifests", told))
    with open_work(invocation) as work:
        plan = work.propose(loaded.desired)
        work.refuse_idle_patterns(plan.keys, loaded.desired, plan.unlisted)
        calls = invocation.printed_calls(work.target.calls)
        show(text.render_plan(plan, color=False, calls=calls))
        if invocation["out"] is not None:
            write_plan(invocation["out"], plan)
        if task is Task.WATCH:
            code = plan_exit_code(plan, detailed=True)
            return Ending(code, markdown.render_plan(plan, calls), plan)
        if task is Task.REVIEW:
            return _review(work, plan, loaded.desired, forge.event.base)
        # Where nothing is left to do, nothing unseen can be done.
        objection = _objection(forge, discussion, plan) if plan.changes else None
        if objection:
            return _refuse(work, plan, loaded.desired, forge.event.base, objection)
        return _apply(work, plan)


def _objection(forge: Forge, discussion: Discussion, plan: Plan) -> str | None:
    """Say why ``plan`` is not to be applied; ForgeError where that cannot be known."""
    if not discussion.binds:
        # What nobody reviewed may be run again long after, and would bring back what was then.
        newest = forge.newest()
        stale = newest != forge.event.commit
        return f"the branch is at {escaped(newest)} by now" if stale else None
    if discussion.reviewed is None:
        return f"the comment on request {discussion.request} shows no plan that was agreed to"
    if discussion.reviewed != plan.fingerprint:
        return f"the plan is {plan.fingerprint} by now and not {discussion.reviewed}"
    return None


def _review(work: Work, plan: Plan, head: Sequence[Desired], base: str | None) -> Ending:
    three_way, unknown = _since(base, work, plan, head)
    calls = work.invocation.printed_calls(work.target.calls)
    body = markdown.render_plan(plan, calls, note=unknown, three_way=three_way)
    return Ending(plan_exit_code(plan, detailed=False), body, plan, plan.fingerprint)


def _refuse(
    work: Work, plan: Plan, head: Sequence[Desired], base: str | None, objection: str
) -> Ending:
    told = f"{objection}, so nothing was applied"
    complain(f"{told}: open a request that shows the plan, or say --expect {plan.fingerprint}")
    three_way, unknown = _since(base, work, plan, head)
    note = "; ".join(filter(None, (told, unknown)))
    calls = work.invocation.printed_calls(work.target.calls)
    body = markdown.render_plan(plan, calls, note=note, three_way=three_way)
    return Ending(ExitCode.STALE, body, plan)


def _since(
    base: str | None, work: Work, plan: Plan, head: Sequence[Desired]
) -> tuple[ThreeWay | None, str]:
    """Return what of ``plan`` is due to the change since ``base``, or why that is unknown."""
    try:
        before = load(files_at(base or "", work.paths), work.variables)
    except HistoryError as error:
        return None, f"not compared with the base: {error}"
    if not before.valid:
        return None, "not compared with the base: its manifests are not valid"
    return compare(before.desired, head, plan, work.target.canonical), ""


def _apply(work: Work, plan: Plan) -> Ending:
    report, code = carry(work.invocation, work.target, plan)
    calls = work.invocation.printed_calls(work.target.calls)
    show(text.render_report(report, color=False, calls=calls))
    rest = [outcome.change for outcome in report.outcomes if not isinstance(outcome, Applied)]
    return Ending(
        code,
        markdown.render_report(report, calls),
        plan,
        # What is left of it was agreed to with the whole: the job may be run again.
        replace(plan, changes=tuple(rest)).fingerprint,
    )


def _annotate(forge: Forge, found: Sequence[Diagnostic], token: str) -> None:
    if forge.places.annotations is not None:
        _write(forge.places.annotations, diagnostics.code_quality(found), "w")
    elif found:
        show(f"::{token}::\n{diagnostics.github(found)}::stop-commands::{token}\n")


def _report(forge: Forge, discussion: Discussion, ending: Ending, out: str | None) -> ExitCode:
    """Tell everybody how it ended and return the exit code; a task that cannot tell goes on."""
    code = ending.code
    if discussion.request is not None:
        marker, body = discussion.marker, ending.body
        body = body if body.startswith(marker) else f"{marker}\n{body}"
        agreed = ending.agreed or discussion.reviewed
        body = markdown.with_reviewed(body, agreed) if agreed else body
        try:
            post_comment(forge, discussion.request, marker, body)
        except ForgeError as error:
            complain(f"the comment could not be written: {error}")
            # There the comment is what the job is for.
            if forge.event.task is Task.REVIEW and code is ExitCode.OK:
                code = ExitCode.ERROR
    places = forge.places
    if places.summary is not None:
        _write(places.summary, f"{ending.body}\n", "a")
    if places.outputs is not None:
        values: dict[str, object] = {"exit_code": int(code)}
        if ending.plan is not None:
            changes = len(ending.plan.changes)
            values |= {"fingerprint": ending.plan.fingerprint, "changes": changes}
            values |= {"plan": escaped(out)} if out else {}
        lines = (f"{places.prefix}{name}={value}\n" for name, value in values.items())
        _write(places.outputs, "".join(lines), "a")
    return code


def _write(path: Path, content: str, mode: str) -> None:
    try:
        with path.open(mode, encoding="utf-8", errors="backslashreplace") as file:
            file.write(content)
    except OSError as error:
        complain(f"writing {path}: {error.strerror}; what it would tell is told elsewhere too")
