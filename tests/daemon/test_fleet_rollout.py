"""The rollout of a daemon between its heartbeats."""

import logging
import math
from dataclasses import replace
from threading import Thread

import pytest
from builders import desired, egress, key, plan, present
from clocks import Clock
from locks.conftest import MemoryStore

from reconciler import limits
from reconciler.core.changes import Cause
from reconciler.core.exit_codes import ExitCode
from reconciler.core.fleet.fleet_record import FleetRecord, Member
from reconciler.core.fleet.rollout import Progress, RolloutRules, TargetReport, start
from reconciler.core.fleet.rollout_news import RolloutCommand
from reconciler.core.report import Applied, Report
from reconciler.core.resources import TargetId
from reconciler.core.state.daemon_status import DaemonStatus, ResourceStatus, State
from reconciler.daemon.fleet_rollout import FleetRollout, progress_of
from reconciler.locks.membership import Membership

RULES = RolloutRules((("dev",), ("prod",)), 0.0, frozenset({Progress.FAILED}), 9)
SYNCED = TargetReport("b", Progress.IN_SYNC)


def beat(rollout: FleetRollout, record: FleetRecord) -> FleetRecord:
    after = rollout.change(record, 0.0)
    rollout.observe(after)
    return after


def test_no_target_takes_anything_before_the_first_heartbeat() -> None:
    rollout = FleetRollout(RULES, "me", Clock())
    rollout.record_newest("dev", "a")
    assert not rollout.may_take("dev", "a")
    assert rollout.taken_by("dev") is None
    assert "not known yet" in rollout.waits_for("dev")
    beat(rollout, FleetRecord())
    assert rollout.may_take("dev", "a")
    assert not rollout.may_take("prod", "a")
    assert rollout.waits_for("prod") == "wave 2 waits for dev to be in sync"


def test_news_are_told_until_a_heartbeat_has_stored_them() -> None:
    rollout = FleetRollout(RULES, "me", Clock())
    rollout.record_newest("dev", "b")
    rollout.report("dev", SYNCED)
    rollout.report("dev", SYNCED)
    assert rollout.taken_by("dev") is None, "not yet"
    lost = rollout.change(FleetRecord(), 0.0)
    assert lost.rollout == replace(start("b"), wave=1)
    stored = beat(rollout, FleetRecord())
    assert stored == lost
    assert rollout.taken_by("dev") == "b"
    rollout.report("dev", SYNCED)
    assert rollout.change(FleetRecord(rollout=start("b")), 0.0).reports == {}, "told once"
    assert rollout.status().wave == 2


def test_no_target_takes_anything_while_the_record_cannot_be_read() -> None:
    clock = Clock()
    rollout = FleetRollout(RULES, "me", clock, term_seconds=5.0)
    rollout.record_newest("dev", "b")
    record = beat(rollout, FleetRecord())
    clock.now = 5.0
    assert rollout.may_take("dev", "b")
    clock.now = 6.0
    assert not rollout.may_take("dev", "b"), "the rollout may have been stopped"
    assert rollout.waits_for("dev") == "the state of the rollout cannot be read"
    rollout.take("dev", "b")
    assert beat(rollout, record).reports == {}, "it was not asked for"
    assert rollout.may_take("dev", "b")
    rollout.report("dev", SYNCED)
    beat(rollout, record)
    clock.now = 12.0
    assert rollout.may_take("dev", "b"), "it has it"


def test_a_target_takes_a_revision_when_it_is_stored() -> None:
    rollout = FleetRollout(RULES, "me", Clock())
    rollout.record_newest("dev", "b")
    record = beat(rollout, FleetRecord())
    rollout.take("prod", "b")
    rollout.take("dev", "b")
    assert rollout.taken_by("dev") is None
    lost = rollout.change(record, 0.0)
    assert lost.reports == {"dev": TargetReport("b", Progress.CHANGING)}, "prod may not take it"
    assert rollout.taken_by("dev") is None, "another process has stored something else"
    record = beat(rollout, record)
    assert record == lost
    assert rollout.taken_by("dev") == "b"


