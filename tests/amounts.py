"""How much the tests try: a sample in ``make test``, everything in ``make full``."""

import os
import random
from collections import defaultdict
from collections.abc import Collection, Iterable

import pytest

FULL = os.environ.get("RECONCILER_FULL") == "1"
# Another seed chooses other cases; all machines choose the same ones by default.
SEED = os.environ.get("RECONCILER_SEED", "1")


def amount(what: str, *, test: int, full: int) -> int:
    """Return how many of ``what`` this run tries; the manual has a table of all calls."""
    assert test < full, what
    return full if FULL else test


# `make quick` and `make versions` set it: most mistakes, and another Python, show themselves in a
# few cases of each test.
FEW_CASES = os.environ.get("RECONCILER_FEW_CASES") == "1"
CASES = 3
PROCESSES = 24

# Each of them runs on SQLite too.
ON_POSTGRESQL = amount("tests of the endpoint that also run on PostgreSQL", test=16, full=1000)


def left_out(items: Collection[pytest.Item]) -> set[pytest.Item]:
    """Return the cases that this run leaves out.

    They are cases of tests marked with ``sample(cases)``, and tests on PostgreSQL; where few cases
    are wanted, also most cases of each test, and most tests that start processes.
    """
    on_postgresql = [item for item in items if _is_on_postgresql(item)]
    left = _surplus_cases(items) | _surplus(on_postgresql, ON_POSTGRESQL, "postgresql")
    if FEW_CASES:
        starting = [it for it in items if it not in left and it.get_closest_marker("process")]
        left |= _surplus(starting, PROCESSES, "process")
    return left


def _surplus(items: Iterable[pytest.Item], kept: int, name: str) -> set[pytest.Item]:
    """Return all items but ``kept`` ones, chosen by the seed, not by the order of the tests."""
    in_order = sorted(items, key=lambda item: item.nodeid)
    draw = random.Random(f"{SEED} {name}")  # noqa: S311  # repeatable, not secret
    return set(draw.sample(in_order, max(len(in_order) - kept, 0)))


def _is_on_postgresql(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    return call is not None and call.params.get("kind_of_store") == "postgresql"


def _surplus_cases(items: Iterable[pytest.Item]) -> set[pytest.Item]:
    tests: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if not FULL and (FEW_CASES or item.get_closest_marker("sample")):
            tests[item.nodeid.partition("[")[0]].append(item)
    left: set[pytest.Item] = set()
    for name, cases in tests.items():
        marker = cases[0].get_closest_marker("sample")
        (kept,) = marker.args if marker else (CASES,)
        left |= _surplus(cases, kept, name)
    return left
