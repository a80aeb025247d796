"""Equal outcomes are folded, and no failure, delete or stale change is."""

from builders import desired, plan, present

from reconciler import limits
from reconciler.core.changes import Change
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.report import Applied, Failed, Skipped, Stale
from reconciler.render.outcome_lines import outcome_lines

SHOWN = limits.MAX_KEYS_LISTED


def creates(number: int) -> list[Change]:
    return [*plan(*(desired(f"m{at:04}") for at in range(number))).changes]


def test_a_thousand_creates_are_a_few_lines() -> None:
    lines = outcome_lines(map(Applied, creates(1_000)), color=False).splitlines()
    assert lines == [
        *(f"mesh/m{at:04}: created" for at in range(SHOWN)),
        f"and {1_000 - SHOWN} more of kind mesh: created",
    ]


def test_outcomes_that_are_all_listed_have_no_line_for_the_rest() -> None:
    lines = outcome_lines(map(Applied, creates(SHOWN)), color=False).splitlines()
    assert len(lines) == SHOWN
    assert "more" not in lines[-1]


def test_kinds_and_operations_are_folded_apart() -> None:
    made = plan(*(desired(f"virtual-router/m/r{at}") for at in range(9)), desired("m"))
    lines = outcome_lines(map(Applied, made.changes), color=False).splitlines()
    assert "mesh/m: created" in lines
    assert lines[-1] == f"and {9 - SHOWN} more of kind virtual-router: created"


def test_each_failure_is_listed_between_the_others() -> None:
    changes = creates(1_000)
    outcomes = [
        (Failed(it, "denied") if at % 10 == 0 else Stale(it, "changed") if at % 10 == 1 else
         Applied(it))
        for at, it in enumerate(changes)
    ]  # fmt: skip
    text = outcome_lines(outcomes, color=False)
    assert text.count("create failed: denied\n") == 100
    assert text.count("create stale: changed\n") == 100
    assert len(text.splitlines()) == 200 + SHOWN + 1


def test_each_delete_is_listed() -> None:
    guards = GuardSettings(policy=Policy.SYNC, max_deletes=99)
    made = plan(*(present(f"m{at}") for at in range(20)), desired("kept"), guards=guards)
    deletes = [it for it in made.changes if it.key.name != "kept"]
    assert outcome_lines(map(Applied, deletes), color=False).count(": deleted\n") == 20


def test_changes_that_were_skipped_for_one_reason_are_folded() -> None:
    changes = creates(20)
    outcomes = [Skipped(it, "stopped" if at < 10 else "blocked") for at, it in enumerate(changes)]
    lines = outcome_lines(outcomes, color=True).splitlines()
    assert len(lines) == 2 * (SHOWN + 1)
    assert [line for line in lines if "more of kind" in line] == [
        f"\x1b[33mand {10 - SHOWN} more of kind mesh: create skipped\x1b[0m: {reason}"
        for reason in ("stopped", "blocked")
    ]
