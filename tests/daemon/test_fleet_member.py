"""Members share the targets through any order of deaths, pauses and outages, in virtual time."""

import logging
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Event
from types import MappingProxyType

import pytest
from amounts import amount
from locks.conftest import MemoryStore

from reconciler import limits
from reconciler.core.errors import LockError
from reconciler.core.fleet.assignment import assign
from reconciler.core.fleet.fleet_record import Member
from reconciler.core.fleet.rollout import RolloutRules
from reconciler.daemon.fleet_member import FleetMember
from reconciler.locks.lease import Elector
from reconciler.locks.membership import Membership

TERM = 9.0
MEMBER_TERM = TERM / limits.MEMBER_TERMS_PER_LOCK_TERM
TICK = 0.5
TARGETS = [f"target-{number}" for number in range(7)]
FAULT_SECONDS = 2 * TERM


class Clock:
    """The time of the world; each machine adds an offset of its own."""

    def __init__(self) -> None:
        self.now = 0.0


class Door:
    """A process's way to a store, which can be closed."""

    def __init__(self, store: MemoryStore, process: "Process") -> None:
        self.name = store.name
        self._store = store
        self._process = process

    def read(self) -> str | None:
        self._pass()
        return self._store.read()

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        self._pass()
        return self._store.compare_and_swap(before, after)

    def _pass(self) -> None:
        if self._process.is_cut_off:
            raise LockError(f"{self.name} cannot be used")


@dataclass
class World:
    """Time, the stores and all processes that ever ran."""

    clock: Clock = field(default_factory=Clock)
    members: MemoryStore = field(default_factory=MemoryStore)
    leases: dict[str, MemoryStore] = field(
        default_factory=lambda: {target: MemoryStore() for target in TARGETS}
    )
    processes: list["Process"] = field(default_factory=list)

    def start(
        self,
        draw: random.Random,
        targets: list[str] = TARGETS,
        rollout: Mapping[str, str] = MappingProxyType({}),
    ) -> "Process":
        process = Process(self, f"process-{len(self.processes)}", draw, targets, rollout)
        self.processes.append(process)
        return process

    def leaders(self, target: str) -> list[str]:
        return [it.name for it in self.processes if it.leads(target)]


class Process:
    """A daemon: it does what the loops of its targets do, at the same intervals."""

    def __init__(
        self,
        world: World,
        name: str,
        draw: random.Random,
        targets: list[str],
        rollout: Mapping[str, str],
    ) -> None:
        self.world, self.name = world, name
        self.is_dead = self.is_paused = self.is_cut_off = False
        self._offset = draw.uniform(0, 1e9)
        self._phase = draw.uniform(0, 1)
        door = Door(world.members, self)
        member = Member(since=draw.uniform(0, 1e9), fleet=",".join(targets), rollout=dict(rollout))
        membership = Membership(door, name, MEMBER_TERM, self.monotonic, member)
        self.member = FleetMember(membership, targets)
        self._targets = targets
        self._electors: dict[str, Elector] = {}
        self._next: dict[str, float] = {}
        self.member.beat()

    def monotonic(self) -> float:
        return self._offset + self.world.clock.now

    def leads(self, target: str) -> bool:
        """Whether it would write; the time of a process that is paused goes on."""
        return target in self._electors and self._electors[target].is_leader()

    def serves(self, target: str) -> bool:
        return self.leads(target) and not self.is_dead and not self.is_paused

    def held(self) -> list[str]:
        return [target for target in self._electors if self.leads(target)]

    def tick(self) -> None:
        if self.is_dead or self.is_paused:
            return
        if self._is_due("members", MEMBER_TERM):
            self.member.beat(self.held())
        for target in self._targets:
            if not self.member.is_ours(target):
                self._let_go(target)
            elif self._is_due(target, TERM):
                self._electors.setdefault(target, self._elector(target))
                try:
                    self._electors[target].renew_or_acquire()
                except LockError:
                    assert self.is_cut_off

    def stop(self) -> None:
        """End as after SIGTERM."""
        stopped = Event()
        stopped.set()
        self.member.run(stopped, self.held)
        for target in self._targets:
            self._let_go(target)
        self.is_dead = True

    def _elector(self, target: str) -> Elector:
        door = Door(self.world.leases[target], self)
        return Elector(door, self.name, TERM, self.monotonic, lambda: 0.0)

    def _let_go(self, target: str) -> None:
        self._next.pop(target, None)
        elector = self._electors.pop(target, None)
        if elector is not None:
            try:
                elector.release()
            except LockError:
                assert self.is_cut_off

    def _is_due(self, what: str, term: float) -> bool:
        now = self.world.clock.now + self._phase * TICK
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + term / limits.RENEWALS_PER_TERM
        return True


