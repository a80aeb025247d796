"""Members with different tables [rollout] are found and named."""

from dataclasses import replace

import pytest

from reconciler.core.fleet.fleet_record import Member
from reconciler.core.fleet.member_rules import have_same_rules, rules_difference
from reconciler.core.fleet.rollout import Progress, RolloutRules

RULES = RolloutRules((("dev",), ("prod",)), 60.0, frozenset({Progress.FAILED}), 9)
OTHERS = {
    "b has another [rollout] (waves)": replace(RULES, waves=(("prod",), ("dev",))),
    "b has another [rollout] (soak, max_unavailable)": replace(
        RULES, soak_seconds=0, max_unavailable=1
    ),
    "b has another [rollout] (stop_on)": replace(RULES, stop_on=frozenset(Progress)),
    "b has no [rollout]": None,
}


def member(rules: RolloutRules | None) -> Member:
    return Member(rollout=rules.summary if rules else {})


@pytest.mark.parametrize(("message", "rules"), OTHERS.items())
def test_the_member_and_the_difference_are_named(message: str, rules: RolloutRules | None) -> None:
    members = {"a": member(RULES), "b": member(rules)}
    assert rules_difference(members, "a") == message
    assert not have_same_rules(members)


def test_a_member_without_the_table_names_one_that_has_it() -> None:
    members = {"a": member(RULES), "b": member(None)}
    assert rules_difference(members, "b") == "a has a [rollout], and this daemon has none"


@pytest.mark.parametrize("rules", [RULES, None])
def test_members_with_the_same_table_agree(rules: RolloutRules | None) -> None:
    members = {"a": member(rules), "b": member(rules)}
    assert rules_difference(members, "a") == ""
    assert have_same_rules(members)
    assert rules_difference({}, "a") == ""
    assert have_same_rules({})
