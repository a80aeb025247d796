"""What is left undone comes with what to do about it; what is done needs no advice."""

from builders import desired, key, plan, present

from reconciler.core.report import Applied, Failed, Report, Skipped, Stale
from reconciler.core.resources import Unlisted
from reconciler.render.next_steps import render_next_steps


def test_each_kind_of_thing_left_undone_has_its_line() -> None:
    theirs = (desired("theirs"), present("theirs", owner="somebody"))
    hidden = (Unlisted("route", key("virtual-router/m/r"), "403"),)
    made = plan(*(desired(name) for name in "abcde"), *theirs, present("orphan"), gaps=hidden)
    done, failed, stale, skipped, again = made.changes
    outcomes = (
        Applied(done),
        Failed(failed, "no"),
        Stale(stale, "moved"),
        Skipped(skipped, "interrupted"),
        Skipped(again, "interrupted"),
    )
    lines = render_next_steps(Report(made, outcomes)).splitlines()
    assert [line.partition(":")[0] for line in lines] == [
        "1 failed", "1 stale", "2 skipped", "2 withheld", "1 list could not be read",
    ]  # fmt: skip
    assert "run plan again" in lines[1]


def test_nothing_is_advised_where_all_is_done() -> None:
    made = plan(desired("a"), present("orphan"))
    assert render_next_steps(Report(made, tuple(map(Applied, made.changes)))) == ""
