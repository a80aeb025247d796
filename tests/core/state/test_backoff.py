"""What failed is left alone for longer and longer, for itself, until it is another difference."""

from builders import desired, egress, mesh, plan, present

from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Outcome, Report
from reconciler.core.state.backoff import Backoff
from reconciler.core.state.schedule import Schedule

MINUTELY = Schedule(60)
WHY = "a quota is used up"


def cycle(backoff: Backoff, made: Plan, now: float, *, fails: bool = True) -> Backoff:
    waiting = backoff.waiting(made, now)
    tried: dict[object, Outcome] = {
        change.key: Failed(change, WHY) if fails else Applied(change) for change in made.changes
    }
    outcomes = tuple((tried | waiting)[change.key] for change in made.changes)
    return backoff.record(Report(made, outcomes), waiting, now, MINUTELY)


def attempts_of(*times: float) -> list[float]:
    """Return at which of ``times`` a create is tried that always fails."""
    backoff, tried = Backoff(), []
    for now in times:
        if not backoff.waiting(plan(desired("a")), now):
            tried.append(now)
        backoff = cycle(backoff, plan(desired("a")), now)
    return tried


def test_attempts_come_after_one_two_four_intervals_and_then_every_five_minutes() -> None:
    seconds = attempts_of(*range(0, 2_000, 10))
    assert seconds == [0, 60, 180, 420, 720, 1020, 1320, 1620, 1920]


def test_what_waits_is_told_with_the_reason_of_the_last_attempt() -> None:
    backoff = cycle(Backoff(), plan(desired("a")), 0)
    (result,) = backoff.waiting(plan(desired("a"), desired("b")), 59).values()
    assert (result.change.key, result.reason) == (mesh("a"), WHY)


def test_another_difference_does_not_wait() -> None:
    backoff = cycle(Backoff(), plan(desired("a"), present("a", egress("DROP_ALL"))), 0)
    corrected = plan(desired("a", egress("ALLOW_ALL")), present("a", egress("DROP_ALL")))
    assert backoff.waiting(corrected, 1) == {}
    assert cycle(backoff, corrected, 1).failures[mesh("a")].attempts == 1


def test_success_and_peace_are_forgotten_failures() -> None:
    failed = cycle(Backoff(), plan(desired("a")), 0)
    assert cycle(failed, plan(desired("a")), 60, fails=False) == Backoff()
    assert cycle(failed, plan(), 60) == Backoff()


def test_p17_one_that_fails_keeps_no_other_one_waiting() -> None:
    backoff = cycle(Backoff(), plan(desired("a")), 0)
    assert set(backoff.waiting(plan(desired("a"), desired("b")), 1)) == {mesh("a")}
