"""Runs of the history as text and JSON."""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime

from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import Json, canonical_json
from reconciler.core.run_record import RunHead, RunRecord
from reconciler.core.source_revision import SHORT_COMMIT_CHARACTERS
from reconciler.render import json_output, phrases, text
from reconciler.render.outcome_lines import outcome_lines
from reconciler.render.terminal import (
    Layout,
    Span,
    Style,
    cell_width,
    format_duration,
    plural,
    wrap_words,
)

SCHEMA = 1
# The other commands are shown by their names.
_COMMANDS = {"run": "daemon cycle"}
UNFINISHED = "interrupted or still running, so each change may have been made"


def list_as_text(heads: Iterable[RunHead], layout: Layout) -> str:
    """Return one line for each run."""
    # Not the heads, which take several times the memory.
    rows = [(_cells(head), _result(head), _style(head)) for head in heads]
    if not rows:
        return "No run is recorded.\n"
    widths = [max(map(cell_width, column)) for column in zip(*(it for it, *_ in rows), strict=True)]
    return "".join(
        f"{layout.write(_row(cells, widths, result, style))}\n" for cells, result, style in rows
    )


def summary(heads: Sequence[RunHead]) -> str:
    """Return one line about runs, of which the first is the latest."""
    if not heads:
        return "no run is recorded"
    last = heads[0]
    return f"{plural(len(heads), 'run')}, last {_time(last.started_at)}: {_result(last)}"


def list_as_json(heads: Iterable[RunHead]) -> str:
    """Return all runs as one line of JSON."""
    runs: list[Json] = [_head(head) for head in heads]
    return canonical_json({"schema": SCHEMA, "runs": runs}) + "\n"


def run_as_text(record: RunRecord, layout: Layout) -> str:
    """Return one run: its facts, its plan as `plan` shows it, and the outcomes."""
    head = record.head
    facts = [
        f"run {head.run} ({_COMMANDS.get(head.command, head.command)}) by {head.actor}",
        f"started {_time(head.started_at)}{_duration(head)}: {_result(head)}",
        f"target {head.target}, owner {head.owner}",
        *([f"fingerprint {head.fingerprint}"] if head.fingerprint else []),
    ]
    blocks = ["".join(f"{layout.write(wrap_words(escaped(fact)))}\n" for fact in facts)]
    if record.plan is not None:
        blocks.append(text.render_verdicts(record.plan, layout) + "\n")
    if (report := record.report) is not None and report.outcomes:
        counts = [phrases.report_counts(report)]
        counts += [phrases.call_counts(head.calls)] if head.calls else []
        lines = outcome_lines(report.outcomes, color=layout.color)
        blocks.append(lines + "".join(f"{line}\n" for line in counts))
    return "\n".join(blocks)


def run_as_json(record: RunRecord) -> str:
    """Return one run, its changes and its outcomes, as one line of JSON."""
    document = {"schema": SCHEMA, **_head(record.head)}
    if (plan := record.plan) is not None:
        document["changes"] = [json_output.change_document(it, plan) for it in plan.changes]
        document["withheld"] = [json_output.withheld_document(it, plan) for it in plan.withheld]
    report = record.report
    outcomes = report.outcomes if report else ()
    document["outcomes"] = [json_output.outcome_document(outcome) for outcome in outcomes]
    return canonical_json(document) + "\n"


def _row(cells: tuple[str, ...], widths: list[int], result: str, style: Style) -> list[Span]:
    first, *rest = (
        cell + " " * (width - cell_width(cell)) for cell, width in zip(cells, widths, strict=True)
    )
    spans = [Span(first, gap=""), *map(Span, rest)]
    return [*spans, *wrap_words(escaped(result), style, gap="  ")]


def _cells(head: RunHead) -> tuple[str, ...]:
    commit = (head.commit or "-")[:SHORT_COMMIT_CHARACTERS] + ("+" if head.dirty else "")
    cells = (head.run, _time(head.started_at), head.command, head.actor, head.target, commit)
    return tuple(map(escaped, cells))


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%SZ}"


def _duration(head: RunHead) -> str:
    seconds = head.duration_seconds
    return "" if seconds is None else f", took {format_duration(seconds)}"


def _result(head: RunHead) -> str:
    if head.exit_code is None:
        return f"{UNFINISHED}: {_counts(head)}"
    parts = filter(None, (_counts(head), head.error))
    return f"{', '.join(parts) or 'nothing to do'} (exit code {head.exit_code})"


def _counts(head: RunHead) -> str:
    return ", ".join(f"{count} {name}" for name, count in head.counts.items())


def _style(head: RunHead) -> Style:
    if head.exit_code is None:
        return Style.YELLOW
    return Style.GREEN if head.exit_code == ExitCode.OK else Style.RED


def _head(head: RunHead) -> dict[str, Json]:
    # `asdict` copies the members of members too, which takes most of the time of a long list.
    document = {field.name: getattr(head, field.name) for field in fields(head)}
    document.pop("schema")
    return {**document, "finished": head.is_finished}
