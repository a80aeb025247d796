"""Rounds of delete and create: the number of creates stays the same however often it happens.

``PYTHONPATH=tests python -m simulation.rounds [STORY [--behavior NAMES] [--rounds NUMBER]]``.

Without a story all of them are run, under every memory of tokens for many rounds, and under
each pair of one with another behavior for a few.
"""

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import NamedTuple

from amounts import SEED, amount
from builders import desired

from reconciler.core.resources import Desired
from simulation.campaign import PROCESSES
from simulation.faults import Wire
from simulation.properties import MAX_CREATES
from simulation.runs import Run, Schedule, run_cycle
from simulation.scenarios import DROP, KEPT, MINUTE, SYNC, A, Act, Scenario, Step, deleted, step
from simulation.service import BEHAVIORS, STANDARD, Service, behavior_of, pairs_of_behaviors
from simulation.trace import ours

ROUNDS = amount("simulated rounds of delete and create", test=5, full=200)
PAIRS = amount("pairs of behaviors under such rounds", test=40, full=1_000)
STORIES_OF_A_PAIR = amount("stories of such rounds under a pair of behaviors", test=1, full=4)
# More than the replays that a reconciler could follow one by one.
ROUNDS_OF_A_PAIR = 25
_B = desired("b", DROP)
# What a service remembers of a create, and what it answers to one that it need not carry out.
_OF_MEMORY = {"retention_seconds", "after_delete", "remembers_refusals", "answers_equal_create"}
MEMORIES = [name for name, fields in BEHAVIORS.items() if not _OF_MEMORY.isdisjoint(fields)]


def _long_ago(service: Service) -> None:
    """Let others delete, and every read show it by the time that we look."""
    deleted("a")(service)
    if service.behavior.pause_between_cycles:
        service.now += 2 * MINUTE


def _step(*wants: Desired, before: Act | None = None) -> Step:
    return step(*wants, before=before, wait=2 * MINUTE)


_BOTH = _step(A, KEPT)
# The steps of each are one round.
STORIES = {
    "deleted-by-others": Scenario((_BOTH,), (_step(A, KEPT, before=_long_ago),)),
    "deleted-by-us": Scenario((_BOTH,), (_step(KEPT), _BOTH)),
    "deleted-by-turns": Scenario((_BOTH,), (_step(A, KEPT, before=_long_ago), _step(KEPT), _BOTH)),
    "preview-environment": Scenario(
        (), (_step(A, _B), _step()), restraint=replace(SYNC, allow_empty=True)
    ),
}


class Rounds(NamedTuple):
    """A story under behaviors for so many rounds."""

    story: str
    behavior: str
    rounds: int

    def __str__(self) -> str:
        """Return what ``python -m simulation.rounds`` takes to run it again."""
        return f"{self.story} --behavior {self.behavior} --rounds {self.rounds}"


def cycles(rounds: Rounds) -> Iterator[tuple[int, Counter[str], set[str]]]:
    """Yield of each cycle its round, its creates by name, and what is missing or too much."""
    story = STORIES[rounds.story]
    wire = Wire(Service(behavior_of(rounds.behavior)), {}, story.victim)
    running = Run(Schedule(rounds.story, rounds.behavior, {}), wire)
    for item in story.made:
        run_cycle(running, story, item)
    for number in range(1, rounds.rounds + 1):
        for item in story.steps:
            start = len(wire.calls)
            run_cycle(running, story, item)
            made = (call.name for call in wire.calls[start:] if call.operation == "CreateMesh")
            live = {name for name, mesh in wire.service.live.items() if ours(mesh)}
            yield (
                number,
                Counter(made),
                live ^ {desired_resource.key.name for desired_resource in item.desired},
            )


def violations(rounds: Rounds) -> list[str]:
    """Return what is wrong in the first cycle that goes wrong."""
    created = 0
    for number, made, wrong in cycles(rounds):
        created += made.total()
        found = [f"{name} is not as its manifest says" for name in sorted(wrong)]
        found += [
            f"{name} took {times} creates" for name, times in made.items() if times > MAX_CREATES
        ]
        if found:
            return [f"round {number}: {what}" for what in found]
    return [] if created >= rounds.rounds else [f"only {created} creates were sent"]


def campaign() -> list[Rounds]:
    """Return all rounds that are run."""
    draw = random.Random(SEED)  # noqa: S311  # repeatable, not secret
    pairs = [pair for pair in pairs_of_behaviors() if not set(pair.split("+")).isdisjoint(MEMORIES)]
    return [
        *(Rounds(story, memory, ROUNDS) for memory in MEMORIES for story in STORIES),
        *(
            Rounds(story, pair, ROUNDS_OF_A_PAIR)
            for pair in draw.sample(pairs, min(PAIRS, len(pairs)))
            for story in draw.sample([*STORIES], STORIES_OF_A_PAIR)
        ),
    ]


def main() -> int:
    """Return 1 if the number of creates grows."""
    parser = argparse.ArgumentParser(prog="python -m simulation.rounds")
    parser.add_argument("story", nargs="?", choices=STORIES)
    parser.add_argument("--behavior", default=STANDARD, help="one, or several joined by +")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    said = parser.parse_args()
    if said.story is not None:
        alone = Rounds(said.story, said.behavior, said.rounds)
        for number, made, wrong in cycles(alone):
            print(number, dict(made), *sorted(wrong))  # noqa: T201  # for a person
        return bool(violations(alone))
    started = time.monotonic()
    everything = campaign()
    with ProcessPoolExecutor(PROCESSES) as pool:
        found = list(pool.map(violations, everything, chunksize=8))
    broken = [
        (rounds, what) for rounds, whats in zip(everything, found, strict=True) for what in whats
    ]
    lines = [
        f"{what}\n  PYTHONPATH=tests python -m simulation.rounds {rounds}"
        for rounds, what in broken[:20]
    ]
    lines.append(
        f"rounds of delete and create: {len(everything)} schedules, {ROUNDS} rounds under each of "
        f"{len(MEMORIES)} memories of tokens, {len(broken)} violations, "
        f"at most {MAX_CREATES} creates each, {time.monotonic() - started:.0f} s"
    )
    print(*lines, sep="\n")  # noqa: T201  # for a person
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