@dataclass
class Schedule:
    """A random course of faults. One process is healthy at any time."""

    seed: int
    world: World = field(default_factory=World)
    trace: list[str] = field(default_factory=list)

    def run(self, faults: int) -> None:
        draw = random.Random(self.seed)  # noqa: S311  # repeatable, not secret
        for _ in range(draw.randint(2, 5)):
            self.world.start(draw)
        served_at = dict.fromkeys(TARGETS, 0.0)
        for _ in range(faults):
            self._fault(draw)
            fault_at = self.world.clock.now
            for _ in range(int(draw.uniform(0.1, 2.0) * FAULT_SECONDS / TICK)):
                self._tick(served_at, fault_at)
        for process in self._alive():
            process.is_paused = process.is_cut_off = False
        fault_at = self.world.clock.now
        for _ in range(int(4 * TERM / TICK)):
            self._tick(served_at, fault_at)
        assigned = assign(TARGETS, [process.name for process in self._alive()])
        found = {target: self.world.leaders(target) for target in TARGETS}
        assert found == {target: [name] for target, name in assigned.items()}, self.trace

    def _fault(self, draw: random.Random) -> None:
        alive = self._alive()
        for process in alive:
            if draw.random() < 0.6:
                process.is_paused = process.is_cut_off = False
        healthy = [it for it in alive if not it.is_paused and not it.is_cut_off]
        kind = draw.choice(("kill", "stop", "pause", "cut off", "start"))
        if len(alive) < 3:
            kind = "start"
        if kind == "start":
            self.world.start(draw)
        elif len(healthy) > 1:
            victim = draw.choice(healthy)
            self._hit(victim, kind)
            kind = f"{kind} {victim.name}"
        self.trace.append(f"{self.world.clock.now}: {kind}")

    @staticmethod
    def _hit(victim: Process, kind: str) -> None:
        if kind == "kill":
            victim.is_dead = True
        elif kind == "stop":
            victim.stop()
        elif kind == "pause":
            victim.is_paused = True
        else:
            victim.is_cut_off = True

    def _tick(self, served_at: dict[str, float], fault_at: float) -> None:
        world = self.world
        for process in world.processes:
            process.tick()
            for target in TARGETS:
                assert len(world.leaders(target)) <= 1, self.trace
        now = world.clock.now
        for target in TARGETS:
            if any(process.serves(target) for process in world.processes):
                served_at[target] = now
            # A tick is the delay of each step here; the fault is between two of them.
            left = now - max(served_at[target], fault_at)
            assert left <= 2 * TERM + 3 * TICK, (target, now, self.trace)
        world.clock.now += TICK

    def _alive(self) -> list[Process]:
        return [process for process in self.world.processes if not process.is_dead]


@pytest.mark.unmeasured
def test_each_target_has_one_writer_and_soon_another_one() -> None:
    for seed in range(amount("schedules of members of a fleet", test=25, full=5_000)):
        Schedule(seed).run(faults=8)


def ticks(world: World, seconds: float) -> Iterator[None]:
    for _ in range(int(seconds / TICK)):
        for process in world.processes:
            process.tick()
        world.clock.now += TICK
        yield


def pass_by(world: World, seconds: float) -> None:
    for _ in ticks(world, seconds):
        pass


@pytest.fixture
def draw() -> random.Random:
    return random.Random(1)  # noqa: S311  # repeatable, not secret


