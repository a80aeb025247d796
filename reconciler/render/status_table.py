"""Status of a daemon as a table, sorted by urgency."""

from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.core.escaping import escaped
from reconciler.core.state.daemon_status import DaemonStatus, ResourceStatus, State
from reconciler.render.phrases import commit_line
from reconciler.render.terminal import Layout, Span, Style, format_duration, plural, wrap_words
from reconciler.render.text import target_line

# In the order of urgency.
STYLES = {
    State.FAILED: Style.RED,
    State.UNREADABLE: Style.RED,
    State.DRIFTED: Style.YELLOW,
    State.WITHHELD: Style.YELLOW,
    State.STALE: Style.YELLOW,
    State.PENDING: Style.CYAN,
    State.SUSPENDED: Style.CYAN,
    State.IN_SYNC: Style.GREEN,
}
_ORDER = {state: index for index, state in enumerate(STYLES)}


def worst_first(resources: Iterable[ResourceStatus]) -> list[ResourceStatus]:
    """Return `resources` in the order of urgency."""
    return sorted(resources, key=lambda resource: (_ORDER[resource.state], resource.key))


def render_status(status: DaemonStatus, *, now: float, layout: Layout) -> str:
    """Return the target, the last cycle, problems, and one row for each resource."""
    lines = [
        layout.write(wrap_words(line))
        for line in (
            f"{target_line(status.target)}, owner {escaped(status.owner)}, policy {status.policy}",
            *([commit_line(status.revision)] if status.revision else []),
            *_cycle(status, now),
        )
    ]
    lines += [
        *(
            layout.write(wrap_words(f"! {escaped(problem)}", Style.RED))
            for problem in _problems(status)
        ),
        "",
        *_table(worst_first(status.resources), now, layout),
        layout.write(wrap_words(_footer(status.resources), Style.BOLD)),
    ]
    return "\n".join(lines) + "\n"


def _cycle(status: DaemonStatus, now: float) -> Iterator[str]:
    if status.waits_for is not None:
        yield f"The newest revision is not taken yet: {escaped(status.waits_for)}."
    if status.held_by is not None:
        yield f"Elsewhere: {escaped(status.held_by)} reconciles this target."
        return
    if status.cycle_finished_at is None or status.exit_code is None:
        yield "No cycle has ended yet."
    else:
        code = status.exit_code
        is_running = (status.cycle_started_at or 0) > status.cycle_finished_at
        cycle = (
            f"Cycle {status.cycle} is running, the previous one"
            if is_running
            else f"Cycle {status.cycle}"
        )
        ended = f"ended {format_duration(now - status.cycle_finished_at)} ago"
        yield (
            f"{cycle} {ended} with {int(code)} ({code.word}); "
            f"one every {format_duration(status.interval_seconds)}."
        )
    if status.lease is not None and not status.is_leader:
        holder = escaped(status.lease.holder)
        yield f"Standby: lock held by {holder}." if holder else "Standby: lock has no holder."


def _problems(status: DaemonStatus) -> Iterator[str]:
    if status.error is not None:
        yield status.error
    yield from (f"{unlisted}: {unlisted.message}" for unlisted in status.unlisted)
    yield from status.diagnostics


def _table(resources: list[ResourceStatus], now: float, layout: Layout) -> Iterator[str]:
    if not resources:
        return
    keys = [escaped(str(resource.key)) for resource in resources]
    max_length = max(map(len, keys))
    # Do not align a narrow table: a long key would push the rest of each row to the next line.
    width = max_length if layout.width is None or max_length <= layout.width // 2 else 0
    for resource, key in zip(resources, keys, strict=True):
        details = "; ".join(escaped(part) for part in _details(resource, now))
        row = [
            Span(f"{resource.state:<10}", (STYLES[resource.state],)),
            Span(f"{key:<{width}}"),
            Span(f"{format_duration(now - resource.since):>6}"),
        ]
        yield layout.write([*row, *(wrap_words(details, gap="  ") if details else ())])
    yield ""


def _details(resource: ResourceStatus, now: float) -> Iterator[str]:
    if resource.cause is not None:
        yield resource.cause
    if resource.last_seen_at is not None:
        yield f"last seen {format_duration(now - resource.last_seen_at)} ago"
    if resource.fields:
        yield f"{plural(len(resource.fields), 'field')} {_differ(len(resource.fields))}"
    if resource.traffic is not None:
        yield resource.traffic
    yield from resource.effects
    if resource.reason is not None:
        yield resource.reason
    yield from attempts(resource, now)
    if resource.origin is not None:
        yield str(resource.origin)


def attempts(resource: ResourceStatus, now: float) -> Iterator[str]:
    """Yield the last outcome and the time of the next attempt, if known."""
    if resource.outcome is not None and resource.outcome_at is not None:
        yield f"{resource.outcome} {format_duration(now - resource.outcome_at)} ago"
    if resource.next_attempt_at is not None:
        ahead = format_duration(resource.next_attempt_at - now)
        yield f"{plural(resource.attempts, 'attempt')} failed, the next in {ahead}"


def _differ(number: int) -> str:
    return "differs" if number == 1 else "differ"


def _footer(resources: Iterable[ResourceStatus]) -> str:
    tally = Counter(resource.state for resource in resources)
    counts = ", ".join(f"{tally[state]} {state}" for state in STYLES if tally[state])
    return f"{plural(tally.total(), 'resource')}{': ' if counts else ''}{counts}."
