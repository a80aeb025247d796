"""All schedules, over two processes: every single fault, and a sample of the pairs."""

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from simulation.faults import kinds_for
from simulation.properties import violations
from simulation.runs import Run, Schedule, run
from simulation.scenarios import SCENARIOS
from simulation.service import BEHAVIOURS

PROCESSES = 2
# At most so many second faults for each first one; ten times as many are nearly all there are.
SECONDS_OF_A_FIRST = 20
STANDARD = "tokens-36h"


@dataclass
class Tally:
    """How many schedules were run, and those that broke a property."""

    schedules: int = 0
    broken: list[tuple[Schedule, str]] = field(default_factory=list)

    def add(self, running: Run) -> None:
        """Judge a run."""
        self.schedules += 1
        for violation in violations(running):
            self.broken.append((running.schedule, violation))

    def join(self, other: "Tally") -> None:
        """Take another tally's figures in."""
        self.schedules += other.schedules
        self.broken += other.broken


def singles(name: str, behaviour: str) -> Iterator[Run]:
    """Run a scenario without a fault, and with each fault that can happen at each of its calls."""
    base = run(Schedule(name, behaviour, {}))
    yield base
    for faults in _following(base, 0):
        yield run(Schedule(name, behaviour, faults))


def pairs(name: str, behaviour: str, most: int, seed: str) -> Iterator[Run]:
    """Run a scenario with two faults: for each first one, at most ``most`` that can follow it."""
    for first in singles(name, behaviour):
        if not first.schedule.faults:
            continue
        (index,) = first.schedule.faults
        seconds = list(_following(first, index + 1))
        chosen = random.Random(f"{seed} {first.schedule}")  # noqa: S311  # repeatable, not secret
        for faults in chosen.sample(seconds, min(most, len(seconds))):
            yield run(Schedule(name, behaviour, first.schedule.faults | faults))


def campaign(seed: str, *, soak: bool) -> Tally:
    """Run everything; with ``soak`` ten times as many pairs."""
    most = SECONDS_OF_A_FIRST * (10 if soak else 1)
    work = [
        (name, behaviour, 0, seed)
        for name, scenario in SCENARIOS.items()
        for behaviour in scenario.behaviours
    ]
    work += [
        (name, STANDARD, most, seed)
        for name, scenario in SCENARIOS.items()
        if STANDARD in scenario.behaviours
    ]
    total = Tally()
    with ProcessPoolExecutor(PROCESSES) as pool:
        for tally in pool.map(_tally, *zip(*reversed(work), strict=True)):
            total.join(tally)
    return total


def main(seed: str) -> int:
    """Run everything and print one line, and one more for each schedule that breaks a property."""
    started = time.monotonic()
    total = campaign(seed, soak=os.environ.get("RECONCILER_SOAK") == "1")
    lines = [
        f"{violation}\n  PYTHONPATH=tests python -m simulation {schedule}"
        for schedule, violation in total.broken[:20]
    ]
    lines.append(
        f"simulation: {total.schedules:,} schedules of {len(SCENARIOS)} scenarios and "
        f"{len(BEHAVIOURS)} behaviours (seed {seed}), {len(total.broken)} violations, "
        f"{time.monotonic() - started:.0f} s"
    )
    print(*lines, sep="\n")  # noqa: T201  # for a person
    return bool(total.broken)


def _following(running: Run, start: int) -> Iterator[dict[int, str]]:
    for index in range(start, running.calls_with_faults):
        for kind in kinds_for(running.wire.calls[index].operation):
            yield {index: kind}


def _tally(name: str, behaviour: str, most: int, seed: str) -> Tally:
    tally = Tally()
    for running in pairs(name, behaviour, most, seed) if most else singles(name, behaviour):
        tally.add(running)
    return tally
