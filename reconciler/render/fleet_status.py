"""The targets of a daemon as JSON and as a table."""

from collections.abc import Sequence
from dataclasses import asdict

from reconciler.core.escaping import escaped
from reconciler.core.resources import canonical_json
from reconciler.core.source_revision import SHORT_COMMIT_CHARACTERS
from reconciler.core.state.fleet_status import TargetSummary
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
_COLORS = {"in sync": Style.GREEN, "starting": Style.CYAN, "pending": Style.CYAN}
_BAD = ("stuck", "unreadable", "failed")


def as_json(targets: Sequence[TargetSummary]) -> str:
    """Return one line of JSON."""
    return canonical_json({"schema": SCHEMA, "targets": [asdict(it) for it in targets]}) + "\n"


def as_text(targets: Sequence[TargetSummary], *, now: float, layout: Layout) -> str:
    """Return a row for each target."""
    names = [escaped(target.target) for target in targets]
    width = max(map(cell_width, names), default=0)
    lines = []
    for name, target in zip(names, targets, strict=True):
        padded = Span(name + " " * (width - cell_width(name)), gap="")
        health = Span(f"{target.health:<10}", (_style(target.health),))
        lines.append(layout.write([padded, health, *wrap_words(_details(target, now), gap="  ")]))
    return "\n".join([*lines, "", f"{plural(len(targets), 'target')}."]) + "\n"


def _details(target: TargetSummary, now: float) -> str:
    if target.finished_at is None or target.exit_code is None:
        ended = "no cycle has ended yet"
    else:
        ago = format_duration(now - target.finished_at)
        ended = f"cycle {target.cycle}, {target.exit_code} {ago} ago"
    commit = f"commit {_commit(target)}" if target.commit else ""
    return "; ".join(filter(None, (ended, commit, escaped(target.error or ""))))


def _commit(target: TargetSummary) -> str:
    return escaped((target.commit or "")[:SHORT_COMMIT_CHARACTERS])


def _style(health: str) -> Style:
    return _COLORS.get(health, Style.RED if health in _BAD else Style.YELLOW)
