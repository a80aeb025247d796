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
from simulation.service import BEHAVIOURS

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


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_in_which_nothing_goes_wrong_says_so(name: str) -> None:
    running = run(Schedule(name, "tokens-36h", {}))
    assert violations(running) == []
    for cycle in running.cycles:
        assert cycle.report is not None
        assert cycle.report.converged or cycle.report.plan.withheld
