"""The deletes on all targets of a daemon count for an hour."""

from reconciler import limits
from reconciler.daemon.delete_budget import DeleteBudget


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_deletes_count_for_an_hour() -> None:
    clock = Clock()
    budget = DeleteBudget(clock)
    assert budget.reserve(3, budget.count())
    budget.settle(3, 2)
    assert budget.count() == 2
    clock.now = limits.DELETE_BUDGET_SECONDS / 2
    assert budget.reserve(1, 2)
    budget.settle(1, 1)
    clock.now = limits.DELETE_BUDGET_SECONDS
    assert budget.count() == 1


def test_plans_of_two_targets_do_not_spend_the_same_budget() -> None:
    budget = DeleteBudget(Clock())
    first = second = budget.count()
    assert budget.reserve(2, first)
    assert budget.count() == 2
    assert not budget.reserve(1, second), "it was planned before the other one was known"
    assert budget.reserve(0, second), "a plan without deletes needs none"
    assert budget.reserve(1, budget.count())
    budget.settle(2, 0)
    assert budget.count() == 1
