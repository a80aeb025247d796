"""Random graphs under random behaviors of the service, with faults, other hands and crashes.

``PYTHONPATH=tests python -m journeys.random_graphs [SEED]`` runs all schedules, or one and tells it
call by call; everything in one follows from its seed.
"""

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from typing import Any

from amounts import amount
from botocore.exceptions import ClientError
from builders import OWNER
from journeys.direct import (
    HERE,
    Attempt,
    CrashError,
    Direct,
    Reconciler,
    Tell,
    name_in,
    name_of,
    sdk,
    serving,
)
from journeys.random_schedules import NO_INDEX, Disturbance, Phase, Schedule, schedule

from reconciler import api
from reconciler.core.changes import Delete, ReasonCode, detached_routes, operation_name, unlinked
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Report, outcome_name
from reconciler.core.resources import OWNER_TAG, Desired
from reconciler.endpoint.semantics.behaviors import parse_behavior
from reconciler.endpoint.state.tables import Collection, Resource
from reconciler.targets.canonical import canonical

SCHEDULES = amount("schedules of random graphs", test=2, full=640)
PROCESSES = 2
MINUTE = 60.0
# So many runs after one that was disturbed: a route may have to come back before its router.
MAX_RUNS = 2
# An answer from the memory of tokens, the create itself, and one that finds out what lags.
MAX_CREATES = 3
_THEIRS = [{"key": OWNER_TAG, "value": "another"}]
# What is not ours: another mesh, and in ours a node that we may want and a gateway.
STRANGERS: list[tuple[Collection, str, dict[str, Any]]] = [
    (Collection(HERE, "Mesh", ""), "elsewhere", {}),
    (Collection(HERE, "VirtualNode", "elsewhere"), "n0", {"spec": {}}),
    (Collection(HERE, "VirtualNode", "m"), "n3", {"spec": {}}),
    (
        Collection(HERE, "VirtualGateway", "m"),
        "theirs",
        {
            "spec": {"listeners": [{"portMapping": {"port": 80, "protocol": "http"}}]},
            "tags": _THEIRS,
        },
    ),
]


def violations(seed: int, tell: Tell = lambda _: None) -> tuple[list[str], Counter[str]]:
    """Return what is wrong with the schedule of a seed, and how often what happened in it.

    It ends with the first phase in which something is wrong.
    """
    draw = random.Random(seed)  # noqa: S311  # repeatable, and no secret
    # The SDK draws the waits between its attempts from here.
    random.seed(seed)
    chosen = schedule(draw)
    tell(f"behaviors: {' '.join(chosen.settings) or 'the standard ones'}")
    with serving(parse_behavior(chosen.settings)) as door:
        journey = Journey(seed, chosen, draw, door, tell)
        return list(journey.violations()), journey.seen


