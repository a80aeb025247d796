"""Targets go to members evenly, and few move when a member comes or goes."""

import math
from collections import Counter

import pytest

from reconciler.core.fleet.assignment import assign

TARGETS = [f"account-{number}/eu-west-1" for number in range(100)]
MEMBERS = [f"daemon-{number}" for number in range(5)]


def test_every_target_has_a_member_and_the_order_of_names_does_not_matter() -> None:
    assigned = assign(TARGETS, MEMBERS)

    assert assigned.keys() == set(TARGETS)
    assert assign(TARGETS[::-1], MEMBERS[::-1]) == assigned


@pytest.mark.parametrize("members", range(1, 12))
def test_no_member_takes_more_than_a_quarter_above_its_share(members: int) -> None:
    load = Counter(assign(TARGETS, [f"daemon-{number}" for number in range(members)]).values())

    assert max(load.values()) <= math.ceil(1.25 * len(TARGETS) / members)


@pytest.mark.parametrize("dead", MEMBERS)
def test_the_end_of_a_member_moves_its_targets_and_few_others(dead: str) -> None:
    before = assign(TARGETS, MEMBERS)
    after = assign(TARGETS, [member for member in MEMBERS if member != dead])

    others = [target for target in TARGETS if before[target] != dead]
    moved = [target for target in others if after[target] != before[target]]
    assert dead not in after.values()
    assert len(moved) <= len(TARGETS) / 10


def test_without_members_nothing_is_assigned() -> None:
    assert assign(TARGETS, []) == {}
    assert assign([], MEMBERS) == {}
