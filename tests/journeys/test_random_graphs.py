"""From any graph to any other in one run: whatever its routers, ports and protocols become."""

import random
from collections.abc import Callable

import pytest
from amounts import amount
from journeys.environments import World
from journeys.graphs import graph
from journeys.random_graphs import violations
from journeys.random_schedules import AT_A_CALL, FAULTS, every_setting, schedule
from own_process import run_module

from reconciler.core.changes import detached_routes
from reconciler.core.kinds import KINDS

pytestmark = pytest.mark.slow

SEEDS = amount("random graphs led to another by one run, for each of four workers", test=1, full=25)
WORKERS = 4
FEWEST_WITH_A_CHANGE = 20


@pytest.mark.parametrize("worker", range(WORKERS))
def test_one_run_leads_from_any_graph_to_any_other(
    worker: int, world: World, record_property: Callable[[str, object], None]
) -> None:
    changed = made_way = 0
    for seed in range(worker * SEEDS, (worker + 1) * SEEDS):
        draw = random.Random(seed)  # noqa: S311  # repeatable, and no secret
        world.reset()
        for wants in (list(graph(draw)), list(graph(draw)), []):
            edited = {desired_resource.key for desired_resource in wants if draw.random() < 0.5}
            report = world.cycle(wants, urgent=edited)
            assert report.converged, (seed, report.plan.withheld, report.outcomes)
            assert world.refused == [], seed
            changed += len(report.outcomes)
            made_way += sum(len(detached_routes(change)) for change in report.plan.changes)
            assert world.plan(wants).changes == (), seed
    # A few graphs may have no router whose listener changes.
    assert made_way or SEEDS < FEWEST_WITH_A_CHANGE
    result = f"{changed} changes, {made_way} routes made way"
    record_property("figure", f"random graphs {worker}: {SEEDS} led to another, {result}")


@pytest.mark.timeout(7200)
def test_p01_c01_c06_whatever_goes_wrong_it_gets_there_and_down_again(
    record_property: Callable[[str, object], None],
) -> None:
    record_property("figure", run_module("journeys.random_graphs"))


def test_a_schedule_is_the_same_each_time_that_it_is_run() -> None:
    result: list[list[str]] = [[], []]
    for lines in result:
        assert violations(2, lines.append)[0] == []
    assert result[0] == result[1]
    assert len(result[0]) > 100


def test_every_behavior_kind_and_disturbance_is_among_the_schedules() -> None:
    drawn = [schedule(random.Random(seed)) for seed in range(320)]  # noqa: S311  # as above
    settings = {setting for it in drawn for setting in it.settings}
    assert settings == {setting for each in every_setting() for setting in each}
    phases = [phase for it in drawn for phase in it.phases]
    assert {
        desired_resource.key.kind for phase in phases for desired_resource in phase.wants
    } == KINDS.keys()
    disturbances = [each for phase in phases for each in phase.disturbances]
    assert {each.what for each in disturbances} == {"", *AT_A_CALL}
    faults = [fault for each in disturbances for fault in each.faults]
    assert all(any(known.items() <= fault.items() for fault in faults) for known in FAULTS)
