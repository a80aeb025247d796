"""Reports of targets that no member has any more leave the record after an hour."""

from dataclasses import replace

from clocks import Clock

from reconciler import limits
from reconciler.core.fleet.fleet_record import FleetRecord, Member
from reconciler.core.fleet.rollout import Progress, RolloutRules, TargetReport
from reconciler.daemon.removed_targets import RemovedTargets

RULES = RolloutRules((("dev",), ("prod",)), 0.0, frozenset(), 9)
OTHER = replace(RULES, waves=(("dev",), ("prod", "old")))
REPORT = TargetReport("b", Progress.IN_SYNC)
ME = {"me": Member(rollout=RULES.summary)}
RECORD = FleetRecord(ME, {"dev": REPORT, "old": REPORT})


def test_the_report_of_a_removed_target_is_removed_after_a_while() -> None:
    clock = Clock()
    removed = RemovedTargets(RULES, clock)
    assert removed.prune(RECORD) == RECORD
    clock.now = limits.REMOVED_TARGET_SECONDS - 1
    assert removed.prune(RECORD) == RECORD
    clock.now += 1
    assert removed.prune(RECORD) == replace(RECORD, reports={"dev": REPORT})


def test_a_target_that_another_member_has_stays() -> None:
    clock = Clock()
    removed = RemovedTargets(RULES, clock)
    removed.prune(RECORD)
    clock.now = limits.REMOVED_TARGET_SECONDS
    both = replace(RECORD, members={**ME, "other": Member(rollout=OTHER.summary)})
    assert removed.prune(both) == both, "it is in a wave of the other one"
    assert removed.prune(RECORD) == RECORD, "the time begins again"


def test_a_thousand_targets_that_come_and_go_leave_a_small_record() -> None:
    clock = Clock()
    removed = RemovedTargets(RULES, clock)
    record = FleetRecord(ME)
    for number in range(1_000):
        record = replace(record, reports={**record.reports, f"t-{number}": REPORT})
        record = removed.prune(record)
        clock.now += 60.0
    assert len(record.reports) <= limits.REMOVED_TARGET_SECONDS / 60
