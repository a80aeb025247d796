"""No round of delete and create takes more creates than another, however many there were."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from simulation.rounds import MEMORIES, ROUNDS, STORIES, campaign

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parents[1]


@pytest.mark.timeout(1800)
def test_no_round_takes_more_than_three_creates_under_any_memory_of_tokens(
    record_property: Callable[[str, object], None],
) -> None:
    # In a process of its own: measuring its branches would take five times as long.
    outside = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    outside["PYTHONPATH"] = str(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "simulation.rounds"],
        env=outside,
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    record_property("figure", done.stdout.splitlines()[-1])


def test_all_rounds_are_run_under_every_memory_of_tokens() -> None:
    assert len(MEMORIES) >= 10
    assert {(it.story, it.behavior) for it in campaign() if it.rounds == ROUNDS} == {
        (story, cache) for story in STORIES for cache in MEMORIES
    }
