"""The status of one of many targets, in a few words."""

from collections.abc import Iterator
from dataclasses import dataclass

from reconciler.core.exit_codes import ExitCode
from reconciler.core.state.daemon_status import DaemonStatus, State

ELSEWHERE = "elsewhere"
# No earlier revision is known, so nothing is planned until the wave of the target begins.
WAITING = "waiting"
# Another process holds the lease, so this one writes nothing.
STANDBY = "standby"
# The worst first. Suspended resources differ on purpose.
_WORST_STATES = (State.DRIFTED, State.WITHHELD, State.STALE, State.PENDING)


@dataclass(frozen=True, slots=True)
class TargetSummary:
    """The status of one of many targets.

    Attributes:
        health: The word that the page of the target shows.
        cycle: Number of the last started cycle; 0 before the first.
        finished_at: When the last finished cycle ended, in seconds since 1970.
        exit_code: Exit code of that cycle.
        commit: Commit of the last valid manifests, if it is known.
        error: Why the target could not be opened or read.
        link: The path of the target's page on the server.
        holder: The process that holds the lease, if it is known.
        waits_for: Why its wave of a rollout waits; None if it has the newest revision.
    """

    target: str
    health: str
    cycle: int
    finished_at: float | None
    exit_code: int | None
    commit: str | None
    error: str | None
    link: str
    holder: str | None = None
    waits_for: str | None = None


@dataclass(frozen=True, slots=True)
class MemberSummary:
    """One of the daemons that share a fleet.

    Attributes:
        name: Host, process id and a random part.
        since: When it joined, by its own clock, in seconds since 1970.
        targets: Number of targets whose lease it holds.
        is_self: Whether it is the daemon that responds.
    """

    name: str
    since: float
    targets: int
    is_self: bool


@dataclass(frozen=True, slots=True)
class FleetStatus:
    """The status of a daemon of many targets; ``members`` is empty if it does not share them."""

    targets: tuple[TargetSummary, ...]
    members: tuple[MemberSummary, ...] = ()


def summarize(status: DaemonStatus, link: str, *, healthy: bool) -> TargetSummary:
    """Return the summary of ``status``; ``healthy``: whether the loop responds."""
    return TargetSummary(
        target=status.target.name,
        health=health_word(status, healthy=healthy),
        cycle=status.cycle,
        finished_at=status.cycle_finished_at,
        exit_code=None if status.exit_code is None else int(status.exit_code),
        commit=None if status.revision is None else status.revision.commit,
        error=status.error,
        link=link,
        holder=status.held_by or (status.lease and status.lease.holder) or None,
        waits_for=status.waits_for,
    )


def health_word(status: DaemonStatus, *, healthy: bool) -> str:
    """Return the worst finding in one or two words, as the page does."""
    return next(_health_words(status, healthy=healthy))


def _health_words(status: DaemonStatus, *, healthy: bool) -> Iterator[str]:
    """Yield the words that apply, the worst first."""
    states = {resource.state for resource in status.resources}
    if not healthy:
        yield "stuck"
    if status.held_by is not None:
        yield ELSEWHERE
    if status.error is not None or status.unlisted:
        yield State.UNREADABLE
    yield from (state for state in (State.FAILED, State.UNREADABLE) if state in states)
    if not status.source_valid:
        yield "invalid manifests"
    yield from (state for state in _WORST_STATES if state in states)
    if status.cycle_finished_at is None:
        yield "starting"
    if status.waits_for is not None and not states:
        yield WAITING
    if status.exit_code is ExitCode.LOCKED:
        yield STANDBY
    yield State.IN_SYNC
