"""Exit codes: what each outcome counts for, and which counts first."""

import itertools

import pytest
from builders import desired, egress, plan, present

from reconciler.core.changes import ReasonCode, Withheld
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import (
    PRECEDENCE,
    REASON_EXIT_CODES,
    Applied,
    Failed,
    Outcome,
    Report,
    Skipped,
    Stale,
    exit_code,
    plan_exit_code,
)
from reconciler.core.resources import Unlisted

EMPTY = plan()
CHANGE = plan(desired("a")).changes[0]


def with_withheld(*reasons: ReasonCode) -> Plan:
    withheld = tuple(Withheld(CHANGE.key, "because", reason) for reason in reasons)
    return Plan(EMPTY.target, EMPTY.owner, (), (), withheld)


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        ([], ExitCode.OK),
        ([Applied(CHANGE)], ExitCode.OK),
        ([Failed(CHANGE, "")], ExitCode.ERROR),
        ([Applied(CHANGE), Failed(CHANGE, "")], ExitCode.PARTIAL),
        ([Stale(CHANGE, "")], ExitCode.STALE),
        ([Applied(CHANGE), Stale(CHANGE, "")], ExitCode.STALE),
        ([Failed(CHANGE, ""), Stale(CHANGE, "")], ExitCode.ERROR),
        ([Applied(CHANGE), Failed(CHANGE, ""), Stale(CHANGE, "")], ExitCode.PARTIAL),
    ],
)
def test_outcomes_add_up_to_a_code(outcomes: list[Outcome], code: ExitCode) -> None:
    assert exit_code(Report(EMPTY, tuple(outcomes))) is code


@pytest.mark.parametrize("reason", ReasonCode)
def test_every_reason_has_a_code(reason: ReasonCode) -> None:
    assert exit_code(Report(with_withheld(reason), ())) is REASON_EXIT_CODES[reason]


def test_the_first_of_the_precedence_counts() -> None:
    for first, second in itertools.combinations(ReasonCode, 2):
        codes = {REASON_EXIT_CODES[first], REASON_EXIT_CODES[second]}
        wanted = next((code for code in PRECEDENCE if code in codes), ExitCode.OK)
        assert plan_exit_code(with_withheld(first, second), detailed=False) is wanted


def test_pending_changes_count_only_where_asked() -> None:
    made = plan(desired("a", egress("DROP_ALL")), present("b"))
    assert plan_exit_code(made, detailed=False) is ExitCode.OK
    assert plan_exit_code(made, detailed=True) is ExitCode.PENDING
    assert plan_exit_code(with_withheld(ReasonCode.POLICY), detailed=True) is ExitCode.PENDING
    assert plan_exit_code(with_withheld(ReasonCode.ORPHAN), detailed=True) is ExitCode.OK
    assert plan_exit_code(EMPTY, detailed=True) is ExitCode.OK


def test_converged_means_that_nothing_is_left_to_do() -> None:
    assert Report(EMPTY, (Applied(CHANGE),)).converged
    assert not Report(EMPTY, (Skipped(CHANGE, "interrupted"),)).converged
    assert not Report(EMPTY, (Failed(CHANGE, "no"),)).converged


def test_a_list_that_could_not_be_read_is_an_error_and_no_convergence() -> None:
    made = plan(gaps=(Unlisted("virtual-node", CHANGE.key, "403"),))
    assert plan_exit_code(made, detailed=True) is ExitCode.ERROR
    assert exit_code(Report(made, (Applied(CHANGE),))) is ExitCode.ERROR
    assert not Report(made, ()).converged
