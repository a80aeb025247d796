"""How much the tests try: a sample in ``make test``, everything in ``make full``."""

import os
import random
from collections import defaultdict
from collections.abc import Iterable

import pytest

FULL = os.environ.get("RECONCILER_FULL") == "1"
# Another seed chooses other cases; all machines choose the same ones by default.
SEED = os.environ.get("RECONCILER_SEED", "1")


def amount(what: str, *, test: int, full: int) -> int:
    """Return how many of ``what`` this run tries; the manual has a table of all calls."""
    assert test < full, what
    return full if FULL else test


def left_out(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    """Return the cases that this run leaves out of each test marked with ``sample(cases)``."""
    tests: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if not FULL and item.get_closest_marker("sample"):
            tests[item.nodeid.partition("[")[0]].append(item)
    left: set[pytest.Item] = set()
    for name, cases in tests.items():
        marker = cases[0].get_closest_marker("sample")
        assert marker is not None
        (kept,) = marker.args
        draw = random.Random(f"{SEED} {name}")  # noqa: S311  # repeatable, not secret
        left |= set(draw.sample(cases, max(len(cases) - kept, 0)))
    return left
