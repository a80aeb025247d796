"""The guards only ever take away, and say why."""

from fractions import Fraction

import pytest
from builders import SYNC, desired, egress, plan, present
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.changes import Create, Delete, ReasonCode, Update
from reconciler.core.planning.guards import GuardSettings, HourlyDeletes, Limit, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import Unlisted, Unreadable

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")


def everything(guards: GuardSettings) -> Plan:
    """A world in which there is one of each to do."""
    return plan(
        desired("new", DROP),
        desired("moved", DROP),
        present("moved", ALLOW),
        present("gone", DROP),
        guards=guards,
    )


@pytest.mark.parametrize(
    ("policy", "allowed"),
    [
        (Policy.OBSERVE, set()),
        (Policy.CREATE_ONLY, {Create}),
        (Policy.UPSERT_ONLY, {Create, Update}),
        (Policy.SYNC, {Create, Update, Delete}),
    ],
)
def test_each_policy_allows_what_it_says(policy: Policy, allowed: set[type]) -> None:
    made = everything(GuardSettings(policy=policy))
    assert {type(change) for change in made.changes} == allowed
    assert len(made.changes) + len(made.withheld) == 3
    assert all(withheld.change is not None for withheld in made.withheld)


def test_a_leftover_is_an_orphan_where_nothing_may_be_deleted() -> None:
    (withheld,) = everything(GuardSettings()).withheld
    assert withheld.reason_code is ReasonCode.ORPHAN
    assert "upsert-only" in withheld.reason


UNLISTED = Unlisted("virtual-node", present("kept").key, "403")


def deletes(made: Plan) -> int:
    return sum(isinstance(change, Delete) for change in made.changes)


@given(st.integers(1, 200), st.integers(0, 200))
def test_s02_over_the_limit_not_one_is_deleted(leftovers: int, limit: int) -> None:
    items = [present(f"old-{number}", DROP) for number in range(leftovers)]
    restraint = GuardSettings(policy=Policy.SYNC, max_deletes=limit)
    made = plan(desired("kept", DROP), *items, guards=restraint)
    assert deletes(made) == (leftovers if leftovers <= limit else 0)


@pytest.mark.parametrize("fleet", [1, 2, 9])
def test_s01_s03_an_empty_source_deletes_nothing_however_small_the_fleet(fleet: int) -> None:
    items = [present(f"old-{number}", DROP) for number in range(fleet)]
    made = plan(*items, guards=GuardSettings(policy=Policy.SYNC, max_deletes=99))
    assert made.changes == ()
    assert {withheld.reason_code for withheld in made.withheld} == {ReasonCode.GUARD}
    meant = GuardSettings(policy=Policy.SYNC, max_deletes=99, allow_empty=True)
    assert deletes(plan(*items, guards=meant)) == fleet


def test_a_part_of_the_source_deletes_nothing_and_says_so() -> None:
    made = everything(GuardSettings(policy=Policy.SYNC, incomplete_reason="--only was given"))
    assert deletes(made) == 0
    assert "--only was given" in made.withheld[0].reason


@pytest.mark.parametrize(
    ("guards", "options"),
    [
        (GuardSettings(Policy.SYNC, max_deletes=1), "--allow-empty --max-deletes 3"),
        (GuardSettings(Policy.SYNC, max_deletes=3), "--allow-empty"),
        (GuardSettings(Policy.SYNC, max_deletes=1, allow_empty=True), "--max-deletes 3"),
        (GuardSettings(max_deletes=3, allow_empty=True), "--policy sync to delete it"),
        (
            GuardSettings(),
            (
                "--policy sync to delete it; with it, no manifest was found and 3 deletes exceed"
                " --max-deletes 1, so nothing is deleted: pass --allow-empty --max-deletes 3"
            ),
        ),
        (
            GuardSettings(incomplete_reason="shop is only a part"),
            "--policy sync to delete it; with it, nothing is deleted because shop is only a part",
        ),
        (
            GuardSettings(Policy.SYNC, max_deletes=1, rewind_reason="the commit is older"),
            "--allow-empty --max-deletes 3 --allow-rewind",
        ),
        (
            GuardSettings(Policy.SYNC, max_deletes=3, allow_empty=True, rewind_reason="older"),
            "--allow-rewind",
        ),
    ],
)
def test_what_is_withheld_names_every_option_that_lets_it_pass(
    guards: GuardSettings, options: str
) -> None:
    items = [present(name, DROP) for name in "abc"]
    assert {
        withheld.reason.partition(": pass ")[2] for withheld in plan(*items, guards=guards).withheld
    } == {options}
    allowed = GuardSettings(Policy.SYNC, max_deletes=3, allow_empty=True)
    assert deletes(plan(*items, guards=allowed)) == 3


