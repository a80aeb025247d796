"""How resources stand, told from one report after the other."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from builders import NOW, OWNER, SYNC, desired, egress, key, listening, mesh, plan, present, route

from reconciler.core.changes import Cause
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Outcome, Report, Skipped, Stale
from reconciler.core.resources import Desired, Key, LiveResource, Suspension, Unreadable
from reconciler.core.state.daemon_status import ResourceStatus, State
from reconciler.core.state.resource_status import NextAttempt, resource_statuses

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")
LATER = NOW.replace(year=2030)


def stand(
    made: Plan,
    *outcomes: Outcome,
    before: tuple[ResourceStatus, ...] = (),
    retries: Mapping[Key, NextAttempt] | None = None,
    now: float = 1.0,
) -> tuple[ResourceStatus, ...]:
    return resource_statuses(
        Report(made, outcomes), {item.key: item for item in before}, {}, retries or {}, now
    )


def drifted(guards: GuardSettings | None = None) -> Plan:
    desired_resource = desired("a", DROP)
    return plan(desired_resource, present("a", ALLOW, applied=desired_resource), guards=guards)


def test_what_is_as_the_manifest_says_is_in_sync_since_it_was_first_seen_so() -> None:
    desired_resource = desired("a", DROP)
    made = plan(desired_resource, present("a", DROP, applied=desired_resource))
    (first,) = stand(made)
    assert (first.state, first.owner, first.since) == (State.IN_SYNC, OWNER, 1.0)
    (second,) = stand(made, before=(first,), now=2.0)
    assert second is first


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (Applied, State.IN_SYNC),
        (Failed, State.FAILED),
        (Stale, State.STALE),
        (Skipped, State.DRIFTED),
    ],
)
def test_every_outcome_has_its_state(outcome: type[Outcome], state: State) -> None:
    made = drifted()
    (change,) = made.changes
    (item,) = stand(made, Applied(change) if outcome is Applied else outcome(change, "why"))  # type: ignore[call-arg]
    assert item.state is state
    assert item.outcome == (None if outcome is Skipped else f"update {outcome.__name__.lower()}")
    assert item.reason == (None if outcome is Applied else "why")
    assert bool(item.fields) == (outcome is not Applied)


def test_a_difference_has_its_cause_its_fields_and_what_it_means_for_traffic() -> None:
    made = drifted(GuardSettings(policy=Policy.OBSERVE))
    (item,) = stand(made)
    assert (item.state, item.cause, item.owner) == (State.DRIFTED, Cause.DRIFT, OWNER)
    assert [field.pointer for field in item.fields] == ["/spec/egressFilter/type"]
    assert item.traffic == "closes traffic"
    assert item.reason == "policy observe does not allow this update: pass --policy upsert-only"


def test_a_change_has_its_effects_on_traffic() -> None:
    effects = ("opens egress of 14 nodes",)
    made = replace(drifted(), traffic={"mesh/a": effects})
    (item,) = stand(made, Failed(made.changes[0], "why"))
    assert item.effects == effects


def test_what_is_left_alone_says_why_in_its_state() -> None:
    made = plan(
        desired("new"),
        desired("paused", suspend=Suspension(LATER, "a test")),
        desired("dark"),
        desired("foreign"),
        Unreadable(mesh("dark"), "403"),
        present("foreign", owner="others"),
        present("old"),
        guards=GuardSettings(policy=Policy.OBSERVE),
    )
    assert {item.key.name: item.state for item in stand(made)} == {
        "new": State.PENDING,
        "paused": State.SUSPENDED,
        "dark": State.UNREADABLE,
        "foreign": State.WITHHELD,
        "old": State.WITHHELD,
    }


def test_what_is_suspended_shows_its_owner_and_what_differs() -> None:
    desired_resource = desired("a", DROP, suspend=Suspension(LATER, "a test"))
    (item,) = stand(plan(desired_resource, present("a", ALLOW, applied=desired_resource)))
    assert (item.state, item.owner, item.cause) == (State.SUSPENDED, OWNER, Cause.DRIFT)
    assert [field.pointer for field in item.fields] == ["/spec/egressFilter/type"]
    (same,) = stand(plan(desired_resource, present("a", DROP, applied=desired_resource)))
    assert (same.state, same.owner, same.fields) == (State.SUSPENDED, OWNER, ())
    (theirs,) = stand(plan(desired_resource, present("a", DROP, owner="others")))
    assert (theirs.state, theirs.owner) == (State.WITHHELD, "others")


def test_an_orphan_is_left_alone_and_not_pending() -> None:
    (item,) = stand(plan(present("old")))
    assert (item.state, item.cause) == (State.WITHHELD, Cause.REMOVED)


def test_what_was_deleted_is_not_there() -> None:
    made = plan(present("a"), desired("b"), present("b"), guards=SYNC)
    change = next(change for change in made.changes if change.key == mesh("a"))
    others = [Applied(other) for other in made.changes if other is not change]
    assert [item.key for item in stand(made, *others, Applied(change))] == [mesh("b")]
    assert mesh("a") in [item.key for item in stand(made, *others, Failed(change, "why"))]


def test_since_and_the_last_outcome_are_carried_over() -> None:
    made = drifted()
    (change,) = made.changes
    (failed,) = stand(made, Failed(change, "why"), retries={mesh("a"): NextAttempt(1, 61.0)})
    assert (failed.attempts, failed.next_attempt_at) == (1, 61.0)
    (waits,) = stand(
        made,
        Failed(change, "why"),
        before=(failed,),
        retries={mesh("a"): NextAttempt(1, 61.0)},
        now=30,
    )
    assert (waits.since, waits.outcome_at, waits.attempts) == (1.0, 1.0, 1)
    (again,) = stand(
        made,
        Failed(change, "why"),
        before=(waits,),
        retries={mesh("a"): NextAttempt(2, 181.0)},
        now=61,
    )
    assert (again.since, again.outcome_at, again.attempts) == (1.0, 61.0, 2)
    (applied,) = stand(made, Applied(change), before=(again,), now=181)
    assert (applied.since, applied.outcome, applied.attempts) == (181.0, "update applied", 0)
    desired_resource = desired("a", DROP)
    (rests,) = stand(
        plan(desired_resource, present("a", DROP, applied=desired_resource)),
        before=(applied,),
        now=241,
    )
    assert (rests.since, rests.outcome, rests.outcome_at) == (181.0, "update applied", 181.0)


def test_a_resource_that_was_repaired_is_in_sync_since_the_repair() -> None:
    desired_resource = desired("a", DROP)
    (before,) = stand(plan(desired_resource, present("a", DROP, applied=desired_resource)))
    made = drifted()
    (change,) = made.changes
    (repaired,) = stand(made, Applied(change), before=(before,), now=41.0)
    assert (repaired.state, repaired.since, repaired.outcome_at) == (State.IN_SYNC, 41.0, 41.0)


def test_what_makes_way_stands_as_what_it_makes_way_for() -> None:
    graph: list[Desired | LiveResource] = [
        present("m"),
        present("virtual-node/m/n", {}),
        desired("m"),
    ]
    graph += [desired("virtual-router/m/r", listening(80, protocol="grpc"))]
    graph += [present("virtual-router/m/r", listening(80)), present("route/m/r/x", route("n"))]
    made = plan(*graph, desired("route/m/r/x", route("n")))
    (change,) = made.changes
    done = {item.key: item for item in stand(made, Applied(change))}
    assert done.keys() == set(made.keys)
    assert done[key("route/m/r/x")].state is State.IN_SYNC
    failed = {item.key: item for item in stand(made, Failed(change, "why"))}
    assert failed[key("route/m/r/x")].reason == "why"
    waiting = plan(*graph, desired("route/m/r/x", route("missing")))
    withheld = {item.key: item for item in stand(waiting)}
    assert withheld.keys() == set(waiting.keys)
    assert withheld[key("route/m/r/x")].state is State.WITHHELD
