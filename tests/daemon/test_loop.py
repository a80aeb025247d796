"""The daemon's loop, with time and wakes as arguments."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property

import pytest
from builders import TARGET, mesh

from reconciler import limits
from reconciler.core.exit_codes import ExitCode
from reconciler.core.state.daemon_status import DaemonStatus, LeaseStatus, ResourceStatus, State
from reconciler.daemon.loop import CycleRequest, Daemon, LoopInputs

START = DaemonStatus(TARGET, "o", "sync", started_at=0, interval_seconds=60)


@dataclass(frozen=True)
class Ran:
    """One cycle: when it ran, and how it was asked for."""

    at: float
    fresh: bool
    forced: bool


@dataclass
class World:
    """A clock, a source and the cycles that ran, moved by a script of wakes."""

    now: float = 0.0
    source: str = "first"
    leads: bool = True
    ran: list[Ran] = field(default_factory=list)
    beats: int = 0
    ends: Callable[[DaemonStatus], DaemonStatus] = lambda status: status
    pushed: str = ""
    began: list[CycleRequest | None] = field(default_factory=list)

    @cached_property
    def daemon(self) -> Daemon:
        return Daemon(
            self.cycle,
            LoopInputs(
                fingerprint=lambda: self.source,
                monotonic=lambda: self.now,
                now=lambda: 1_000 + self.now,
                jitter=lambda: 0.5,
                is_leader=lambda: self.leads,
                lease=lambda: LeaseStatus("o", 15, self.now),
                on_heartbeat=self.beat,
                begin=self.began.append,
                look_now=self.looks,
            ),
            START,
        )

    def looks(self) -> None:
        self.source = self.pushed or self.source

    def beat(self) -> None:
        self.beats += 1

    def cycle(self, status: DaemonStatus, *, fresh: bool, forced: bool) -> DaemonStatus:
        self.ran.append(Ran(self.now, fresh, forced))
        ended = replace(status, exit_code=ExitCode.OK, cycle_finished_at=1_000 + self.now)
        return self.ends(ended)

    def wakes(self, *script: tuple[float, str, bool]) -> Iterator[bool]:
        for now, source, hint in script:
            self.now, self.source = now, source
            yield hint

    def play(self, *script: tuple[float, str, bool]) -> list[float]:
        self.daemon.run(self.wakes(*script))
        return [item.at for item in self.ran]

    def tick(self, seconds: int) -> list[float]:
        start = int(self.now)
        return self.play(*((float(start + n), self.source, False) for n in range(1, seconds + 1)))


@pytest.fixture
def world() -> World:
    return World()


def test_it_begins_with_a_cycle_and_waits(world: World) -> None:
    assert world.play((1, "first", False), (59, "first", False)) == [0]


def test_it_runs_when_the_source_moved(world: World) -> None:
    assert world.play((5, "first", False), (6, "second", True), (7, "second", False)) == [0, 6]


def test_a_hint_without_a_change_runs_nothing(world: World) -> None:
    assert world.play((5, "first", True), (6, "first", True)) == [0]


def test_i31_what_moved_without_an_event_is_seen_in_a_while(world: World) -> None:
    wakes = [(float(n), "first" if n < 15 else "second", False) for n in range(1, 30)]
    assert world.play(*wakes) == [0, 20]


def test_it_runs_when_the_interval_is_over_and_counts_anew(world: World) -> None:
    assert world.tick(199) == [0, 60, 120, 180]


def test_p09_a_leap_of_the_clock_is_one_cycle(world: World) -> None:
    day = 86_400.0
    assert world.play((1, "first", False), (day, "first", False), (day + 1, "first", False)) == [
        0,
        day,
    ]


def test_the_source_is_read_when_it_moved_and_in_every_tenth_cycle(world: World) -> None:
    world.tick(60 * 2 * limits.CYCLES_PER_READ)
    assert [n for n, item in enumerate(world.ran, 1) if item.fresh] == [
        1,
        limits.CYCLES_PER_READ,
        20,
    ]


def test_what_failed_is_tried_again_at_its_own_time(world: World) -> None:
    def fails(status: DaemonStatus) -> DaemonStatus:
        again = world.now + 10 if world.now < 5 else world.now + 500
        resource = ResourceStatus(mesh("a"), State.FAILED, 0, next_attempt_at=1_000 + again)
        return replace(status, resources=(resource, ResourceStatus(mesh("b"), State.IN_SYNC, 0)))

    world.ends = fails
    assert world.tick(100) == [0, 10, 70]


def test_a_target_that_cannot_be_read_is_asked_again_within_five_minutes(world: World) -> None:
    old = ResourceStatus(mesh("a"), State.FAILED, 0, next_attempt_at=1_000)
    world.ends = lambda status: replace(status, error="no answer", resources=(old,))
    world.daemon.reconfigure(3600, "sync")
    assert world.tick(700) == [0, 300, 600]


def test_who_becomes_the_leader_acts_at_once(world: World) -> None:
    world.leads = False

    def wakes() -> Iterator[bool]:
        for now in range(1, 60):
            world.now, world.leads = float(now), 10 <= now < 20 or now >= 30
            yield False

    world.daemon.run(wakes())
    assert [item.at for item in world.ran] == [0, 10, 30]


def test_another_configuration_holds_from_the_next_wake_on(world: World) -> None:
    def wakes() -> Iterator[bool]:
        for now in range(1, 30):
            world.now = float(now)
            if now == 5:
                world.daemon.reconfigure(10, "observe")
            yield False

    world.daemon.run(wakes())
    assert [(item.at, item.fresh) for item in world.ran] == [
        (0, True), (5, True), (15, False), (25, False),
    ]  # fmt: skip
    assert world.daemon.status().policy == "observe"


def test_status_is_that_of_the_last_cycle_with_the_lease_of_now(world: World) -> None:
    assert world.daemon.status().cycle == 0
    world.tick(61)
    world.now, world.leads = 70, False
    status = world.daemon.status()
    assert (status.cycle, status.cycle_started_at, status.exit_code) == (2, 1_060, ExitCode.OK)
    assert (status.lease, status.is_leader) == (LeaseStatus("o", 15, 70), False)


def test_the_heartbeat_is_as_old_as_the_last_beat(world: World) -> None:
    world.tick(3)
    world.now = 10
    assert world.daemon.heartbeat() == 7
    before = world.beats
    world.daemon.record_heartbeat()
    assert (world.daemon.heartbeat(), world.beats) == (0, before + 1)


def test_p15_a_bug_in_a_cycle_ends_the_loop_and_the_heartbeat_with_it(world: World) -> None:
    def bug(status: DaemonStatus) -> DaemonStatus:
        raise MemoryError(status.cycle)

    world.ends = bug
    with pytest.raises(MemoryError):
        world.tick(1)
    world.now = 600
    assert world.daemon.heartbeat() == 600


def test_a_cycle_that_is_asked_for_runs_at_the_next_wake_and_tells_its_exit_code(
    world: World,
) -> None:
    asked = []

    def wakes() -> Iterator[bool]:
        for now in range(1, 5):
            world.now = float(now)
            if now == 2:
                asked.append(world.daemon.request_cycle())
                asked.append(world.daemon.request_cycle())
            yield False

    world.daemon.run(wakes())
    assert [(item.at, item.forced) for item in world.ran] == [(0, False), (2, True)]
    assert asked == [2, 2]
    assert world.daemon.wait_for(2, timeout_seconds=0) is ExitCode.OK
    assert world.daemon.wait_for(3, timeout_seconds=0) is None


def test_who_asks_during_a_cycle_gets_the_one_after_it(world: World) -> None:
    asked: list[int] = []

    def ask(status: DaemonStatus) -> DaemonStatus:
        if status.cycle == 1:
            asked.append(world.daemon.request_cycle())
        return status

    world.ends = ask
    assert world.tick(2) == [0, 1]
    assert asked == [2]


def test_who_waits_is_woken_by_the_end_of_his_cycle(world: World) -> None:
    number = world.daemon.request_cycle()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(world.daemon.wait_for, number, 20)
        world.tick(1)
        assert waiting.result() is ExitCode.OK


def test_exit_codes_are_not_kept_for_ever(world: World) -> None:
    world.tick(60 * (limits.MAX_EXIT_CODES + 5))
    assert world.daemon.wait_for(1, 0) is None
    assert world.daemon.wait_for(limits.MAX_EXIT_CODES, 0) is ExitCode.OK


def test_a_cycle_begins_with_everything_that_was_requested_for_it(world: World) -> None:
    def wakes() -> Iterator[bool]:
        world.daemon.request_cycle(releases_pin=True)
        world.daemon.request_cycle(allow_rewind=True)
        world.daemon.request_cycle()
        yield False
        world.now = 60
        yield False

    world.daemon.run(wakes())
    both = CycleRequest(releases_pin=True, allow_rewind=True)
    assert world.began == [None, both, None]
    assert [item.forced for item in world.ran] == [False, True, False]


def test_a_look_that_is_requested_runs_a_cycle_only_if_the_source_changed(world: World) -> None:
    def wakes() -> Iterator[bool]:
        world.now = 1
        world.daemon.look_now()
        yield False
        world.now, world.pushed = 2, "second"
        yield False
        world.daemon.look_now()
        world.daemon.look_now()
        world.now = 3
        yield False
        world.now = 4
        yield False

    world.daemon.run(wakes())
    assert world.ran == [Ran(0, fresh=True, forced=False), Ran(3, fresh=True, forced=False)]


def test_a_look_wakes_a_loop_that_waits() -> None:
    daemon = World().daemon
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(daemon.wait_for_request, 60)
        daemon.look_now()
        waiting.result(timeout=20)


def test_a_request_wakes_a_loop_that_waits() -> None:
    daemon = World().daemon
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(daemon.wait_for_request, 60)
        daemon.request_cycle()
        waiting.result(timeout=20)
