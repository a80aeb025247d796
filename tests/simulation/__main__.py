"""``PYTHONPATH=tests python -m simulation [SCENARIO [--behavior NAMES] [CALL:FAULT …]]``.

Without a scenario all schedules are run; with one, that schedule, told call by call.
"""

import argparse
import sys
from collections.abc import Iterator

from reconciler.core.changes import operation_name
from simulation import campaign
from simulation.faults import KINDS
from simulation.properties import violations
from simulation.runs import Run, Schedule, run
from simulation.scenarios import SCENARIOS
from simulation.service import BEHAVIORS, STANDARD, behavior_of


def main() -> int:
    """Return 1 where a property is broken."""
    parser = argparse.ArgumentParser(
        prog="python -m simulation",
        epilog=f"behaviors: {', '.join(BEHAVIORS)}; faults: {', '.join(KINDS)}",
    )
    parser.add_argument("scenario", nargs="?", choices=SCENARIOS)
    parser.add_argument("faults", nargs="*", metavar="CALL:FAULT")
    parser.add_argument("--behavior", default=STANDARD, help="one, or several joined by +")
    parser.add_argument("--seed", default="0", help="chooses what is a sample")
    said = parser.parse_intermixed_args()
    if said.scenario is None:
        return campaign.main(said.seed)
    try:
        behavior_of(said.behavior)
    except ValueError as error:
        parser.error(str(error))
    faults = {int(call): kind for call, _, kind in (text.partition(":") for text in said.faults)}
    running = run(Schedule(said.scenario, said.behavior, faults))
    broken = violations(running)
    lines = [*_story(running), *(broken or ["every property holds"])]
    print(*lines, sep="\n")  # noqa: T201  # for a person
    return bool(broken)


def _story(running: Run) -> Iterator[str]:
    """Yield every call of a run with its fault and its effects, and every outcome."""
    effects = running.service.effects
    starts = {cycle.first_call: number for number, cycle in enumerate(running.cycles)}
    for index, call in enumerate(running.wire.calls):
        if index in starts:
            yield f"cycle {starts[index]}"
        fault = running.schedule.faults.get(index, "")
        yield f"  {index:3} {call.operation} {call.name} {call.token or ''} {fault}".rstrip()
        for effect in (effect for effect in effects if effect.call == index):
            late = "late, " if effect.late else ""
            yield f"        {late}{effect.actor} {effect.operation}: {effect.after}"
    for number, cycle in enumerate(running.cycles):
        for outcome in cycle.report.outcomes if cycle.report else ():
            why = getattr(outcome, "reason", "")
            done = f"{operation_name(outcome.change)} {outcome.change.key}"
            yield f"cycle {number}: {type(outcome).__name__} {done} {why}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