class Journey:
    """One schedule under way."""

    def __init__(
        self, seed: int, chosen: Schedule, draw: random.Random, door: Direct, tell: Tell
    ) -> None:
        """Begin with nothing live."""
        self.seed, self.schedule, self.draw, self.door, self.tell = seed, chosen, draw, door, tell
        self.ours = Reconciler(door, tell, daemon=chosen.daemon)
        self.strangers: list[Resource] = []
        self.seen: Counter[str] = Counter()

    def violations(self) -> Iterator[str]:
        """Yield what is wrong in the first phase in which something is."""
        for number, phase in enumerate(self.schedule.phases):
            self.tell(f"phase {number}: {' '.join(str(want.key) for want in phase.wants) or '-'}")
            found = [*self._phase(phase), *self._harm()]
            if found:
                yield from (f"phase {number}: {what}" for what in found)
                return
            if number == 0 and self.schedule.strangers:
                self._plant()

    def _phase(self, phase: Phase) -> Iterator[str]:
        for _ in range(phase.hands):
            self._meddle()
        for each in phase.disturbances:
            yield from self._judge(self._run(phase.wants, each), each)
        for run in range(MAX_RUNS + 1):
            attempt = self._run(phase.wants)
            yield from self._judge(attempt)
            if attempt.plan is None or not attempt.plan.changes:
                break
            if run == MAX_RUNS or (run and phase.is_quiet):
                left = ", ".join(f"{operation_name(it)} {it.key}" for it in attempt.plan.changes)
                yield f"after {run} runs that nothing disturbed there was still {left}"
                break
            if phase.is_quiet and not self.schedule.settings:
                yield from (f"{call} was refused" for call in attempt.refused)
        yield from self._departures(phase.wants, attempt.plan)

    def _run(self, wants: Sequence[Desired], wrong: Disturbance | None = None) -> Attempt:
        self.door.now += MINUTE
        faults = [] if self.schedule.has_index else [NO_INDEX]
        if wrong is not None:
            self.tell(f"  {wrong.what or wrong.faults} {wrong.at or ''}".rstrip())
            faults = [*wrong.faults, *faults]
            self.door.interrupt(wrong.at, after=wrong.what == "crash-after", by=self._act(wrong))
            self.seen[wrong.what or "faults"] += 1
        self.door.breaks(faults, self.seed)
        attempt = self.ours.run(wants, {it.key for it in wants if self.draw.random() < 0.2})
        self.door.interrupt(0)
        self.door.breaks([], 0)
        for change in attempt.plan.changes if attempt.plan else ():
            self.seen["changes"] += 1
            self.seen["routes made way"] += len(detached_routes(change))
            self.seen["nodes unlinked"] += len(unlinked(change))
        return attempt

    def _act(self, wrong: Disturbance) -> Any:
        def crash() -> None:
            raise CrashError

        return self._meddle if wrong.what == "hands" else crash

    def _judge(self, attempt: Attempt, wrong: Disturbance | None = None) -> Iterator[str]:
        """Yield what may not be, even of a run that was disturbed."""
        may_go = set(_deletes(attempt.plan)) if attempt.plan else set()
        yield from (f"{name} was deleted unplanned" for name in sorted({*attempt.deletes} - may_go))
        for name, tokens in attempt.creates.items():
            if len(tokens) > MAX_CREATES:
                yield f"{name} took {len(tokens)} creates"
        if attempt.report is not None and not (wrong and wrong.lies):
            yield from self._untruths(attempt.report)
        if wrong is not None:
            return
        if attempt.report is None:
            yield "nothing was carried out, though nothing was disturbed"
            return
        for outcome in attempt.report.outcomes:
            if not isinstance(outcome, Applied):
                operation = operation_name(outcome.change)
                result = f"{operation} of {outcome.change.key} {outcome_name(outcome)}"
                yield f"{result}: {outcome.reason}"

    def _departures(self, wants: Sequence[Desired], plan: Plan | None) -> Iterator[str]:
        """Yield how what is live and ours, and what is withheld, differs from what should be."""
        theirs = {name_in(it) for it in self.strangers}
        for withheld in plan.withheld if plan else ():
            holds_them = withheld.key.kind == "mesh" and withheld.reason_code is ReasonCode.GUARD
            if not (name_of(withheld.key) in theirs or (theirs and holds_them)):
                yield f"{withheld.key} is withheld: {withheld.reason}"
        live, wanted = (
            self._live(),
            {name_of(desired_resource.key): desired_resource for desired_resource in wants},
        )
        kept = {"Mesh/m"} if theirs else set()
        yield from (f"{it} is not there" for it in sorted(wanted.keys() - live.keys() - theirs))
        yield from (f"{it} is still there" for it in sorted(live.keys() - wanted.keys() - kept))
        for name in sorted(wanted.keys() & live.keys()):
            desired_resource, found = wanted[name], live[name]
            assert desired_resource.spec is not None
            if canonical(desired_resource.spec, None) != canonical(
                found.spec, desired_resource.spec
            ):
                yield f"{name} has another spec: {found.spec}"
            if not desired_resource.tags.items() <= found.tags.items():
                yield f"{name} has other tags: {found.tags}"

    def _untruths(self, report: Report) -> Iterator[str]:
        """Yield what is told to be done and is not."""
        live = self._live()
        for outcome in report.outcomes:
            change = outcome.change
            is_wrong = (name_of(change.key) in live) is isinstance(change, Delete)
            if isinstance(outcome, Applied) and is_wrong:
                yield f"{operation_name(change)} of {change.key} is told to be done"

    def _harm(self) -> Iterator[str]:
        """Yield what became of what is not ours."""
        for before in self.strangers:
            if self.door.find(before.collection, before.name) != before:
                yield f"{name_in(before)}, which is not ours, was touched"

    def _live(self) -> dict[str, Resource]:
        """Return what is live and ours, by name."""
        found = self.door.tagged()
        return {name_in(it): it for it in found if it.tags.get(OWNER_TAG) == OWNER}

    def _meddle(self) -> None:
        """Let others change or delete something of ours, if the service lets them."""
        specs = {name_of(it.key): it.spec for each in self.schedule.phases for it in each.wants}
        live = sorted(self._live())
        if not live:
            return
        name, act = self.draw.choice(live), self.draw.choice(("delete", "update"))
        self.tell(f"  by hand: {act} {name}")
        word, *path = name.split("/")
        self._by_hand(act, word, path, {"spec": specs[name]} if act == "update" else {})

    def _plant(self) -> None:
        for shelf, name, more in STRANGERS:
            path = [*filter(None, shelf.parent.split("/")), name]
            self._by_hand("create", shelf.kind, path, more)
        found = (self.door.find(shelf, name) for shelf, name, _ in STRANGERS)
        self.strangers = [it for it in found if it and it.tags.get(OWNER_TAG) != OWNER]

    def _by_hand(self, act: str, word: str, path: list[str], more: dict[str, Any]) -> None:
        names = dict(zip(api.load().kinds[word].path, path, strict=True))
        operation = "".join(f"_{it.lower()}" if it.isupper() else it for it in word)
        with suppress(ClientError):
            getattr(sdk().by_hand, f"{act}{operation}")(**names, **more)
        self.door.now += MINUTE
        self.seen["hands"] += 1


def _deletes(plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        if isinstance(change, Delete):
            yield name_of(change.key)
        yield from (name_of(it.detach.key) for it in detached_routes(change))


def main() -> int:
    """Return 1 if a schedule goes wrong."""
    if len(sys.argv) > 1:
        found, _ = violations(int(sys.argv[1]), print)
        print(*(found or ["nothing is wrong"]), sep="\n")  # noqa: T201  # for a person
        return bool(found)
    started, broken, seen = time.monotonic(), 0, Counter[str]()
    with ProcessPoolExecutor(PROCESSES) as pool:
        for seed, (found, happened) in enumerate(
            pool.map(violations, range(SCHEDULES), chunksize=8)
        ):
            seen += happened
            broken += bool(found)
            if found:
                line = f"PYTHONPATH=tests python -m journeys.random_graphs {seed}"
                print(line, *found, sep="\n  ")  # noqa: T201  # for a person
    result = ", ".join(f"{count:,} {what}" for what, count in sorted(seen.items()))
    took = f"{time.monotonic() - started:.0f} s"
    print(f"random graphs: {SCHEDULES} schedules ({result}), {broken} with violations, {took}")  # noqa: T201  # for a person
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
