"""Every schedule keeps every property; one that does not is printed as a line that repeats it."""

from collections.abc import Callable

import pytest
from own_process import run_module

from simulation.faults import KINDS
from simulation.properties import violations
from simulation.runs import Schedule, run
from simulation.scenarios import SCENARIOS
from simulation.service import BEHAVIORS, STANDARD, behavior_of, pairs_of_behaviors

pytestmark = pytest.mark.slow


@pytest.mark.timeout(7200)
def test_a01_to_a13_a22_a26_a40_a41_p01_p18_every_schedule_keeps_every_property(
    record_property: Callable[[str, object], None],
) -> None:
    record_property("figure", run_module("simulation"))


def test_there_is_enough_of_everything() -> None:
    assert len(SCENARIOS) >= 15
    assert len(KINDS) >= 12
    assert len(BEHAVIORS) >= 12
    assert len(list(pairs_of_behaviors())) >= 150


def test_every_pair_of_behaviors_changes_two_things_that_can_be_at_once() -> None:
    standard = behavior_of(STANDARD)
    for pair in pairs_of_behaviors():
        alone = [behavior_of(name) for name in pair.split("+")]
        assert len({standard, behavior_of(pair), *alone}) == 4, pair


@pytest.mark.parametrize(
    ("names", "why"),
    [
        pytest.param("tokens-0s+tokens-60s", "contradicts", id="the same field"),
        pytest.param("reads-lag+all-in-one-second", "contradicts", id="a lag that never ends"),
        pytest.param("tokens-0s+nonsense", "not a behavior", id="unknown"),
    ],
)
def test_what_cannot_be_at_once_is_refused(names: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        behavior_of(names)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_scenario_in_which_nothing_goes_wrong_says_so(name: str) -> None:
    running = run(Schedule(name, STANDARD, {}))
    assert violations(running) == []
    for cycle in running.cycles:
        assert cycle.report is not None
        assert cycle.report.converged or cycle.report.plan.withheld