def test_the_end_of_a_cycle_with_an_earlier_revision_is_late() -> None:
    rollout = FleetRollout(RULES, "me", Clock())
    rollout.record_newest("dev", "b")
    earlier = TargetReport("a", Progress.IN_SYNC)
    record = beat(rollout, FleetRecord(reports={"dev": TargetReport("a", Progress.DRIFT)}))
    rollout.take("dev", "b")
    stored = rollout.change(record, 0.0)
    rollout.report("dev", earlier)
    rollout.observe(stored)
    assert beat(rollout, stored).reports == {"dev": TargetReport("b", Progress.CHANGING)}
    rollout.report("dev", earlier, is_held=True)
    held = beat(rollout, stored)
    assert held.reports == {"dev": earlier}, "a person holds it there"
    rollout.report("dev", SYNCED)
    assert beat(rollout, held).reports == {"dev": earlier}, "and released it"


def test_members_with_another_table_let_no_target_take_a_revision() -> None:
    rollout = FleetRollout(RULES, "me", Clock())
    rollout.record_newest("dev", "b")
    other = replace(RULES, soak_seconds=9.0)
    me, you = Member(rollout=RULES.summary), Member(rollout=other.summary)
    record = beat(rollout, FleetRecord({"me": me, "you": you}))
    assert not rollout.may_take("dev", "b")
    assert rollout.waits_for("dev") == (
        "wave 1 waits until all daemons have the same [rollout]: you has another [rollout] (soak)"
    )
    assert "waits until all daemons have" in rollout.status().waits_for
    held = beat(rollout, replace(record, rollout=start("b").hold()))
    assert held.rollout == start("b").hold()
    assert rollout.status().waits_for == "is held; run reconciler rollout resume"
    rollout.request(RolloutCommand.RESUME, 0.0)
    beat(rollout, replace(record, members={"me": me, "you": me}))
    assert rollout.may_take("dev", "b")


def test_each_step_of_a_rollout_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    rollout = FleetRollout(RULES, "me", Clock())
    begun = start("b" * 20)
    for step in (
        begun,
        replace(begun, wave=1),
        replace(begun, wave=1, soaked_seconds=1.0),
        replace(begun, wave=1).hold(),
        replace(begun, wave=1),
        replace(begun, wave=1, stopped_by="dev (failed)"),
        replace(begun, wave=2),
    ):
        rollout.observe(FleetRecord(rollout=step))
    rollout.observe(FleetRecord())
    assert caplog.messages == [
        "wave 1 of 2 takes revision bbbbbbbbbbbb",
        "wave 2 of 2 takes revision bbbbbbbbbbbb",
        "the rollout of bbbbbbbbbbbb is held",
        "wave 2 of 2 takes revision bbbbbbbbbbbb",
        "the rollout of bbbbbbbbbbbb is stopped by dev (failed)",
        "all waves have revision bbbbbbbbbbbb",
    ]


def test_a_store_that_was_lost_gets_the_hold_back(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "reconciler.run")
    rollout = FleetRollout(RULES, "me", Clock())
    rollout.record_newest("dev", "b")
    known = replace(start("b"), wave=1, soaked_seconds=9.0, is_held=True)
    known_reports = {"dev": SYNCED, "prod": TargetReport("a", Progress.IN_SYNC)}
    beat(rollout, FleetRecord(reports=known_reports, rollout=known))
    assert caplog.messages == []
    after = rollout.change(FleetRecord({"me": Member()}), 5.0)
    assert caplog.messages == [], "another process may win"
    assert after.rollout == replace(known, soaked_seconds=0.0)
    assert after.reports == known_reports
    rollout.observe(after)
    assert "the store had lost the state of the rollout" in caplog.text
    assert not rollout.may_take("prod", "b"), "held"
    caplog.clear()
    beat(rollout, after)
    assert caplog.messages == []


