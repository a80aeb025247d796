"""One schedule from beginning to end: cycles under faults, then two without."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from builders import NOW, OWNER

from reconciler.core.errors import TargetError
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Report
from reconciler.engine import ApplyOptions, apply, propose
from simulation.faults import CrashError, Wire
from simulation.scenarios import SCENARIOS, Scenario, Step
from simulation.service import Service, behavior_of
from simulation.target import ModelTarget

CYCLES_WITHOUT_FAULTS = 2


@dataclass(frozen=True, slots=True)
class Schedule:
    """A scenario, one or more behaviors of the service, and which fault happens at which call."""

    scenario: str
    behavior: str
    faults: dict[int, str]

    def __str__(self) -> str:
        """Return what ``python -m simulation`` takes to run it again."""
        faults = " ".join(f"{index}:{kind}" for index, kind in sorted(self.faults.items()))
        return f"{self.scenario} --behavior {self.behavior} {faults}"


@dataclass(slots=True)
class Cycle:
    """What one cycle planned and reported; the report is None where it was cut short.

    Its calls are those from ``first_call`` on; from ``planned_at`` on they carry the plan out.
    """

    began: float
    first_call: int
    planned_at: int
    ended: float = 0.0
    plan: Plan | None = None
    report: Report | None = None


@dataclass(slots=True)
class Run:
    """A schedule while it runs, and its record afterwards."""

    schedule: Schedule
    wire: Wire
    cycles: list[Cycle] = field(default_factory=list)
    calls_with_faults: int = 0

    @property
    def service(self) -> Service:
        return self.wire.service


def run(schedule: Schedule) -> Run:
    """Return the record of ``schedule``."""
    scenario = SCENARIOS[schedule.scenario]
    first = min(schedule.faults, default=0)
    beginning = next(
        beginning
        for beginning in reversed(beginnings(schedule.scenario, schedule.behavior))
        if len(beginning.wire.calls) <= first
    )
    running = _resume(beginning, schedule)
    for number in range(len(running.cycles), len(scenario.steps)):
        run_cycle(running, scenario, scenario.steps[number])
    running.wire.flush()
    running.calls_with_faults = len(running.wire.calls)
    running.wire.faults = {}
    for _ in range(CYCLES_WITHOUT_FAULTS):
        run_cycle(running, scenario, Step(scenario.wanted))
    return running


@cache
def beginnings(name: str, behavior: str) -> Sequence[Run]:
    """Return the states before each step where nothing has gone wrong yet."""
    scenario = SCENARIOS[name]
    service = Service(behavior_of(behavior))
    made = Run(Schedule(name, behavior, {}), Wire(service, {}, scenario.victim))
    for item in scenario.made:
        run_cycle(made, scenario, item)
    service = made.service.copy()
    service.effects.clear()
    service.calls_before = len(made.wire.calls)
    running = Run(made.schedule, Wire(service, {}, scenario.victim))
    found = [_resume(running, made.schedule)]
    for item in scenario.steps[:-1]:
        run_cycle(running, scenario, item)
        found.append(_resume(running, made.schedule))
    return found


def _resume(beginning: Run, schedule: Schedule) -> Run:
    wire = beginning.wire
    copied = Wire(wire.service.copy(), schedule.faults, wire.victim, list(wire.calls))
    return Run(schedule, copied, list(beginning.cycles))


def run_cycle(running: Run, scenario: Scenario, step: Step) -> None:
    wire = running.wire
    service = wire.service
    if service.behavior.pause_between_cycles:
        service.now += step.wait
    service.call = len(wire.calls)
    if step.before is not None:
        step.before(service)
    cycle = Cycle(service.now, len(wire.calls), len(wire.calls))
    running.cycles.append(cycle)
    target = ModelTarget(wire)
    try:
        cycle.plan = propose(target, step.desired, owner=OWNER, guards=scenario.restraint, now=NOW)
        cycle.planned_at = len(wire.calls)
        cycle.report = apply(cycle.plan, target, ApplyOptions(workers=1, sleep=wire.pause))
    except (TargetError, CrashError):
        if cycle.plan is None:
            cycle.planned_at = len(wire.calls)
    cycle.ended = service.now
