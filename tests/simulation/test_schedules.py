"""Every schedule keeps every property; one that does not is printed as a line that repeats it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from simulation.faults import KINDS
from simulation.properties import violations
from simulation.runs import Schedule, run
from simulation.scenarios import SCENARIOS
from simulation.service import BEHAVIOURS, STANDARD, behaviour_of, pairs_of_behaviours

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]


@pytest.mark.timeout(7200)
def test_a01_to_a13_a22_a26_a40_a41_p01_p18_every_schedule_keeps_every_property(
    record_property: Callable[[str, object], None],
) -> None:
    # In a process of its own: measuring its branches would take five times as long.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    outside["PYTHONPATH"] = str(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "simulation"],
        env=outside,
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record_property("figure", done.stdout.splitlines()[-1])


def test_there_is_enough_of_everything() -> None:
    assert len(SCENARIOS) >= 15
    assert len(KINDS) >= 12
    assert len(BEHAVIOURS) >= 12
    assert len(list(pairs_of_behaviours())) >= 150


def test_every_pair_of_behaviours_changes_two_things_that_can_be_at_once() -> None:
    standard = behaviour_of(STANDARD)
    for pair in pairs_of_behaviours():
        alone = [behaviour_of(name) for name in pair.split("+")]
        assert len({standard, behaviour_of(pair), *alone}) == 4, pair


@pytest.mark.parametrize(
    ("names", "why"),
    [
        pytest.param("tokens-0s+tokens-60s", "contradicts", id="the same field"),
        pytest.param("reads-lag+all-in-one-second", "contradicts", id="a lag that never ends"),
        pytest.param("tokens-0s+nonsense", "not a behaviour", id="unknown"),
    ],
)
def test_what_cannot_be_at_once_is_refused(names: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        behaviour_of(names)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_in_which_nothing_goes_wrong_says_so(name: str) -> None:
    running = run(Schedule(name, STANDARD, {}))
    assert violations(running) == []
    for cycle in running.cycles:
        assert cycle.report is not None
        assert cycle.report.converged or cycle.report.plan.withheld