@pytest.mark.parametrize("is_held", [False, True])
def test_a_daemon_that_starts_after_the_loss_and_writes_first_ends_no_hold(
    *, is_held: bool
) -> None:
    store = MemoryStore()
    first, second = (FleetRollout(RULES, name, Clock()) for name in ("first", "second"))
    members = {it: Membership(store, it, 9.0, Clock()) for it in ("first", "second")}

    def send(name: str, rollout: FleetRollout) -> FleetRecord:
        members[name].beat(rollout.change)
        rollout.observe(members[name].record)
        return members[name].record

    first.record_newest("dev", "b")
    send("first", first)
    if is_held:
        first.request(RolloutCommand.HOLD, 0.0)
    for _ in range(9):
        send("first", first)
    store.text = None
    second.record_newest("dev", "b")
    send("second", second)
    if not is_held:
        second.request(RolloutCommand.HOLD, 0.0)
        send("second", second)
    for name, rollout in {"first": first, "second": second}.items():
        assert send(name, rollout).rollout == start("b").hold()


def test_a_lost_soak_begins_again_without_the_time_of_the_loss() -> None:
    rules = replace(RULES, soak_seconds=60.0)
    rollout = FleetRollout(rules, "me", Clock())
    rollout.record_newest("dev", "b")
    beat(
        rollout,
        FleetRecord(reports={"dev": SYNCED}, rollout=replace(start("b"), soaked_seconds=50.0)),
    )
    after = rollout.change(FleetRecord(), 30.0).rollout
    assert after is not None
    assert (after.wave, after.soaked_seconds) == (0, 0.0)


def test_targets_that_fetch_late_bring_no_revision_back() -> None:
    rollout = FleetRollout(RULES, "me", Clock())
    record = FleetRecord()
    for target, revision in [("dev", "a"), ("prod", "a"), ("dev", "b"), ("prod", "a")]:
        rollout.record_newest(target, revision)
        record = beat(rollout, record)
    assert record.rollout == start("b", ("a",))
    rollout.record_newest("prod", "b")
    rollout.record_newest("dev", "a")
    assert beat(rollout, record).rollout == start("a", ("b",)), "the branch was set back"


@pytest.mark.parametrize(
    ("members", "timekeeper", "seconds", "revision"),
    [
        ({}, "", 0.0, "a"),
        ({"other": Member()}, "me", 0.0, "b"),
        ({"other": Member()}, "me", limits.LATE_FETCH_SECONDS, "a"),
        ({"other": Member()}, "other", limits.LATE_FETCH_SECONDS, "b"),
    ],
)
def test_a_process_that_starts_brings_an_earlier_revision_back_if_it_is_sure(
    members: dict[str, Member], timekeeper: str, seconds: float, revision: str
) -> None:
    clock = Clock()
    rollout = FleetRollout(RULES, "me", clock)
    rollout.record_newest("dev", "a")
    clock.now = seconds
    rollout.record_newest("dev", "a")
    rolled = start("b", ("a",))
    before = FleetRecord({"me": Member(), **members}, rollout=rolled, timekeeper=timekeeper)
    after = beat(rollout, before).rollout
    assert after is not None
    assert after.revision == revision


def test_a_process_that_fetches_late_does_not_end_the_rollout_of_another() -> None:
    clock = Clock()
    rollout = FleetRollout(RULES, "me", clock)
    members = {"me": Member(), "other": Member()}
    rollout.record_newest("dev", "a")
    record = beat(rollout, FleetRecord(members, rollout=start("a"), timekeeper="me"))
    clock.now = 2 * limits.LATE_FETCH_SECONDS
    stopped = replace(start("b", ("a",)), stopped_by="prod (drift)")
    record = beat(rollout, replace(record, rollout=stopped))
    assert record.rollout == stopped
    alone = replace(record, members={"me": Member()})
    assert beat(rollout, alone).rollout == stopped, "the other may have ended after its fetch"
    clock.now += 2 * limits.LATE_FETCH_SECONDS
    rollout.record_newest("dev", "a", age_seconds=1.5 * limits.LATE_FETCH_SECONDS)
    assert beat(rollout, alone).rollout == stopped, "it could not fetch since"
    rollout.record_newest("dev", "a", age_seconds=limits.LATE_FETCH_SECONDS)
    after = beat(rollout, alone).rollout
    assert after is not None
    assert after.revision == "a", "the source was set back"


