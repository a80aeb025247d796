"""Loop of the daemon: wakes up, runs a cycle if one is due, and publishes the status.

The loop runs in one thread. Other threads may read its status and heartbeat or request a cycle.
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
    """Runs one cycle."""

    def __call__(self, status: DaemonStatus, *, fresh: bool, forced: bool) -> DaemonStatus:
        """Run the cycle and return the new status.

        Args:
            status: The status before the cycle.
            fresh: Whether to read the manifests again.
            forced: Whether the cycle was requested, so that delays of retries are ignored.
        """


@dataclass(frozen=True, slots=True)
class CycleRequest:
    """A request for a cycle, which looks for new manifests first."""

    releases_pin: bool = False
    """Whether the target follows its source again if it is held at a commit."""
    allow_rewind: bool = False
    """Whether a commit that does not descend from the last one may delete."""

    def __or__(self, other: "CycleRequest") -> "CycleRequest":
        """Return a request for everything in both."""
        return CycleRequest(
            self.releases_pin or other.releases_pin, self.allow_rewind or other.allow_rewind
        )


@dataclass(frozen=True, slots=True)
class LoopInputs:
    """Functions that the loop calls."""

    fingerprint: Callable[[], str]
    """Returns the fingerprint of the source."""
    monotonic: Callable[[], float]
    """Returns seconds of a clock that is never set."""
    now: Callable[[], float]
    """Returns seconds since 1970."""
    jitter: Callable[[], float]
    """Returns a random number from 0 to 1."""
    is_leader: Callable[[], bool] = lambda: True
    """Returns whether this daemon may write."""
    lease: Callable[[], LeaseStatus | None] = lambda: None
    """Returns the lease, or None without a lock."""
    on_heartbeat: Callable[[], None] = lambda: None
    """Called at each heartbeat."""
    begin: Callable[[CycleRequest | None], None] = lambda _: None
    """Called before each cycle looks at the source, with the request for it, if there was one."""
    look_now: Callable[[], None] = lambda: None
    """Lets the next `fingerprint` look for new manifests."""


class Daemon:
    """The loop, its status and its requests."""

    def __init__(self, cycle: Cycle, inputs: LoopInputs, status: DaemonStatus) -> None:
        """Create a loop that runs `cycle`; `status` is the status before the first cycle."""
        self._cycle = cycle
        self._inputs = inputs
        self._status = status
        self._changed = Condition()
        self._codes: dict[int, ExitCode | None] = {}
        self._requested = 0
        self._request: CycleRequest | None = None
        self._is_look_requested = False
        self._heartbeat_at = inputs.monotonic()
        self._fingerprint: str | None = None
        self._started_at = 0.0
        self._delay_seconds = 0.0
        self._was_leader = False

    def status(self) -> DaemonStatus:
        """Return the current status without waiting for a cycle."""
        inputs = self._inputs
        return replace(self._status, lease=inputs.lease(), is_leader=inputs.is_leader())

    def heartbeat(self) -> float:
        """Return the seconds since the last heartbeat."""
        return self._inputs.monotonic() - self._heartbeat_at

    def record_heartbeat(self) -> None:
        """Record a heartbeat. A long cycle calls this too."""
        self._heartbeat_at = self._inputs.monotonic()
        self._inputs.on_heartbeat()

    def request_cycle(self, *, releases_pin: bool = False, allow_rewind: bool = False) -> int:
        """Request a cycle that starts after this call, and return its number.

        It looks for new manifests first. The options are those of `CycleRequest`.
        """
        with self._changed:
            self._request = (self._request or CycleRequest()) | CycleRequest(
                releases_pin, allow_rewind
            )
            self._requested = self._status.cycle + 1
            self._changed.notify_all()
            return self._requested

    def look_now(self) -> None:
        """Let the loop look for new manifests, and run a cycle only if there are some."""
        with self._changed:
            self._is_look_requested = True
            self._changed.notify_all()

    def wait_for_request(self, timeout_seconds: float) -> None:
        """Wait until a cycle or a look is requested."""
        with self._changed:
            self._changed.wait_for(self._has_request, timeout_seconds)

    def wait_for(self, cycle: int, timeout_seconds: float) -> ExitCode | None:
        """Wait for `cycle` and return its exit code; None if it has not ended at the timeout."""
        with self._changed:
            self._changed.wait_for(lambda: cycle in self._codes, timeout_seconds)
            return self._codes.get(cycle)

    def reconfigure(self, interval_seconds: float, policy: str) -> None:
        """Change the interval and the policy, and request a cycle."""
        self._status = replace(self._status, interval_seconds=interval_seconds, policy=policy)
        self.request_cycle()

    def run(self, wakes: Iterable[bool]) -> None:
        """Run a cycle now, and again if the source changed, one is due, or one is requested.

        Args:
            wakes: Wake-ups: True if files may have changed, else False. The loop ends with it.
        """
        schedule = PollSchedule()
        self._run_cycle()
        for files_changed in wakes:
            self.record_heartbeat()
            is_checked = schedule.is_due(files_changed) | self._take_look()
            source_changed = is_checked and self._inputs.fingerprint() != self._fingerprint
            if source_changed and not files_changed:
                schedule.missed_event()
            if source_changed or self._is_due():
                self._run_cycle()

    def _has_request(self) -> bool:
        return self._is_look_requested or self._requested > self._status.cycle

    def _take_look(self) -> bool:
        """Return whether a look was requested, and let the source look."""
        with self._changed:
            is_requested, self._is_look_requested = self._is_look_requested, False
        if is_requested:
            self._inputs.look_now()
        return is_requested

    def _is_due(self) -> bool:
        is_leader = self._inputs.is_leader()
        takes_over, self._was_leader = is_leader and not self._was_leader, is_leader
        if takes_over:
            # The leader before may have applied a commit that this daemon has not fetched yet.
            with self._changed:
                self._request = self._request or CycleRequest()
        is_requested = self._requested > self._status.cycle
        is_late = is_due(self._inputs.monotonic(), self._started_at, self._delay_seconds)
        return takes_over or is_requested or is_late

    def _run_cycle(self) -> None:
        self._started_at = self._inputs.monotonic()
        self._was_leader = self._inputs.is_leader()
        with self._changed:
            number = self._status.cycle + 1
            forced = self._requested >= number
            request, self._request = self._request, None
            started = replace(self._status, cycle=number, cycle_started_at=self._inputs.now())
            self._status = started
        self._inputs.begin(request)
        fingerprint = self._inputs.fingerprint()
        fresh = forced or fingerprint != self._fingerprint or number % limits.CYCLES_PER_READ == 0
        self._fingerprint = fingerprint
        ended = self._cycle(started, fresh=fresh, forced=forced)
        self._delay_seconds = self._delay(ended)
        next_at = (started.cycle_started_at or 0.0) + self._delay_seconds
        with self._changed:
            self._status = replace(ended, next_cycle_at=next_at)
            self._codes[number] = ended.exit_code
            self._codes.pop(number - limits.MAX_EXIT_CODES, None)
            self._changed.notify_all()
        self.record_heartbeat()

    def _delay(self, status: DaemonStatus) -> float:
        """Return the seconds from the start of this cycle to the next one."""
        schedule = Schedule(status.interval_seconds)
        delay = schedule.cycle_delay(self._inputs.jitter())
        elapsed, now = self._inputs.monotonic() - self._started_at, status.cycle_finished_at
        if status.error is not None:
            return min(delay, elapsed + schedule.retry_delay(1))
        retry_delays = (
            elapsed + resource.next_attempt_at - now
            for resource in status.resources
            if resource.next_attempt_at is not None and now is not None
        )
        return min([delay, *retry_delays])
