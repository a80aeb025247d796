"""The deletes on all targets of a daemon count for an hour."""

from dataclasses import replace
from itertools import count

import pytest
from builders import SYNC, desired, plan, present
from clocks import Clock

from reconciler import limits
from reconciler.core.errors import TargetError
from reconciler.core.planning.guards import HourlyDeletes
from reconciler.core.planning.plan import Plan
from reconciler.daemon.delete_budget import DeleteBudget, count_deletes


def test_deletes_count_for_an_hour() -> None:
    clock = Clock()
    budget = DeleteBudget(clock)
    assert budget.reserve(3, 9)
    budget.settle(3, 2)
    assert budget.count() == 2
    clock.now = limits.DELETE_BUDGET_SECONDS / 2
    assert budget.reserve(1, 9)
    budget.settle(1, 1)
    clock.now = limits.DELETE_BUDGET_SECONDS
    assert budget.count() == 1


def test_plans_of_two_targets_do_not_spend_the_same_budget() -> None:
    budget = DeleteBudget(Clock())
    assert budget.reserve(2, 3)
    assert budget.count() == 2
    assert not budget.reserve(2, 3), "it was planned before the other one was known"
    assert budget.reserve(0, 2), "a plan without deletes needs none"
    assert budget.reserve(1, 3)
    budget.settle(2, 0)
    assert budget.count() == 1


def plan_of(hour: HourlyDeletes) -> Plan:
    """Return the plan of a target with two deletes, which the guard of an hour may withhold."""
    guards = replace(SYNC, max_deletes=9, hourly_deletes=hour)
    return plan(desired("a"), present("a"), present("b"), present("c"), guards=guards)


def test_a_target_is_planned_again_if_another_one_took_its_deletes() -> None:
    budget = DeleteBudget(Clock())
    counted: list[int] = []

    def propose(hour: HourlyDeletes) -> Plan:
        if not counted:
            budget.reserve(2, 3)
        counted.append(hour.made)
        return plan_of(hour)

    assert count_deletes(budget.plan(propose, 3)) == 0, "withheld"
    assert counted == [0, 2]
    assert budget.count() == 2
    budget.settle(2, 0)
    assert count_deletes(budget.plan(plan_of, 3)) == budget.count() == 2


def test_a_target_whose_deletes_others_take_again_and_again_waits_for_its_next_cycle() -> None:
    # The clock advances so far that deletes are forgotten at the second count after them.
    budget = DeleteBudget(count(0.0, 0.6 * limits.DELETE_BUDGET_SECONDS).__next__)
    plans: list[Plan] = []

    def propose(hour: HourlyDeletes) -> Plan:
        plans.append(plan_of(hour))
        budget.settle(0, 2)
        return plans[-1]

    with pytest.raises(TargetError, match="the next cycle plans again"):
        budget.plan(propose, 3)
    assert [count_deletes(made) for made in plans] == [2] * limits.MAX_PLANS_PER_CYCLE
    assert budget.count() == 0, "none is reserved"