@pytest.mark.parametrize("seen", [("a",), ()], ids=["known", "forgotten"])
def test_a_process_that_never_fetched_ends_no_rollout(seen: tuple[str, ...]) -> None:
    rollout = FleetRollout(RULES, "me", Clock())
    rollout.record_newest("dev", "a", age_seconds=math.inf)
    rolled = start("b", seen)
    assert beat(rollout, FleetRecord({"me": Member()}, rollout=rolled)).rollout == rolled


def test_a_process_that_cannot_fetch_ends_no_rollout_after_many_others() -> None:
    rollout = FleetRollout(RULES, "me", Clock())
    rollout.record_newest("dev", "a")
    members = {"me": Member(), "other": Member()}
    record = beat(rollout, FleetRecord(members, timekeeper="other"))
    assert record.rollout == start("a")
    for number in range(limits.MAX_SEEN_REVISIONS + 1):
        later = record.rollout.follow(record.rollout.revision, f"b{number}")
        record = beat(rollout, replace(record, rollout=later))
        assert record.rollout == later, "the earlier revision is not news"


def test_a_command_waits_for_the_heartbeat_that_stores_it() -> None:
    rollout = FleetRollout(RULES, "me", Clock())
    assert not rollout.request(RolloutCommand.HOLD, 0.0)
    beat(rollout, FleetRecord())
    assert not rollout.request(RolloutCommand.HOLD, 0.0), "there is no rollout yet"
    answers: list[bool] = []
    thread = Thread(target=lambda: answers.append(rollout.request(RolloutCommand.RESUME, 60.0)))
    thread.start()
    record = FleetRecord(rollout=start("b"))
    while thread.is_alive():
        record = beat(rollout, record)
    assert answers == [True]
    assert record.rollout == start("b"), "held, then resumed"


def status(
    state: State | None, code: ExitCode = ExitCode.OK, error: str | None = None
) -> DaemonStatus:
    resources = () if state is None else (ResourceStatus(key("mesh/a"), state, 0.0),)
    made = DaemonStatus(TargetId("t", "u", None, "r"), "o", "sync", 0.0, 60.0)
    return replace(made, resources=resources, exit_code=code, error=error)


PROGRESS = {
    "in sync": (status(State.IN_SYNC), Progress.IN_SYNC),
    "suspended": (status(State.SUSPENDED), Progress.IN_SYNC),
    "nothing": (status(None), Progress.IN_SYNC),
    "a failure": (status(State.FAILED, ExitCode.ERROR), Progress.FAILED),
    "drift": (status(State.DRIFTED), Progress.DRIFT),
    "withheld": (status(State.WITHHELD, ExitCode.WITHHELD), Progress.WITHHELD),
    "unreadable": (status(State.IN_SYNC, ExitCode.ERROR, error="no answer"), Progress.CHANGING),
    "pending": (status(State.PENDING), Progress.CHANGING),
}


@pytest.mark.parametrize(("ended", "progress"), PROGRESS.values(), ids=PROGRESS)
def test_the_end_of_a_cycle_is_a_progress(ended: DaemonStatus, progress: Progress) -> None:
    assert progress_of(ended, None) is progress


@pytest.mark.parametrize(
    ("cause", "progress"), [(Cause.BOTH, Progress.DRIFT), (Cause.MANIFEST, Progress.IN_SYNC)]
)
def test_a_drift_counts_although_it_was_repaired(cause: Cause, progress: Progress) -> None:
    made = plan(desired("a", egress("ALLOW_ALL")), present("a", egress("DROP_ALL")))
    changes = tuple(replace(change, cause=cause) for change in made.changes)
    report = Report(replace(made, changes=changes), tuple(map(Applied, changes)))
    assert progress_of(status(State.IN_SYNC), report) is progress
