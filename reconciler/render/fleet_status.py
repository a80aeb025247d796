"""The targets of a daemon as JSON, as a page and as a table."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape

from reconciler.core.escaping import escaped
from reconciler.core.resources import Json, canonical_json
from reconciler.core.source_revision import SHORT_COMMIT_CHARACTERS
from reconciler.core.state.fleet_status import (
    ELSEWHERE,
    FleetStatus,
    MemberSummary,
    TargetSummary,
)
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
_COLORS = {
    "in sync": Style.GREEN,
    "starting": Style.CYAN,
    "pending": Style.CYAN,
    ELSEWHERE: Style.CYAN,
}
_BAD = ("stuck", "unreadable", "failed")
_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="stylesheet" href="page.css">
</head>
<body>
<header><div class="bar"><h1>mesh-reconciler</h1><p>{title}</p></div></header>
<main>
<table>
<thead><tr><th scope="col">Target</th><th scope="col">Health</th><th scope="col">Cycle</th>\
<th scope="col">Commit</th><th scope="col">Holder</th><th scope="col">Error</th></tr></thead>
<tbody>
"""
_MEMBERS_HEAD = """<table>
<thead><tr><th scope="col">Member</th><th scope="col">Joined</th><th scope="col">Targets</th></tr>\
</thead>
<tbody>
"""
_END = "</tbody>\n</table>\n"
_FOOT = "</main>\n</body>\n</html>\n"


def as_json(fleet: FleetStatus) -> str:
    """Return one line of JSON."""
    document: Json = {
        "schema": SCHEMA,
        "targets": [asdict(target) for target in fleet.targets],
        "members": [asdict(member) for member in fleet.members],
    }
    return canonical_json(document) + "\n"


def as_page(fleet: FleetStatus) -> str:
    """Return an HTML page, which needs no script; reload it for the current state."""
    rows = []
    for target in fleet.targets:
        link = escape(target.link.removeprefix("/"))
        name = f'<th scope="row"><a href="{link}">{escape(escaped(target.target))}</a></th>'
        rows.append(
            _row(
                name,
                target.health,
                str(target.cycle),
                _commit(target),
                escaped(target.holder or ""),
                escaped(target.error or ""),
            )
        )
    title = plural(len(fleet.targets), "target")
    return _HEAD.format(title=title) + "".join(rows) + _END + _members(fleet.members) + _FOOT


def _members(members: Sequence[MemberSummary]) -> str:
    if not members:
        return ""
    rows = (
        _row(
            f'<th scope="row">{escape(_member_name(member))}</th>',
            datetime.fromtimestamp(member.since, UTC).isoformat(timespec="seconds"),
            str(member.targets),
        )
        for member in members
    )
    return _MEMBERS_HEAD + "".join(rows) + _END


def _row(name: str, *cells: str) -> str:
    values = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f"<tr>{name}{values}</tr>\n"


def _member_name(member: MemberSummary) -> str:
    return escaped(member.name) + (" (this daemon)" if member.is_self else "")


def as_text(fleet: FleetStatus, *, now: float, layout: Layout) -> str:
    """Return a row for each target, and one for each member."""
    names = [escaped(target.target) for target in fleet.targets]
    width = max(map(cell_width, names), default=0)
    lines = []
    for name, target in zip(names, fleet.targets, strict=True):
        padded = Span(name + " " * (width - cell_width(name)), gap="")
        health = Span(f"{target.health:<10}", (_style(target.health),))
        lines.append(layout.write([padded, health, *wrap_words(_details(target, now), gap="  ")]))
    lines += ["", f"{plural(len(fleet.targets), 'target')}."]
    if fleet.members:
        lines += ["", "Members:"]
        for member in fleet.members:
            ago = format_duration(now - member.since)
            held = plural(member.targets, "target")
            words = f"{_member_name(member)}: {held}, joined {ago} ago"
            lines.append(layout.write([*wrap_words(words, gap="  ")]))
    return "\n".join(lines) + "\n"


def _details(target: TargetSummary, now: float) -> str:
    if target.health == ELSEWHERE:
        return f"on {escaped(target.holder or '')}"
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