@pytest.mark.parametrize(
    ("policy", "command", "enough"),
    [
        (Policy.OBSERVE, "create", Policy.CREATE_ONLY),
        (Policy.OBSERVE, "update", Policy.UPSERT_ONLY),
        (Policy.CREATE_ONLY, "update", Policy.UPSERT_ONLY),
    ],
)
def test_what_a_policy_withholds_names_the_least_policy_that_allows_it(
    policy: Policy, command: str, enough: Policy
) -> None:
    made = everything(GuardSettings(policy))
    wanted = f"policy {policy} does not allow this {command}: pass --policy {enough}"
    assert wanted in [withheld.reason for withheld in made.withheld]
    assert wanted not in [
        withheld.reason for withheld in everything(GuardSettings(enough)).withheld
    ]


def test_an_incomplete_look_deletes_nothing() -> None:
    blind = present("blind")
    for made in (
        plan(desired("kept"), present("old"), Unreadable(blind.key, "500"), guards=SYNC),
        plan(desired("kept"), present("old"), guards=SYNC, gaps=(UNLISTED,)),
    ):
        assert deletes(made) == 0
        assert any("could not be " in withheld.reason for withheld in made.withheld)


def test_over_the_limit_not_one_is_updated() -> None:
    items = [
        item
        for number in range(4)
        for item in (desired(f"m{number}", DROP), present(f"m{number}", ALLOW))
    ]
    allowed = plan(*items, guards=GuardSettings(max_updates=Limit(4)))
    assert len(allowed.changes) == 4
    refused = plan(*items, desired("new", DROP), guards=GuardSettings(max_updates=Limit(3)))
    assert [type(change) for change in refused.changes] == [Create]
    assert {withheld.reason_code for withheld in refused.withheld} == {ReasonCode.GUARD}
    assert all(withheld.reason.endswith("pass --max-updates 4") for withheld in refused.withheld)


@pytest.mark.parametrize(
    ("limit", "owned", "allowed"),
    [
        (Limit(), 10, None),
        (Limit(0), 10, 0),
        (Limit(share=Fraction(3, 10)), 10, 3),
        (Limit(share=Fraction(3, 10), floor=3), 4, 3),
        (Limit(share=Fraction(3, 10)), 3, 0),
    ],
)
def test_a_limit_is_a_number_or_a_share(limit: Limit, owned: int, allowed: int | None) -> None:
    assert limit.allowed(owned) == allowed


@pytest.mark.parametrize(("made", "deleted"), [(8, 2), (9, 0)])
def test_deletes_of_the_last_hour_on_all_targets_count(made: int, deleted: int) -> None:
    guards = GuardSettings(
        policy=Policy.SYNC, max_deletes=2, hourly_deletes=HourlyDeletes(made, limit=10)
    )
    planned = plan(desired("a", DROP), present("b", DROP), present("c", DROP), guards=guards)
    assert deletes(planned) == deleted
    reason = (
        "9 deletes on all targets in the last hour, and 2 here, exceed --max-deletes-per-hour 10,"
        " so nothing is deleted: pass --max-deletes-per-hour 11"
    )
    assert {item.reason for item in planned.withheld} == (set() if deleted else {reason})
