"""The targets of a daemon as JSON and as a table."""

from dataclasses import asdict

from reconciler.core.escaping import escaped
from reconciler.core.fleet.rollout_status import RolloutStatus
from reconciler.core.resources import Json, canonical_json
from reconciler.core.source_revision import SHORT_COMMIT_CHARACTERS
from reconciler.core.state.fleet_status import (
    ELSEWHERE,
    STANDBY,
    WAITING,
    FleetStatus,
    MemberSummary,
    TargetSummary,
)
from reconciler.render.rollout import one_line
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
    WAITING: Style.CYAN,
    STANDBY: Style.CYAN,
}
_BAD = ("stuck", "unreadable", "failed")


def as_json(fleet: FleetStatus, rollout: RolloutStatus | None = None) -> str:
    """Return one line of JSON; ``rollout`` is None without waves."""
    document: Json = {
        "schema": SCHEMA,
        "targets": [asdict(target) for target in fleet.targets],
        "members": [asdict(member) for member in fleet.members],
        "rollout": one_line(rollout) if rollout else None,
    }
    return canonical_json(document) + "\n"


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
        ended = f"cycle {target.cycle} ended with {target.exit_code}, {ago} ago"
    commit = f"commit {_commit(target)}" if target.commit else ""
    reason = escaped(target.error or target.waits_for or "")
    return "; ".join(filter(None, (ended, commit, reason)))


def _commit(target: TargetSummary) -> str:
    return escaped((target.commit or "")[:SHORT_COMMIT_CHARACTERS])


def _style(health: str) -> Style:
    return _COLORS.get(health, Style.RED if health in _BAD else Style.YELLOW)
