"""Decides nothing: wakes, asks the schedule, runs cycles, and answers those who ask about them.

The loop is one thread; the others may ask for its status, its pulse, or a cycle.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from threading import Condition
from typing import Protocol

from reconciler import limits
from reconciler.core.exit_codes import ExitCode
from reconciler.core.state.daemon_status import DaemonStatus, LeaseStatus
from reconciler.core.state.schedule import Schedule, is_due
from reconciler.daemon.watch import PollSchedule


class Cycle(Protocol):
    """One cycle: what it is given is how things stood, what it returns is how they stand.

    ``fresh`` says that the source has to be read, ``forced`` that somebody asked for this cycle
    and does not want to hear that it is too early.
    """

    def __call__(self, status: DaemonStatus, *, fresh: bool, forced: bool) -> DaemonStatus:
        """Run the cycle."""


@dataclass(frozen=True, slots=True)
class LoopInputs:
    """What the loop takes in.

    The ``fingerprint`` of the source, a ``monotonic`` that is never set and the one on the ``now``,
    both in seconds, a ``jitter`` from 0 to 1, whether this daemon is the one that writes and by
    what ``lease``, and whom to tell of each ``on_heartbeat``.
    """

    fingerprint: Callable[[], str]
    monotonic: Callable[[], float]
    now: Callable[[], float]
    jitter: Callable[[], float]
    is_leader: Callable[[], bool] = lambda: True
    lease: Callable[[], LeaseStatus | None] = lambda: None
    on_heartbeat: Callable[[], None] = lambda: None


class Daemon:
    """The loop, and its answers."""

    def __init__(self, cycle: Cycle, inputs: LoopInputs, status: DaemonStatus) -> None:
        """Take what a cycle is and how things stand before the first one."""
        self._cycle = cycle
        self._inputs = inputs
        self._status = status
        self._changed = Condition()
        self._codes: dict[int, ExitCode | None] = {}
        self._requested = 0
        self._heartbeat_at = inputs.monotonic()
        self._fingerprint: str | None = None
        self._started_at = 0.0
        self._delay_seconds = 0.0
        self._was_leader = False

    def status(self) -> DaemonStatus:
        """Return how things stand; never waits."""
        senses = self._inputs
        return replace(self._status, lease=senses.lease(), is_leader=senses.is_leader())

    def heartbeat(self) -> float:
        """Return the seconds since the loop last showed that it lives."""
        return self._inputs.monotonic() - self._heartbeat_at

    def record_heartbeat(self) -> None:
        """Show that the loop lives; a long cycle does so in between."""
        self._heartbeat_at = self._inputs.monotonic()
        self._inputs.on_heartbeat()

    def request_cycle(self) -> int:
        """Ask for a cycle that begins from now on, and return its number."""
        with self._changed:
            self._requested = self._status.cycle + 1
            return self._requested

    def wait_for(self, cycle: int, timeout_seconds: float) -> ExitCode | None:
        """Return the exit code of ``cycle`` once it has ended; None where it has not by then."""
        with self._changed:
            self._changed.wait_for(lambda: cycle in self._codes, timeout_seconds)
            return self._codes.get(cycle)

    def reconfigure(self, interval_seconds: float, policy: str) -> None:
        """Run a cycle at the next wake, and go on like that."""
        self._status = replace(self._status, interval_seconds=interval_seconds, policy=policy)
        self.request_cycle()

    def run(self, wakes: Iterable[bool]) -> None:
        """Run a cycle now, whenever the source has moved, when it is time, and when asked to.

        ``wakes`` says True where files may have moved, False where only time went by; it ends
        when the daemon shall.
        """
        looks = PollSchedule()
        self._run_cycle()
        for hint in wakes:
            self.record_heartbeat()
            moved = looks.is_due(hint) and self._inputs.fingerprint() != self._fingerprint
            if moved and not hint:
                looks.missed_event()
            if moved or self._is_due():
                self._run_cycle()

    def _is_due(self) -> bool:
        leads = self._inputs.is_leader()
        takes_over, self._was_leader = leads and not self._was_leader, leads
        asked = self._requested > self._status.cycle
        late = is_due(self._inputs.monotonic(), self._started_at, self._delay_seconds)
        return takes_over or asked or late

    def _run_cycle(self) -> None:
        self._started_at = self._inputs.monotonic()
        fingerprint = self._inputs.fingerprint()
        self._was_leader = self._inputs.is_leader()
        with self._changed:
            number = self._status.cycle + 1
            forced = self._requested >= number
            begun = replace(self._status, cycle=number, cycle_started_at=self._inputs.now())
            self._status = begun
        fresh = forced or fingerprint != self._fingerprint or number % limits.CYCLES_PER_READ == 0
        self._fingerprint = fingerprint
        ended = self._cycle(begun, fresh=fresh, forced=forced)
        self._delay_seconds = self._pause(ended)
        with self._changed:
            self._status = ended
            self._codes[number] = ended.exit_code
            self._codes.pop(number - limits.MAX_EXIT_CODES, None)
            self._changed.notify_all()
        self.record_heartbeat()

    def _pause(self, status: DaemonStatus) -> float:
        """Return the seconds from the start of this cycle to the next one."""
        schedule = Schedule(status.interval_seconds)
        pause = schedule.cycle_delay(self._inputs.jitter())
        took, now = self._inputs.monotonic() - self._started_at, status.cycle_finished_at
        if status.error is not None:
            return min(pause, took + schedule.retry_delay(1))
        waits = (
            took + resource.next_attempt_at - now
            for resource in status.resources
            if resource.next_attempt_at is not None and now is not None
        )
        return min([pause, *waits])
