"""A difference that comes back after every repair is left alone, and told."""

import pytest
from builders import desired, egress, mesh, plan, present

from reconciler import limits
from reconciler.core.changes import ReasonCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Report
from reconciler.core.resources import Spec
from reconciler.core.state.repair_loops import RepairLoops

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")


def fought_over(live: Spec = ALLOW, applied: Spec = DROP) -> Plan:
    """The plan for a mesh that somebody else has set to ``live`` again."""
    return plan(desired("a", DROP), present("a", live, applied=desired("a", applied)))


def cycle(contests: RepairLoops, made: Plan) -> tuple[RepairLoops, Plan]:
    """Return what is known after carrying out what is left of ``made``, and that."""
    left = contests.withhold(made)
    return contests.record(Report(left, tuple(map(Applied, left.changes)))), left


def after_repairs(count: int, made: Plan) -> RepairLoops:
    contests = RepairLoops()
    for _ in range(count):
        contests, left = cycle(contests, made)
        assert left == made
    return contests


def test_a38_the_same_difference_after_three_repairs_is_left_alone() -> None:
    contests = after_repairs(limits.MAX_REPAIRS, fought_over())
    for _ in range(5):
        contests, left = cycle(contests, fought_over())
        assert left.changes == ()
        (withheld,) = left.withheld
        assert withheld.reason_code is ReasonCode.REPAIR_LOOP
        assert withheld.change == fought_over().changes[0]


@pytest.mark.parametrize(
    ("applied", "words"), [(DROP, "a controller"), (ALLOW, "another reconciler")]
)
def test_p14_it_says_who_the_other_may_be(applied: Spec, words: str) -> None:
    made = fought_over(applied=applied)
    withheld = after_repairs(limits.MAX_REPAIRS, made).withhold(made).withheld[0]
    assert words in withheld.reason


def test_another_difference_is_repaired_again() -> None:
    contests = after_repairs(limits.MAX_REPAIRS, fought_over())
    other = fought_over(live={"serviceDiscovery": {"ipPreference": "IPv4_ONLY"}})
    assert contests.withhold(other) == other


def test_one_cycle_of_peace_ends_a_contest() -> None:
    contests = after_repairs(limits.MAX_REPAIRS, fought_over())
    contests, _ = cycle(contests, plan(desired("a", DROP), present("a", DROP)))
    assert contests.withhold(fought_over()) == fought_over()


def test_what_failed_is_tried_again_without_end() -> None:
    contests, made = RepairLoops(), fought_over()
    for _ in range(9):
        contests = contests.record(Report(made, (Failed(made.changes[0], "500"),)))
    assert contests.withhold(made) == made


def test_others_go_on() -> None:
    contests = after_repairs(limits.MAX_REPAIRS, fought_over())
    both = plan(
        desired("a", DROP),
        present("a", ALLOW, applied=desired("a", DROP)),
        desired("b", DROP),
        present("x", owner="somebody"),
        desired("x"),
    )
    left = contests.withhold(both)
    assert [change.key for change in left.changes] == [mesh("b")]
    assert [withheld.key for withheld in left.withheld] == [mesh("a"), mesh("x")]
