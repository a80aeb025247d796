"""A resource that was deleted outside of mesh-reconciler is told from one that is new."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from builders import NOW, SYNC, desired, egress, key, listening, mesh, plan, present, route

from reconciler import limits
from reconciler.core.changes import Cause, Change, Create, ReasonCode
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Outcome, Report, Skipped, Stale
from reconciler.core.resources import Desired, LiveResource, Suspension, Unreadable
from reconciler.core.state.last_seen import LastSeen
from reconciler.core.state.repair_loops import RepairLoops

ABSENT = plan(desired("a"))
LIVE = plan(desired("a"), present("a", applied=desired("a")))
PAUSE = Suspension(NOW.replace(year=2030), "a test")


def after(*plans: Plan) -> LastSeen:
    """Return what is known after cycles that changed nothing, at 10, 20, ... seconds."""
    seen = LastSeen()
    for number, made in enumerate(plans, 1):
        failed = tuple(Failed(change, "why") for change in made.changes)
        seen = seen.after(Report(made, failed), number * 10.0, number * 10.0 + 5)
    return seen


def create_in(made: Plan) -> Create:
    (change,) = made.changes or [withheld.change for withheld in made.withheld]
    assert isinstance(change, Create)
    return change


def test_a_resource_that_was_never_seen_is_new() -> None:
    assert after(ABSENT).explain(ABSENT) == ABSENT


@pytest.mark.parametrize(
    "live",
    [
        LIVE,
        plan(desired("a"), present("a", {"egressFilter": {"type": "ALLOW_ALL"}})),
        plan(present("a")),
        plan(present("a"), guards=SYNC),
        plan(desired("a", suspend=PAUSE), present("a", applied=desired("a"))),
    ],
    ids=["in sync", "changed", "orphan", "to delete", "in sync and suspended"],
)
def test_a_resource_of_ours_that_was_live_is_missing(live: Plan) -> None:
    change = create_in(after(live).explain(ABSENT))
    assert (change.cause, change.last_seen_at) == (Cause.MISSING, 10.0)


def test_a_missing_resource_stays_so_and_its_time_stays_too() -> None:
    dark = plan(desired("a"), Unreadable(mesh("a"), "403"))
    paused = plan(desired("a", suspend=PAUSE))
    seen = after(LIVE, dark, paused, ABSENT, ABSENT)
    withheld = seen.explain(plan(desired("a"), guards=GuardSettings(policy=Policy.OBSERVE)))
    assert create_in(withheld).last_seen_at == 10.0
    assert create_in(withheld).cause is Cause.MISSING


def test_a_resource_of_others_that_goes_makes_ours_no_less_new() -> None:
    for theirs in (present("a", owner="others"), present("a", owner=None)):
        assert after(plan(desired("a", adopt=True), theirs)).explain(ABSENT) == ABSENT


def test_what_a_cycle_wrote_is_seen_at_its_end_and_what_it_deleted_is_forgotten() -> None:
    (create,) = ABSENT.changes
    seen = LastSeen().after(Report(ABSENT, (Applied(create),)), 10.0, 15.0)
    assert create_in(seen.explain(ABSENT)).last_seen_at == 15.0
    made = plan(present("a"), guards=replace(SYNC, allow_empty=True))
    (delete,) = made.changes
    seen = seen.after(Report(made, (Applied(delete),)), 20.0, 25.0)
    assert seen.at == {}
    assert LastSeen().after(Report(made, (Applied(delete),)), 20.0, 25.0).at == {}


def test_a_resource_in_no_manifest_and_not_live_is_forgotten() -> None:
    assert after(LIVE, plan(desired("b"), present("b"))).at == {mesh("b"): 20.0}


@pytest.mark.parametrize(
    ("outcome", "live"),
    [
        (Applied, True),
        (lambda change: Failed(change, "why"), False),
        (lambda change: Skipped(change, "why"), True),
    ],
)
def test_a_detached_route_was_live_unless_it_may_be_lost(
    outcome: Callable[[Change], Outcome], *, live: bool
) -> None:
    graph: list[Desired | LiveResource] = [
        present("m"),
        present("virtual-node/m/n", {}),
        desired("m"),
    ]
    graph += [desired("virtual-router/m/r", listening(80, protocol="grpc"))]
    graph += [present("virtual-router/m/r", listening(80)), present("route/m/r/x", route("n"))]
    made = plan(*graph, desired("route/m/r/x", route("n")))
    report = Report(made, tuple(map(outcome, made.changes)))
    assert (key("route/m/r/x") in LastSeen().after(report, 10.0, 15.0).at) == live


def test_who_deletes_again_and_again_is_named() -> None:
    missing = after(LIVE).explain(ABSENT)
    contests = RepairLoops()
    for _ in range(limits.MAX_REPAIRS):
        contests = contests.record(Report(missing, tuple(map(Applied, missing.changes))))
    (withheld,) = contests.withhold(missing).withheld
    assert withheld.reason_code is ReasonCode.REPAIR_LOOP
    assert "a controller, Terraform or a person deletes it" in withheld.reason


def test_what_was_written_or_in_sync_with_its_record_is_settled() -> None:
    made = plan(
        desired("new"),
        desired("failed"),
        desired("same"),
        present("same", applied=desired("same")),
        desired("unattested"),
        present("unattested"),
        present("theirs", owner="others"),
    )
    failed, new = sorted(made.changes, key=lambda change: change.key)
    report = Report(made, (Failed(failed, "why"), Applied(new)))
    assert LastSeen().after(report, 10.0, 15.0).settled == {mesh("new"), mesh("same")}


SAME = desired("a", egress("DROP_ALL"))
DRIFT = plan(SAME, present("a", egress("ALLOW_ALL"), applied=SAME))
CHANGED = plan(
    desired("a", egress("DROP_ALL"), tags={"team": "pay"}),
    present("a", egress("DROP_ALL"), applied=SAME),
)


@pytest.mark.parametrize(
    ("made", "outcome", "settled"),
    [
        (DRIFT, Skipped, True),
        (DRIFT, Stale, True),
        (DRIFT, Failed, True),
        (CHANGED, Skipped, True),
        (CHANGED, Failed, False),
    ],
    ids=["skipped", "stale", "repair failed", "not tried", "may be written without its record"],
)
def test_what_was_settled_stays_so_unless_this_process_may_have_written_another_spec(
    made: Plan, outcome: Callable[[Change, str], Outcome], *, settled: bool
) -> None:
    report = Report(made, tuple(outcome(change, "why") for change in made.changes))
    seen = LastSeen(settled=frozenset({mesh("a")}))
    assert (seen.after(report, 10.0, 15.0).settled == {mesh("a")}) == settled
    assert LastSeen().after(report, 10.0, 15.0).settled == frozenset()


def test_a_withheld_difference_stays_settled_and_a_key_without_a_verdict_does_not() -> None:
    withheld = plan(
        SAME,
        present("a", egress("ALLOW_ALL"), applied=SAME),
        guards=GuardSettings(policy=Policy.OBSERVE),
    )
    seen = LastSeen(settled=frozenset({mesh("a"), mesh("gone")}))
    assert seen.after(Report(withheld, ()), 10.0, 15.0).settled == {mesh("a")}
