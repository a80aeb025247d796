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


# Markers that say whether the branches of a test are measured.
MEASURING = ("measured", "unmeasured", "slow")

# `make quick` and `make versions` set it: most mistakes, and another Python, show themselves in a
# few cases of each test.
FEW_CASES = os.environ.get("RECONCILER_FEW_CASES") == "1"
CASES = 3
PROCESSES = 24
# Their cases enter no branch that others leave.
UNMEASURED_CASES = amount("cases of each other test that is not measured", test=2, full=1000)

# Each of them runs on SQLite too.
ON_POSTGRESQL = amount("tests of the endpoint that also run on PostgreSQL", test=16, full=1000)


def left_out(items: Collection[pytest.Item]) -> set[pytest.Item]:
    """Return the cases that this run leaves out.

    They are cases of tests marked with ``sample(cases)`` or not measured, and tests on PostgreSQL;
    where few cases are wanted, also most cases of each test, and most tests that start processes.
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
    tests: dict[tuple[str, int], list[pytest.Item]] = defaultdict(list)
    for item in items:
        if (kept := _kept_cases(item)) is not None:
            tests[item.nodeid.partition("[")[0], kept].append(item)
    surplus = (_surplus(cases, kept, name) for (name, kept), cases in tests.items())
    return set().union(*surplus)


def _kept_cases(item: pytest.Item) -> int | None:
    """Return how many cases of the item's test this run keeps; None for all."""
    if FULL:
        return None
    if (marker := item.get_closest_marker("sample")) is not None:
        (kept,) = marker.args
        return int(kept)
    if FEW_CASES:
        return CASES
    is_sampled = measuring(item) in {"unmeasured", "slow"}
    return UNMEASURED_CASES if is_sampled and not item.get_closest_marker("every_case") else None


def measuring(item: pytest.Item) -> str:
    """Return the marker that says whether an item is measured; "" without one.

    The marker of a test counts before the one of its module.
    """
    return next((mark.name for mark in item.iter_markers() if mark.name in MEASURING), "")
