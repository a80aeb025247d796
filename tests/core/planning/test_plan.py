"""Every key gets one verdict, and the verdict is the one that the table says."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NOW, OWNER, SYNC, TARGET, canonical, desired, egress, mesh, plan, present
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.changes import (
    Adopt,
    Cause,
    Change,
    Create,
    Delete,
    ReasonCode,
    TrafficEffect,
    Update,
    Withheld,
    operation_name,
)
from reconciler.core.diff import MISSING, FieldChange
from reconciler.core.planning.guards import GuardSettings
from reconciler.core.planning.last_applied import attest, unattested
from reconciler.core.planning.plan import Plan, make_plan
from reconciler.core.planning.verdicts import PlanInput
from reconciler.core.resources import (
    APPLIED_TAG,
    OWNER_TAG,
    Desired,
    LiveResource,
    LiveState,
    Spec,
    Suspension,
    TargetId,
    Unreadable,
)

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")


def only_change(made: Plan) -> Change:
    assert made.withheld == ()
    (change,) = made.changes
    return change


def only_withheld(made: Plan) -> Withheld:
    assert made.changes == ()
    (withheld,) = made.withheld
    return withheld


def update(*items: Desired | LiveResource) -> Update:
    change = only_change(plan(*items))
    assert isinstance(change, Update)
    return change


def test_what_is_not_there_is_created_with_its_marks() -> None:
    change = only_change(plan(desired("a", DROP, tags={"team": "pay"})))
    assert isinstance(change, Create)
    assert change.cause is Cause.NEW
    assert change.spec == DROP
    assert change.tags["team"] == "pay"
    assert change.tags[OWNER_TAG] == OWNER
    assert change.tags[APPLIED_TAG].startswith("1.")
    shown = {"spec": DROP, "tags": {OWNER_TAG: OWNER, "team": "pay"}}
    assert change.difference.patch == [{"op": "add", "path": "", "value": shown}]


def test_a_manifest_without_spec_creates_without_spec() -> None:
    change = only_change(plan(desired("a", managed=False)))
    assert isinstance(change, Create)
    assert change.spec is None
    assert change.difference.after == {"tags": {OWNER_TAG: OWNER}}


def test_what_a_create_sends_is_shown_though_it_is_ignored_later() -> None:
    change = only_change(plan(desired("a", DROP, ignore=("/egressFilter",))))
    assert isinstance(change, Create)
    assert change.spec == DROP
    assert change.difference.after == {"spec": DROP, "tags": {OWNER_TAG: OWNER}}


@pytest.mark.parametrize(
    ("resource", "live"),
    [
        (desired("a", DROP), present("a", DROP)),
        (desired("a", {}), present("a", {"serviceDiscovery": {}})),
        (desired("a", managed=False), present("a", ALLOW)),
        (desired("a", DROP, tags={"t": "1"}), present("a", DROP, tags={"t": "1", "other": "x"})),
        (desired("a", DROP, ignore=("/egressFilter",)), present("a", ALLOW)),
    ],
    ids=["equal", "empty is absent", "spec not managed", "tags of others", "ignored"],
)
def test_what_is_as_wanted_is_left_alone(resource: Desired, live: LiveResource) -> None:
    made = plan(resource, live)
    assert made.changes == ()
    assert made.withheld == ()
    assert made.unchanged == (mesh("a"),)


def test_a_difference_is_updated_with_before_and_after_of_each_field() -> None:
    desired_resource = desired("a", ALLOW, tags={"team": "pay"})
    change = update(desired_resource, present("a", DROP, tags={"theirs": "x"}))
    assert change.spec == ALLOW
    assert change.difference.fields == (
        FieldChange("/spec/egressFilter/type", "DROP_ALL", "ALLOW_ALL"),
        FieldChange("/tags/team", MISSING, "pay"),
    )
    assert change.tags["theirs"] == "x"
    assert operation_name(change) == "update"


def test_an_update_of_tags_sends_no_spec() -> None:
    change = update(desired("a", DROP, tags={"team": "pay"}), present("a", DROP))
    assert change.spec is None
    assert change.traffic is None


def test_a39_what_is_ignored_survives_a_replacing_update() -> None:
    live: Spec = {"egressFilter": {"type": "ALLOW_ALL"}, "serviceDiscovery": {"x": 1}}
    desired_resource = desired("a", {"serviceDiscovery": {"x": 2}}, ignore=("/egressFilter",))
    assert update(desired_resource, present("a", live)).spec == {
        **live,
        "serviceDiscovery": {"x": 2},
    }


def test_a39_a_field_that_we_do_not_know_withholds_the_update() -> None:
    live = present("a", {**DROP, "novel": 1}, unknown=("/novel",))
    withheld = only_withheld(plan(desired("a", ALLOW), live))
    assert withheld.reason_code is ReasonCode.UNKNOWN_FIELD
    assert "/novel" in withheld.reason
    assert isinstance(withheld.change, Update)
    allowed = update(desired("a", ALLOW, ignore=("/novel",)), live)
    assert allowed.spec == {**ALLOW, "novel": 1}


def test_ignoring_what_holds_an_unknown_field_keeps_it() -> None:
    spec: Spec = {"egressFilter": {"type": "DROP_ALL", "mode": 1}}
    live = present("a", spec, unknown=("/egressFilter/mode",))
    wanted: Spec = {**ALLOW, "serviceDiscovery": {"ipPreference": "IPv4_ONLY"}}
    change = update(desired("a", wanted, ignore=("/egressFilter",)), live)
    assert change.spec == {**spec, "serviceDiscovery": {"ipPreference": "IPv4_ONLY"}}


def test_an_unknown_field_hinders_no_change_of_tags() -> None:
    live = present("a", {**DROP, "novel": 1}, unknown=("/novel",))
    desired_resource = desired("a", managed=False, tags={"team": "pay"})
    assert update(desired_resource, live).spec is None


@pytest.mark.parametrize(
    ("resource", "live", "applied", "cause"),
    [
        (ALLOW, DROP, DROP, Cause.MANIFEST),
        (ALLOW, DROP, ALLOW, Cause.DRIFT),
        (ALLOW, DROP, {"serviceDiscovery": {"ipPreference": "IPv4_ONLY"}}, Cause.BOTH),
        (ALLOW, DROP, None, Cause.UNKNOWN),
    ],
)
def test_the_cause_follows_from_the_mark(
    resource: Spec, live: Spec, applied: Spec | None, cause: Cause
) -> None:
    mark = None if applied is None else desired("a", applied)
    assert update(desired("a", resource), present("a", live, applied=mark)).cause is cause


def cause_at(version: int, resource: Spec, *, settled: bool = False) -> Cause:
    """Return the cause of an update of a live ALLOW whose record attests DROP at version 1."""
    live = replace(present("a", ALLOW, applied=desired("a", DROP)), version=version)
    keys = frozenset({live.key}) if settled else frozenset()
    inputs = PlanInput(
        TARGET,
        OWNER,
        {live.key: desired("a", resource)},
        LiveState({live.key: live}),
        canonical,
        GuardSettings(),
        NOW,
        keys,
    )
    change = only_change(make_plan(inputs))
    assert isinstance(change, Update)
    return change.cause


def test_an_update_that_the_record_does_not_attest_may_be_of_a_run_that_was_killed() -> None:
    changed: Spec = {"serviceDiscovery": {"ipPreference": "IPv4_ONLY"}}
    assert cause_at(2, DROP) is cause_at(2, changed) is Cause.UNKNOWN
    assert cause_at(1, DROP) is Cause.DRIFT
    assert cause_at(1, changed) is Cause.BOTH


def test_a_process_that_completed_its_write_calls_a_later_update_drift() -> None:
    assert cause_at(2, DROP, settled=True) is Cause.DRIFT


def test_a_record_without_a_version_tells_the_cause_as_before() -> None:
    mark = desired("a", DROP)
    live = present("a", ALLOW, applied=mark, version=7)
    live = replace(live, tags=unattested(live.tags))
    assert update(desired("a", DROP), live).cause is Cause.DRIFT


def test_an_attested_resource_is_unchanged_and_has_nothing_to_renew() -> None:
    wanted = desired("a", DROP)
    made = plan(wanted, present("a", DROP, applied=wanted, uid="", attested=True))
    assert (made.unchanged, made.changes, made.renewals) == ((wanted.key,), (), ())


@pytest.mark.parametrize(
    ("live", "renewed"),
    [
        (present("a", DROP), True),
        (present("a", DROP, applied=desired("a", DROP)), False),
        (replace(present("a", DROP, applied=desired("a", DROP)), version=2), False),
        (replace(present("a", DROP, applied=desired("a", DROP)), version=3), True),
        (present("a", DROP, applied=desired("a", ALLOW)), True),
        (present("a", DROP, owner="others"), False),
        (Unreadable(mesh("a"), "500"), False),
    ],
    ids=[
        "no record",
        "attested",
        "one version more",
        "two versions more",
        "another spec",
        "of another owner",
        "unreadable",
    ],
)
def test_the_record_of_what_is_in_sync_is_renewed_unless_it_attests(
    live: LiveResource | Unreadable, *, renewed: bool
) -> None:
    made = plan(desired("a", DROP), live)
    assert made.changes == ()
    assert [renewal.key for renewal in made.renewals] == [mesh("a")] * renewed
    for renewal in made.renewals:
        assert (renewal.spec, renewal.difference.fields) == (None, ())
        assert isinstance(live, LiveResource)
        assert renewal.tags.keys() - {APPLIED_TAG} == live.tags.keys() - {APPLIED_TAG}
    assert made.fingerprint == replace(made, renewals=()).fingerprint


def test_a_suspended_resource_is_not_renewed() -> None:
    paused = Suspension(NOW.replace(year=2030), "a test")
    assert plan(desired("a", suspend=paused), present("a")).renewals == ()


@pytest.mark.parametrize("number", [47, 48])
def test_a_record_without_room_for_a_version_is_not_renewed_again_and_again(number: int) -> None:
    wanted = desired("a", DROP, tags={f"key-{index}": "x" for index in range(number)})
    live = present("a", DROP, tags=wanted.tags, version=2)
    (renewal,) = plan(wanted, live).renewals
    renewed = replace(live, tags=attest(renewal.tags, 2, live.created_at))
    assert plan(wanted, renewed).renewals == ()


@pytest.mark.parametrize(
    ("resource", "live", "applied", "cause"),
    [
        ({"t": "1"}, {}, {}, Cause.MANIFEST),
        ({}, {"t": "1"}, {"t": "1"}, Cause.MANIFEST),
        ({"t": "1"}, {}, {"t": "1"}, Cause.DRIFT),
        ({"t": "1"}, {"t": "2"}, {"t": "1"}, Cause.UNKNOWN),
        ({"t": "1", "u": "1"}, {}, {"t": "1"}, Cause.BOTH),
        ({"t": "1", "u": "1"}, {"t": "1"}, {"t": "1"}, Cause.MANIFEST),
        ({"t": "1", "u": "1"}, {"t": "2"}, {"t": "1"}, Cause.MANIFEST),
        ({"t": "1", "u": "1"}, {"t": "2", "u": "1"}, {"t": "1"}, Cause.UNKNOWN),
    ],
)
def test_the_cause_of_tags_follows_from_the_mark(
    resource: dict[str, str], live: dict[str, str], applied: dict[str, str], cause: Cause
) -> None:
    mark = desired("a", DROP, tags=applied)
    change = update(desired("a", DROP, tags=resource), present("a", DROP, tags=live, applied=mark))
    assert change.cause is cause


def test_an_unmanaged_spec_has_no_part_in_the_cause() -> None:
    mark = desired("a", managed=False)
    live = present("a", ALLOW, applied=mark)
    desired_resource = desired("a", managed=False, tags={"team": "pay"})
    assert update(desired_resource, live).cause is Cause.MANIFEST


def test_spec_and_tags_that_moved_for_different_reasons_are_both() -> None:
    mark = desired("a", DROP)
    change = update(desired("a", DROP, tags={"t": "1"}), present("a", ALLOW, applied=mark))
    assert change.cause is Cause.BOTH


def test_a_tag_that_the_manifest_dropped_goes_and_those_of_others_stay() -> None:
    mark = desired("a", DROP, tags={"old": "1"})
    live = present("a", DROP, tags={"old": "1", "theirs": "2"}, applied=mark)
    change = update(desired("a", DROP), live)
    assert "old" not in change.tags
    assert change.tags["theirs"] == "2"


def test_without_a_mark_nothing_is_untagged() -> None:
    assert plan(desired("a", DROP), present("a", DROP, tags={"old": "1"})).changes == ()


@pytest.mark.parametrize("owner", [None, "somebody"])
def test_s05_a_foreign_mesh_is_withheld_and_named(owner: str | None) -> None:
    withheld = only_withheld(plan(desired("a", ALLOW), present("a", DROP, owner=owner)))
    assert withheld.reason_code is ReasonCode.FOREIGN
    assert ("somebody" if owner else "without an owner tag") in withheld.reason


def test_s06_a_mesh_of_another_account_is_withheld() -> None:
    withheld = only_withheld(plan(desired("a", ALLOW), present("a", DROP, account="999999999999")))
    assert withheld.reason_code is ReasonCode.FOREIGN
    assert "999999999999" in withheld.reason


def test_an_unknown_account_of_ours_accuses_nobody() -> None:
    target = TargetId("t", "u", None, "r")
    assert plan(desired("a", ALLOW), present("a", DROP), target=target).changes


def test_adoption_is_asked_for_and_takes_only_what_nobody_owns() -> None:
    desired_resource = desired("a", ALLOW, adopt=True)
    change = only_change(plan(desired_resource, present("a", DROP, owner=None)))
    assert isinstance(change, Adopt)
    assert change.spec == ALLOW
    assert change.tags[OWNER_TAG] == OWNER
    withheld = only_withheld(plan(desired_resource, present("a", DROP, owner="somebody")))
    assert (withheld.reason_code, withheld.owner) == (ReasonCode.FOREIGN, "somebody")


def test_what_lost_its_owner_tag_alone_is_told_from_what_was_made_by_hand() -> None:
    desired_resource = desired("a", DROP)
    lost = only_withheld(
        plan(desired_resource, present("a", DROP, owner=None, applied=desired_resource))
    )
    assert (lost.reason_code, lost.owner) == (ReasonCode.FOREIGN, None)
    assert "last-applied record of mesh-reconciler but no owner tag" in lost.reason
    assert "run adopt, or set reconcile.adopt: true" in lost.reason
    by_hand = only_withheld(plan(desired_resource, present("a", DROP, owner=None)))
    assert "created by hand" in by_hand.reason
    again = desired("a", DROP, adopt=True)
    assert isinstance(
        only_change(plan(again, present("a", DROP, owner=None, applied=desired_resource))), Adopt
    )


def test_adopting_an_equal_mesh_sends_no_spec() -> None:
    change = only_change(plan(desired("a", DROP, adopt=True), present("a", DROP, owner=None)))
    assert isinstance(change, Adopt)
    assert change.spec is None


def test_a_suspended_mesh_waits_until_its_end() -> None:
    later, earlier = NOW + timedelta(seconds=1), NOW - timedelta(seconds=1)
    paused = desired("a", ALLOW, suspend=Suspension(later, "load test"))
    assert "load test" in only_withheld(plan(paused, present("a", DROP))).reason
    assert only_withheld(plan(paused)).reason_code is ReasonCode.SUSPENDED
    ended = desired("a", ALLOW, suspend=Suspension(earlier, "load test"))
    assert only_change(plan(ended, present("a", DROP)))


@pytest.mark.parametrize(
    "live",
    [
        (),
        (present("a", DROP, applied=desired("a", DROP)),),
        (present("a", {**DROP, "novel": 1}, unknown=("/novel",)),),
    ],
    ids=["absent", "differs", "has an unknown field"],
)
def test_a_suspended_mesh_has_the_change_that_it_would_have(live: tuple[LiveResource, ...]) -> None:
    pause = Suspension(NOW + timedelta(seconds=1), "load test")
    made, paused = (plan(desired("a", ALLOW, suspend=it), *live) for it in (None, pause))
    withheld = only_withheld(paused)
    pending = made.changes[0] if made.changes else only_withheld(made).change
    assert pending is not None
    assert (withheld.reason_code, withheld.change) == (ReasonCode.SUSPENDED, pending)
    assert withheld.owner == (OWNER if live else None)
    assert (paused.changes, paused.unchanged) == ((), ())


def test_a_suspended_mesh_in_sync_has_its_owner_and_no_change() -> None:
    pause = Suspension(NOW + timedelta(seconds=1), "load test")
    withheld = only_withheld(plan(desired("a", DROP, suspend=pause), present("a", DROP)))
    assert (withheld.reason_code, withheld.change, withheld.owner) == (
        ReasonCode.SUSPENDED,
        None,
        OWNER,
    )


def test_what_cannot_be_read_is_never_taken_for_absent() -> None:
    blind = Unreadable(mesh("a"), "AccessDenied")
    for made in (plan(desired("a", DROP), blind), plan(blind, guards=SYNC)):
        withheld = only_withheld(made)
        assert withheld.reason_code is ReasonCode.UNREADABLE
        assert "AccessDenied" in withheld.reason


def test_what_no_manifest_asks_for_is_deleted_under_sync() -> None:
    made = plan(desired("b", DROP), present("b", DROP), present("a", ALLOW), guards=SYNC)
    change = only_change(made)
    assert isinstance(change, Delete)
    assert change.cause is Cause.REMOVED
    assert change.difference.patch == [{"op": "remove", "path": ""}]
    assert made.unchanged == (mesh("b"),)


def test_s05_a_leftover_of_another_owner_is_not_deleted() -> None:
    live = present("a", DROP, owner="somebody")
    made = plan(desired("b", DROP), present("b", DROP), live, guards=SYNC)
    assert only_withheld(made).reason_code is ReasonCode.FOREIGN


def test_s09_protection_outlives_the_manifest_that_said_so() -> None:
    mark = desired("a", DROP, protect=True)
    live = present("a", DROP, applied=mark)
    made = plan(desired("b", DROP), present("b", DROP), live, guards=SYNC)
    assert only_withheld(made).reason_code is ReasonCode.PROTECTED


def test_a_change_of_protection_alone_is_a_change() -> None:
    live = present("a", DROP, applied=desired("a", DROP, protect=True))
    change = update(desired("a", DROP), live)
    assert change.cause is Cause.MANIFEST
    assert change.spec is None
    assert [field.pointer for field in change.difference.fields] == ["/protect"]


@pytest.mark.parametrize(
    ("before", "after", "meaning"),
    [
        (DROP, ALLOW, TrafficEffect.OPENS),
        ({}, ALLOW, TrafficEffect.OPENS),
        (ALLOW, DROP, TrafficEffect.CLOSES),
        (ALLOW, {}, TrafficEffect.CLOSES),
        ({}, DROP, TrafficEffect.SAME),
        (DROP, {}, TrafficEffect.SAME),
        ({"serviceDiscovery": {"ipPreference": "IPv4_ONLY"}}, {}, None),
    ],
)
def test_a_change_says_what_it_means_for_traffic(
    before: Spec, after: Spec, meaning: TrafficEffect | None
) -> None:
    assert update(desired("a", after), present("a", before)).traffic is meaning


def test_creates_come_in_order_and_deletes_last() -> None:
    made = plan(desired("z", DROP), desired("b", DROP), present("a", DROP), guards=SYNC)
    assert [(operation_name(change), change.key.name) for change in made.changes] == [
        ("create", "b"),
        ("create", "z"),
        ("delete", "a"),
    ]


names = st.sampled_from("abcdef")
wanted = st.builds(desired, names, st.sampled_from([DROP, ALLOW, {}]), adopt=st.booleans())
living = st.builds(
    present,
    names,
    st.sampled_from([DROP, ALLOW, {}]),
    owner=st.sampled_from([OWNER, "somebody", None]),
)


@pytest.mark.unmeasured
@given(st.lists(wanted), st.lists(living), st.randoms(use_true_random=False))
def test_c12_a_plan_gives_every_key_one_verdict_whatever_the_order(
    wants: list[Desired], lives: list[LiveResource], luck: random.Random
) -> None:
    items: list[Desired | LiveResource] = [
        *{desired_resource.key: desired_resource for desired_resource in wants}.values()
    ]
    items += {live.key: live for live in lives}.values()
    made = plan(*items, guards=SYNC)
    verdicts = [
        *(change.key for change in made.changes),
        *made.unchanged,
        *(withheld.key for withheld in made.withheld),
    ]
    assert sorted(verdicts) == sorted({item.key for item in items})
    luck.shuffle(items)
    assert plan(*items, guards=SYNC) == made


def test_the_fingerprint_is_about_what_would_change_and_where() -> None:
    def of(version: int, kind: str = "ALLOW_ALL", target: TargetId = TARGET) -> str:
        live = present("a", DROP, version=version)
        return plan(desired("a", egress(kind)), live, target=target).fingerprint

    elsewhere = TargetId("other", "u", "1", "r")
    assert of(1) == of(7)
    assert len({of(1), of(1, "OTHER"), of(1, target=elsewhere)}) == 3
