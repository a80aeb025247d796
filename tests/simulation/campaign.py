"""All schedules, over two processes.

Under every behavior and every pair of behaviors no fault and single faults; under the standard
behavior also pairs of faults. The amounts say how many of each are drawn.
"""

import random
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from amounts import amount

from simulation.faults import kinds_for
from simulation.properties import violations
from simulation.runs import Run, Schedule, run
from simulation.scenarios import SCENARIOS
from simulation.service import BEHAVIORS, STANDARD, pairs_of_behaviors

Many = Callable[[str, str, int, str], Iterator[Run]]

PROCESSES = 2
SINGLES = amount("single faults of a simulated scenario under one behavior", test=1, full=10_000)
FIRSTS = amount("first faults of a scenario that a second one follows", test=2, full=10_000)
SECONDS_OF_A_FIRST = amount("second faults after a first one", test=1, full=14)
PAIRS = amount("pairs of behaviors of a simulated scenario", test=4, full=1_000)
FAULTS_OF_A_PAIR = amount("single faults under a pair of behaviors", test=1, full=6)


@dataclass
class Tally:
    """How many schedules were run, and those that broke a property."""

    schedules: int = 0
    broken: list[tuple[Schedule, list[str]]] = field(default_factory=list)

    def add(self, running: Run) -> None:
        """Judge a run."""
        self.schedules += 1
        found = violations(running)
        if found:
            self.broken.append((running.schedule, found))

    def join(self, other: "Tally") -> None:
        """Take another tally's figures in."""
        self.schedules += other.schedules
        self.broken += other.broken


def singles(name: str, behavior: str, kinds: AbstractSet[str]) -> Iterator[Run]:
    """Run a scenario with each fault of ``kinds`` that can happen at each of its calls."""
    for faults in _following(run(Schedule(name, behavior, {})), 0):
        if not kinds.isdisjoint(faults.values()):
            yield run(Schedule(name, behavior, faults))


def some_singles(name: str, behavior: str, most: int, seed: str) -> Iterator[Run]:
    """Run a scenario without a fault, and with at most ``most`` of its single faults."""
    base = run(Schedule(name, behavior, {}))
    yield base
    for faults in _some(list(_following(base, 0)), most, base.schedule, seed):
        yield run(Schedule(name, behavior, faults))


def some_pairs(name: str, behavior: str, most: int, seed: str) -> Iterator[Run]:
    """Run a scenario with two faults: for each first one, at most ``most`` that can follow it."""
    base = run(Schedule(name, behavior, {}))
    for one in _some(list(_following(base, 0)), FIRSTS, base.schedule, seed):
        first = run(Schedule(name, behavior, one))
        (index,) = one
        for faults in _some(list(_following(first, index + 1)), most, first.schedule, seed):
            yield run(Schedule(name, behavior, one | faults))


def campaign(seed: str) -> Tally:
    """Run the amounts of each kind of schedule, drawn by ``seed``."""
    work: list[tuple[Many, str, str, int, str]] = []
    for name, scenario in SCENARIOS.items():
        known = set(scenario.behaviors)
        pairs = [pair for pair in pairs_of_behaviors() if not known.isdisjoint(pair.split("+"))]
        draw = random.Random(f"{seed} {name}")  # noqa: S311  # repeatable, not secret
        pairs = draw.sample(pairs, min(PAIRS, len(pairs)))
        standard = known & {STANDARD}
        work += [(some_singles, name, each, SINGLES, seed) for each in scenario.behaviors]
        work += [(some_singles, name, each, FAULTS_OF_A_PAIR, seed) for each in pairs]
        work += [(some_pairs, name, each, SECONDS_OF_A_FIRST, seed) for each in standard]
    # What takes longest is begun first.
    work.sort(key=lambda item: item[0] is not some_pairs)
    total = Tally()
    with ProcessPoolExecutor(PROCESSES) as pool:
        for tally in pool.map(_tally, *zip(*work, strict=True)):
            total.join(tally)
    return total


def main(seed: str) -> int:
    """Run everything; print a line on it, and on each of the first schedules that break it."""
    started = time.monotonic()
    total = campaign(seed)
    lines = [
        f"{found[0]} ({len(found)} violations)\n  PYTHONPATH=tests python -m simulation {schedule}"
        for schedule, found in total.broken[:20]
    ]
    lines.append(
        f"simulation: {total.schedules:,} schedules of {len(SCENARIOS)} scenarios under "
        f"{len(BEHAVIORS)} behaviors and {len(list(pairs_of_behaviors()))} pairs of them "
        f"(seed {seed}), {sum(len(found) for _, found in total.broken)} violations, "
        f"{time.monotonic() - started:.0f} s"
    )
    print(*lines, sep="\n")  # noqa: T201  # for a person
    return bool(total.broken)


def _following(running: Run, start: int) -> Iterator[dict[int, str]]:
    for index in range(start, running.calls_with_faults):
        for kind in kinds_for(running.wire.calls[index].operation):
            yield {index: kind}


def _some(
    faults: list[dict[int, str]], most: int, schedule: Schedule, seed: str
) -> list[dict[int, str]]:
    chosen = random.Random(f"{seed} {schedule}")  # noqa: S311  # repeatable, not secret
    return chosen.sample(faults, min(most, len(faults)))


def _tally(many: Many, name: str, behavior: str, most: int, seed: str) -> Tally:
    tally = Tally()
    for running in many(name, behavior, most, seed):
        tally.add(running)
    return tally
