"""A daemon's status for people: one table, what needs somebody first."""

from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.core.escaping import escaped
from reconciler.core.state.daemon_status import DaemonStatus, ResourceStatus, State
from reconciler.render.terminal import Layout, Span, Style, format_duration, plural, wrap_words
from reconciler.render.text import target_line

# In the order in which somebody should look at them.
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
_ORDER = {state: place for place, state in enumerate(STYLES)}


def worst_first(resources: Iterable[ResourceStatus]) -> list[ResourceStatus]:
    """Return ``resources`` in the order in which somebody should look at them."""
    return sorted(resources, key=lambda resource: (_ORDER[resource.state], resource.key))


def render_status(status: DaemonStatus, *, now: float, layout: Layout) -> str:
    """Return where it goes, how the last cycle ended, what is wrong, and a row a resource."""
    lines = [
        layout.write(wrap_words(line))
        for line in (
            f"{target_line(status.target)}, owner {escaped(status.owner)}, policy {status.policy}",
            *_cycle(status, now),
        )
    ]
    lines += [
        *(
            layout.write(wrap_words(f"! {escaped(wrong)}", Style.RED))
            for wrong in _problems(status)
        ),
        "",
        *_table(worst_first(status.resources), now, layout),
        layout.write(wrap_words(_footer(status.resources), Style.BOLD)),
    ]
    return "\n".join(lines) + "\n"


def _cycle(status: DaemonStatus, now: float) -> Iterator[str]:
    if status.cycle_finished_at is None or status.exit_code is None:
        yield "No cycle has ended yet."
    else:
        code = status.exit_code
        runs = (status.cycle_started_at or 0) > status.cycle_finished_at
        cycle = (
            f"Cycle {status.cycle} is running, the last one" if runs else f"Cycle {status.cycle}"
        )
        ended = f"ended {format_duration(now - status.cycle_finished_at)} ago"
        yield (
            f"{cycle} {ended} with {int(code)} ({code.word}); "
            f"one every {format_duration(status.interval_seconds)}."
        )
    if status.lease is not None and not status.is_leader:
        yield f"Standby: lock held by {escaped(status.lease.holder) or 'nobody'}."


def _problems(status: DaemonStatus) -> Iterator[str]:
    if status.error is not None:
        yield status.error
    yield from (f"{unlisted}: {unlisted.message}" for unlisted in status.unlisted)
    yield from status.diagnostics


def _table(resources: list[ResourceStatus], now: float, layout: Layout) -> Iterator[str]:
    if not resources:
        return
    keys = [escaped(str(resource.key)) for resource in resources]
    longest = max(map(len, keys))
    # On a narrow page one long name would push the rest of every row to another line.
    width = longest if layout.width is None or longest <= layout.width // 2 else 0
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
    if resource.reason is not None:
        yield resource.reason
    yield from attempts(resource, now)
    if resource.origin is not None:
        yield str(resource.origin)


def attempts(resource: ResourceStatus, now: float) -> Iterator[str]:
    """Yield what became of the last attempt, and when the next one is."""
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
