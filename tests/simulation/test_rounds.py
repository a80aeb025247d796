"""No round of delete and create takes more creates than another, however many there were."""

from collections.abc import Callable

import pytest
from own_process import run_module

from simulation.rounds import MEMORIES, ROUNDS, STORIES, campaign

pytestmark = pytest.mark.slow


@pytest.mark.timeout(1800)
def test_no_round_takes_more_than_three_creates_under_any_memory_of_tokens(
    record_property: Callable[[str, object], None],
) -> None:
    record_property("figure", run_module("simulation.rounds"))


def test_all_rounds_are_run_under_every_memory_of_tokens() -> None:
    assert len(MEMORIES) >= 10
    assert {(it.story, it.behavior) for it in campaign() if it.rounds == ROUNDS} == {
        (story, cache) for story in STORIES for cache in MEMORIES
    }
