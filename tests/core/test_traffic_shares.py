"""A route sends each target its weight divided by the sum of the weights."""

from fractions import Fraction
from typing import Any

import pytest
from builders import route
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.traffic_shares import share_changes

KINDS = ("httpRoute", "http2Route", "grpcRoute", "tcpRoute")


def side(kind: str = "httpRoute", /, **weights: int) -> dict[str, Any]:
    targets = [{"virtualNode": name, "weight": weight} for name, weight in weights.items()]
    return {"spec": {kind: {"action": {"weightedTargets": targets}}}, "tags": {}}


def shown(before: Any, after: Any) -> list[tuple[str, float, float]]:
    return [(it.target, float(it.before), float(it.after)) for it in share_changes(before, after)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_canary_moves_a_share(kind: str) -> None:
    before, after = side(kind, old=100), side(kind, old=80, new=20)
    assert shown(before, after) == [("old", 1, 0.8), ("new", 0, 0.2)]


def test_weights_need_no_sum_of_100_and_equal_shares_are_no_change() -> None:
    assert share_changes(side(a=1, b=1), side(a=50, b=50)) == ()
    assert share_changes(side(a=1, b=1), side(b=5, a=5)) == ()
    assert shown(side(a=1, b=1), side(a=1, b=2)) == [
        ("a", 0.5, float(Fraction(1, 3))), ("b", 0.5, float(Fraction(2, 3))),
    ]  # fmt: skip


def test_a_removed_target_has_no_share() -> None:
    assert shown(side(a=1, b=1), side(a=1)) == [("a", 0.5, 1), ("b", 0.5, 0)]


def test_ports_are_targets_of_their_own_and_repeated_targets_add_up() -> None:
    before = side(a=1)
    after = side(a=1)
    targets = after["spec"]["httpRoute"]["action"]["weightedTargets"]
    targets += [{"virtualNode": "a", "weight": 1, "port": 80}, {"virtualNode": "a", "weight": 2}]
    assert shown(before, after) == [("a", 1, 0.75), ("a:80", 0, 0.25)]


@pytest.mark.parametrize(
    "other",
    [None, {}, {"spec": None}, {"spec": {}}, side(), {"spec": {"httpRoute": {}}}],
)
def test_without_routes_on_both_sides_there_is_nothing_to_compare(other: Any) -> None:
    assert share_changes(side(a=1), other) == ()
    assert share_changes(other, side(a=1)) == ()
    assert share_changes({"spec": route("a")}, {"spec": route("a")}) == ()


def test_weights_of_0_are_no_share() -> None:
    assert shown(side(a=1, b=3), side(a=0, b=0)) == [("a", 0.25, 0), ("b", 0.75, 0)]
    assert shown(side(a=0), side(a=2)) == [("a", 0, 1)]
    assert share_changes(side(a=0), side(a=0)) == ()


weights = st.dictionaries(st.sampled_from("abcd"), st.integers(0, 100), min_size=1)


@given(weights, weights)
def test_shares_that_are_lost_are_gained_elsewhere(
    before: dict[str, int], after: dict[str, int]
) -> None:
    changes = share_changes(side(**before), side(**after))
    gained = bool(any(after.values())) - bool(any(before.values()))
    assert sum(it.after - it.before for it in changes) == gained
