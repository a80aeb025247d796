"""Daemons of one rollout die between any two steps; no target gets an earlier revision back."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from amounts import amount
from builders import key
from locks.conftest import MemoryStore

from reconciler import limits
from reconciler.cli.rollout_gate import RolloutGate
from reconciler.core.errors import LockError, RolloutWaitError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.fleet.assignment import assign
from reconciler.core.fleet.fleet_record import FleetRecord
from reconciler.core.fleet.rollout import Progress, RolloutRules
from reconciler.core.fleet.rollout_news import RolloutCommand
from reconciler.core.resources import TargetId
from reconciler.core.state.daemon_status import DaemonStatus, ResourceStatus, State
from reconciler.daemon.fleet_rollout import FleetRollout
from reconciler.locks.membership import Membership
from reconciler.manifest.loading import LoadResult

TERM, TICK = 5.0, 0.5
RULES = RolloutRules(
    (("dev",), ("stage-1", "stage-2"), ("prod-1", "prod-2")),
    6.0,
    frozenset({Progress.FAILED}),
    1,
)
TARGETS = tuple(name for wave in RULES.waves for name in wave)
STATUS = DaemonStatus(TargetId("t", "u", None, "r"), "o", "sync", 0.0, 60.0)
# How cycles end: in sync, with an error, with withheld changes, with a failure.
ENDS = (
    replace(STATUS, exit_code=ExitCode.OK),
    replace(STATUS, exit_code=ExitCode.ERROR),
    replace(STATUS, exit_code=ExitCode.WITHHELD),
    replace(STATUS, resources=(ResourceStatus(key("mesh/a"), State.FAILED, 0.0),)),
)
# The share of the steps of a cycle in which a heartbeat is sent.
HEARTBEAT_RATE = 0.2


class Died(Exception):  # noqa: N818  # it is no error of the daemon
    """The process of a daemon was killed in the middle of a cycle."""


@dataclass
class Branch:
    """The branch as one daemon has fetched it, or one of its commits."""

    daemon: "Daemon"
    commit: str | None = None
    is_held: bool = False
    age_seconds: float = 0.0

    def at(self, commit: str) -> "Branch":
        return Branch(self.daemon, commit)


@dataclass(frozen=True)
class Context:
    """The part of a run that a gate uses."""

    source: Branch

    def read(self, _: Callable[[], None]) -> LoadResult:
        return LoadResult((), (), {}, content_id=self.source.commit or self.source.daemon.fetched)


@dataclass
class World:
    """Time, the store, the branch, and what each target has: two resources of some commit."""

    draw: random.Random
    now: float = 0.0
    store: MemoryStore = field(default_factory=MemoryStore)
    is_store_down: bool = False
    commits: int = 0
    parts: dict[str, list[int]] = field(default_factory=lambda: {it: [0, 0] for it in TARGETS})
    leases: dict[str, tuple[str, float]] = field(default_factory=dict)
    daemons: list["Daemon"] = field(default_factory=list)
    started: int = 0
    trace: list[str] = field(default_factory=list)

    @property
    def head(self) -> str:
        return f"c{self.commits}"

    def record(self) -> FleetRecord:
        return FleetRecord.parse(self.store.text)

    def start(self) -> None:
        self.started += 1
        self.daemons.append(Daemon(self, f"d{self.started}"))

    def write(self, daemon: str, target: str, part: int, commit: str) -> None:
        """Write one resource, and check that the record allowed it before."""
        number, parts = int(commit[1:]), self.parts[target]
        if parts[part] == number:
            return
        self.trace.append(f"{self.now} {daemon} writes {commit} to {target}, part {part}")
        assert number >= max(parts), self.trace
        report = self.record().reports.get(target)
        assert report is not None, self.trace
        assert report.revision == commit, self.trace
        parts[part] = number

    def tick(self, death_rate: float) -> None:
        for daemon in tuple(self.daemons):
            try:
                daemon.tick(death_rate)
            except Died:
                self.daemons.remove(daemon)
                self.trace.append(f"{self.now} {daemon.name} dies")
        if not self.daemons:
            self.start()
        self.now += TICK


class Daemon:
    """Runs the loops of its targets and its heartbeats, at the intervals of a real daemon."""

    def __init__(self, world: World, name: str) -> None:
        self.world, self.name, self.fetched = world, name, world.head
        self._assigned: dict[str, str] = {}
        self._next: dict[str, float] = {}
        self._gates: dict[str, RolloutGate] = {}
        self._context: Any = Context(Branch(self))
        self.rollout = FleetRollout(RULES, name, lambda: world.now, TERM)
        self._membership = Membership(self, name, TERM, lambda: world.now)
        self._beat()

    def read(self) -> str | None:
        if self.world.is_store_down:
            raise LockError(f"{self.name} cannot be used")
        return self.world.store.read()

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        return self.world.store.compare_and_swap(before, after)

    def tick(self, death_rate: float) -> None:
        draw = self.world.draw
        if self._is_due("heartbeat", TERM / limits.RENEWALS_PER_TERM):
            self._beat()
        if self._is_due("fetch", draw.uniform(4, 12)):
            self.fetched = self.world.head
        for target in TARGETS:
            if self._assigned.get(target, self.name) != self.name:
                if self._gates.pop(target, None) is not None and self._leads(target):
                    del self.world.leases[target]
            elif self._leads(target):
                gate = self._gates.setdefault(target, RolloutGate(self.rollout, target))
                if gate.request_newest() or self._is_due(target, 4.0):
                    self._cycle(target, gate, death_rate)

    def _beat(self) -> None:
        try:
            self._membership.beat(self.rollout.change)
        except LockError:
            return
        self.rollout.observe(self._membership.record)
        self._assigned = assign(TARGETS, self._membership.record.members)

    def _leads(self, target: str) -> bool:
        holder, until = self.world.leases.get(target, (self.name, 0.0))
        if holder != self.name and until > self.world.now:
            return False
        self.world.leases[target] = (self.name, self.world.now + 3 * TERM)
        return True

    def _cycle(self, target: str, gate: RolloutGate, death_rate: float) -> None:
        draw = self.world.draw
        try:
            _, loaded = gate.read(self._context, lambda: None)
        except RolloutWaitError:
            return
        for part in range(2):
            self._between_steps(death_rate)
            self.world.write(self.name, target, part, loaded.content_id)
        self._between_steps(death_rate)
        gate.report(draw.choices(ENDS, [30, 1, 1, 1])[0], None)
        self._between_steps(death_rate)

    def _between_steps(self, death_rate: float) -> None:
        """Die at the death rate, or else send a heartbeat at the heartbeat rate."""
        if self.world.draw.random() < death_rate:
            raise Died
        # Heartbeats have a thread of their own.
        if self.world.draw.random() < HEARTBEAT_RATE:
            self._beat()

    def _is_due(self, what: str, seconds: float) -> bool:
        if self.world.now < self._next.get(what, 0.0):
            return False
        self._next[what] = self.world.now + seconds
        return True


def disturb(world: World) -> None:
    """Do, in some of the calls, what a person or the network may do."""
    draw = world.draw
    daemon = draw.choice(world.daemons)
    match draw.randrange(150):
        case 0 | 1:
            world.commits += 1
        case 2:
            daemon.rollout.request(RolloutCommand.HOLD, 0.0)
        case 3 | 4 | 5:
            daemon.rollout.request(RolloutCommand.RESUME, 0.0)
        case 6 if len(world.daemons) < 3:
            world.start()
        case 7:
            world.is_store_down = not world.is_store_down
        case _:
            return
    world.trace.append(f"{world.now} {world.head} {world.store.text}")


@pytest.mark.parametrize("seed", range(amount("rollouts of daemons that die", test=8, full=2_000)))
def test_no_earlier_revision_is_written_back(seed: int) -> None:
    world = World(random.Random(seed))  # noqa: S311  # repeatable, not secret
    world.start()
    for _ in range(400):
        disturb(world)
        world.tick(death_rate=0.02)
    world.is_store_down = False
    for _ in range(400):
        if world.draw.random() < 0.2:
            world.daemons[0].rollout.request(RolloutCommand.RESUME, 0.0)
        world.tick(death_rate=0.0)
    assert set(map(tuple, world.parts.values())) == {(world.commits, world.commits)}, world.trace
