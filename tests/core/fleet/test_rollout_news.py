"""What a daemon tells of a rollout with its heartbeat."""

from dataclasses import replace

import pytest

from reconciler.core.fleet.fleet_record import FleetRecord, Member
from reconciler.core.fleet.rollout import Progress, RolloutRules, TargetReport, start
from reconciler.core.fleet.rollout_news import RolloutCommand, RolloutNews, apply_news
from reconciler.core.fleet.rollout_status import RolloutStatus, RolloutTarget, rollout_status

RULES = RolloutRules((("dev",), ("prod",)), 10.0, frozenset({Progress.DRIFT}), 9)
SYNCED = TargetReport("b", Progress.IN_SYNC)
DRIFTED = TargetReport("b", Progress.DRIFT)


def record(revision: str = "b") -> FleetRecord:
    return FleetRecord(rollout=start(revision))


def test_without_a_revision_only_reports_are_kept() -> None:
    told = apply_news(FleetRecord(), RULES, RolloutNews(reports=(("dev", SYNCED),)), 5.0)
    assert told == FleetRecord(reports={"dev": SYNCED})


def test_the_first_revision_begins_a_rollout_and_a_later_one_follows() -> None:
    first = apply_news(FleetRecord(), RULES, RolloutNews("a"), 0.0)
    assert first.rollout == start("a")
    second = apply_news(first, RULES, RolloutNews("b", "a"), 0.0)
    assert second.rollout == start("b", ("a",))
    late = apply_news(second, RULES, RolloutNews("a"), 0.0)
    assert late == second


def test_a_drift_that_was_repaired_before_the_heartbeat_stops_too() -> None:
    news = RolloutNews(reports=(("dev", DRIFTED), ("dev", SYNCED)))
    told = apply_news(record(), RULES, news, 20.0)
    assert told.rollout == replace(start("b"), stopped_by="dev (drift)")
    assert told.reports == {"dev": SYNCED}


def test_time_counts_if_no_target_left_sync_in_it() -> None:
    synced = apply_news(record(), RULES, RolloutNews(reports=(("dev", SYNCED),)), 4.0)
    assert synced.rollout == replace(start("b"), soaked_seconds=4.0)
    changing = TargetReport("b", Progress.CHANGING)
    news = RolloutNews(reports=(("dev", changing), ("dev", SYNCED)))
    assert apply_news(synced, RULES, news, 9.0).rollout == start("b")
    assert apply_news(synced, RULES, RolloutNews(), 6.0).rollout == replace(start("b"), wave=1)


def test_commands_are_of_the_revision_that_is_rolled_out_then() -> None:
    held = apply_news(record(), RULES, RolloutNews(commands=(RolloutCommand.HOLD,)), 0.0)
    assert held.rollout == start("b").hold()
    both = RolloutNews(commands=(RolloutCommand.HOLD, RolloutCommand.RESUME))
    assert apply_news(held, RULES, both, 0.0).rollout == start("b")


def test_a_rollout_is_resumed_with_the_reports_of_the_same_heartbeat() -> None:
    stopped = apply_news(record(), RULES, RolloutNews(reports=(("dev", DRIFTED),)), 0.0)
    news = RolloutNews(reports=(("dev", SYNCED),), commands=(RolloutCommand.RESUME,))
    assert apply_news(stopped, RULES, news, 0.0).rollout == start("b")
    early = apply_news(stopped, RULES, replace(news, reports=()), 0.0)
    assert early.rollout == start("b"), "the next cycle decides whether it stops again"
    assert early.reports == {"dev": TargetReport("b", Progress.CHANGING)}
    again = apply_news(early, RULES, RolloutNews(reports=(("dev", DRIFTED),)), 0.0)
    assert again.rollout == stopped.rollout


TAKES = RolloutNews(takes=(("dev", "b"),))
CHANGING = TargetReport("b", Progress.CHANGING)


def test_a_target_takes_a_revision_with_the_record() -> None:
    assert apply_news(record(), RULES, TAKES, 0.0).reports == {"dev": CHANGING}
    synced = replace(record(), reports={"dev": SYNCED})
    assert apply_news(synced, RULES, TAKES, 0.0).reports == {"dev": SYNCED}, "it has it already"


REFUSED = {
    "held": FleetRecord(rollout=start("b").hold()),
    "stopped": FleetRecord(rollout=replace(start("b"), stopped_by="prod (drift)")),
    "replaced": record("c"),
    "another table": FleetRecord(
        {"a": Member(rollout=RULES.summary), "b": Member()}, {}, start("b")
    ),
}


@pytest.mark.parametrize("before", REFUSED.values(), ids=REFUSED)
def test_a_take_is_refused_if_the_record_does_not_allow_it_any_more(before: FleetRecord) -> None:
    assert apply_news(before, RULES, TAKES, 0.0).reports == {}


def test_a_take_is_refused_by_a_hold_of_the_same_heartbeat() -> None:
    news = replace(TAKES, commands=(RolloutCommand.HOLD,))
    assert apply_news(record(), RULES, news, 0.0).reports == {}


def test_one_target_takes_a_revision_at_once_if_one_may_be_unavailable() -> None:
    rules = replace(RULES, waves=(("dev", "stage"), ("prod",)), max_unavailable=1)
    news = RolloutNews(takes=(("stage", "b"), ("dev", "b"), ("stage", "b")))
    assert apply_news(record(), rules, news, 0.0).reports == {"dev": CHANGING}


def test_members_with_other_rules_only_stop_a_rollout() -> None:
    members = {"a": Member(rollout=RULES.summary), "b": Member()}
    before = FleetRecord(members, {}, start("b"))
    synced = apply_news(before, RULES, RolloutNews(reports=(("dev", SYNCED),)), 20.0)
    assert synced == replace(before, reports={"dev": SYNCED})
    drifted = apply_news(before, RULES, RolloutNews(reports=(("dev", DRIFTED),)), 20.0)
    assert drifted.rollout == replace(start("b"), stopped_by="dev (drift)")


def test_the_status_has_each_target_of_each_wave() -> None:
    nothing = rollout_status(FleetRecord(), RULES)
    waves = ((RolloutTarget("dev"),), (RolloutTarget("prod"),))
    assert nothing == RolloutStatus(
        None,
        1,
        waves,
        0.0,
        10.0,
        is_held=False,
        stopped_by="",
        waits_for="waits for the first valid manifests",
    )
    told = apply_news(record(), RULES, RolloutNews(reports=(("dev", SYNCED),)), 4.0)
    status = rollout_status(told, RULES)
    assert status.waves[0] == (RolloutTarget("dev", "b", "in sync"),)
    assert (status.revision, status.wave) == ("b", 1)
    assert status.waits_for == "waits for the soak (4 of 10 s)"
