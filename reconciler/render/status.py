"""A daemon's status for people: one table, what needs somebody first."""

from collections import Counter
from collections.abc import Iterable, Iterator

from reconciler.core.escaping import escaped
from reconciler.core.status import DaemonStatus, ResourceStatus, State
from reconciler.render.style import Layout, Span, Style, format_duration, plural, wrap_words
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


def worst_first(standings: Iterable[ResourceStatus]) -> list[ResourceStatus]:
    """Return ``standings`` in the order in which somebody should look at them."""
    return sorted(standings, key=lambda standing: (_ORDER[standing.state], standing.key))


def render_status(status: DaemonStatus, *, now: float, page: Layout) -> str:
    """Return where it goes, how the last cycle ended, what is wrong, and a row a resource."""
    lines = [
        page.write(wrap_words(line))
        for line in (
            f"{target_line(status.target)}, owner {escaped(status.owner)}, policy {status.policy}",
            *_cycle(status, now),
        )
    ]
    lines += [
        *(page.write(wrap_words(f"! {escaped(wrong)}", Style.RED)) for wrong in _problems(status)),
        "",
        *_table(worst_first(status.resources), now, page),
        page.write(wrap_words(_footer(status.resources), Style.BOLD)),
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
        yield f"Standing by; {escaped(status.lease.holder) or 'nobody'} holds the lock."


def _problems(status: DaemonStatus) -> Iterator[str]:
    if status.error is not None:
        yield status.error
    yield from (f"{unlisted}: {unlisted.why}" for unlisted in status.unlisted)
    yield from status.diagnostics


def _table(standings: list[ResourceStatus], now: float, page: Layout) -> Iterator[str]:
    if not standings:
        return
    keys = [escaped(str(standing.key)) for standing in standings]
    longest = max(map(len, keys))
    # On a narrow page one long name would push the rest of every row to another line.
    width = longest if page.width is None or longest <= page.width // 2 else 0
    for standing, key in zip(standings, keys, strict=True):
        told = "; ".join(escaped(part) for part in _details(standing, now))
        row = [
            Span(f"{standing.state:<10}", (STYLES[standing.state],)),
            Span(f"{key:<{width}}"),
            Span(f"{format_duration(now - standing.since):>6}"),
        ]
        yield page.write([*row, *(wrap_words(told, gap="  ") if told else ())])
    yield ""


def _details(standing: ResourceStatus, now: float) -> Iterator[str]:
    if standing.cause is not None:
        yield standing.cause
    if standing.last_seen_at is not None:
        yield f"last seen {format_duration(now - standing.last_seen_at)} ago"
    if standing.fields:
        yield f"{plural(len(standing.fields), 'field')} {_differ(len(standing.fields))}"
    if standing.traffic is not None:
        yield standing.traffic
    if standing.reason is not None:
        yield standing.reason
    yield from attempts(standing, now)
    if standing.origin is not None:
        yield str(standing.origin)


def attempts(standing: ResourceStatus, now: float) -> Iterator[str]:
    """Yield what became of the last attempt, and when the next one is."""
    if standing.outcome is not None and standing.outcome_at is not None:
        yield f"{standing.outcome} {format_duration(now - standing.outcome_at)} ago"
    if standing.next_attempt_at is not None:
        ahead = format_duration(standing.next_attempt_at - now)
        yield f"{plural(standing.attempts, 'attempt')} failed, the next in {ahead}"


def _differ(number: int) -> str:
    return "differs" if number == 1 else "differ"


def _footer(standings: Iterable[ResourceStatus]) -> str:
    tally = Counter(standing.state for standing in standings)
    told = ", ".join(f"{tally[state]} {state}" for state in STYLES if tally[state])
    return f"{plural(tally.total(), 'resource')}{': ' if told else ''}{told}."