def test_a_member_that_stops_hands_over_before_its_term_is_over(draw: random.Random) -> None:
    world = World()
    first, second = world.start(draw), world.start(draw)
    pass_by(world, 3 * TERM)
    assert first.held()
    assert sorted(first.held() + second.held()) == TARGETS
    assert {it.name: it.targets for it in second.member.summaries()} == {
        first.name: len(first.held()), second.name: len(second.held()),
    }  # fmt: skip
    first.stop()
    pass_by(world, MEMBER_TERM)
    assert sorted(second.held()) == TARGETS
    assert [(it.name, it.is_self) for it in second.member.summaries()] == [(second.name, True)]


@pytest.mark.unmeasured
def test_targets_of_a_member_that_dies_are_taken_within_two_terms(draw: random.Random) -> None:
    for _ in range(10):
        world = World()
        first, second = world.start(draw), world.start(draw)
        pass_by(world, 3 * TERM + draw.uniform(0, TERM))
        first.is_dead = True
        pass_by(world, 2 * TERM + TICK)
        assert sorted(second.held()) == TARGETS


def test_the_holder_of_a_target_is_known(draw: random.Random) -> None:
    world = World()
    first, second = world.start(draw), world.start(draw)
    pass_by(world, 3 * TERM)
    for target in first.held():
        assert second.member.holder_of(target) == first.name
    third = world.start(draw)
    target = next(target for target in first.held() if third.member.is_ours(target))
    third.member.beat()
    # It takes the target when the first one has released it.
    assert third.member.holder_of(target) == first.name
    pass_by(world, 2 * TERM)
    assert first.member.holder_of(target) == third.name


def test_members_with_other_targets_divide_their_own(draw: random.Random) -> None:
    world = World()
    old, new = world.start(draw, TARGETS[:3]), world.start(draw, TARGETS)
    pass_by(world, 3 * TERM)
    assert all(old.member.is_ours(target) for target in TARGETS[:3])
    assert all(new.member.is_ours(target) for target in TARGETS)
    assert sorted(old.held() + new.held()) == TARGETS


def in_waves(world: World, draw: random.Random, soak_seconds: float) -> Process:
    """Start a process with a table [rollout]."""
    rules = RolloutRules((tuple(TARGETS),), soak_seconds, frozenset(), 9)
    return world.start(draw, rollout=rules.summary)


def test_members_with_other_waves_are_named_once(
    draw: random.Random, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    in_waves(world, draw, 0.0), in_waves(world, draw, 60.0)
    pass_by(world, TERM)
    warnings = sorted(it.message for it in caplog.records if it.levelno == logging.WARNING)
    assert [it.partition(":")[0] for it in warnings] == [
        f"process-{number} has another [rollout] (soak)" for number in range(2)
    ]


def test_a_member_without_waves_leaves_the_targets_to_those_with_waves(
    draw: random.Random, caplog: pytest.LogCaptureFixture
) -> None:
    world = World()
    without = world.start(draw)
    pass_by(world, 3 * TERM)
    assert sorted(without.held()) == TARGETS
    first, second = in_waves(world, draw, 0.0), in_waves(world, draw, 0.0)
    pass_by(world, 3 * TERM)
    assert (without.held(), sorted(first.held() + second.held())) == ([], TARGETS)
    assert "process-1 has a [rollout], and this daemon has none: until" in caplog.text
    first.is_dead = second.is_dead = True
    pass_by(world, 3 * TERM)
    assert sorted(without.held()) == TARGETS, "no target is left for ever"


def test_a_member_that_is_cut_off_keeps_its_targets_and_warns_once(
    draw: random.Random, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    world = World()
    first = world.start(draw)
    pass_by(world, TERM)
    first.is_cut_off = True
    pass_by(world, 2 * TERM)
    assert all(first.member.is_ours(target) for target in TARGETS)
    first.stop()
    warnings = [it.message for it in caplog.records if it.levelno == logging.WARNING]
    assert warnings == ["the slate cannot be used; until then this daemon keeps its targets"]
    first.is_cut_off = False
    first.member.beat()
    assert caplog.messages[-1] == "the members of the fleet can be read again"
