"""Taking over is careful, and giving up touches our own marks alone."""

import pytest
from builders import OWNER, TARGET, desired, egress, mesh, plan, present

from reconciler.core.changes import Adopt, Cause, ReasonCode, Update
from reconciler.core.planning.guards import GuardSettings, Limit, Policy
from reconciler.core.planning.ownership import keys_to_create, plan_adoption, plan_release
from reconciler.core.report import plan_exit_code
from reconciler.core.resources import APPLIED_TAG, OWNER_TAG, LiveResource, Unreadable

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")


def test_what_is_as_its_manifest_says_is_marked_and_no_more() -> None:
    proposed = plan(
        desired("a", DROP, adopt=True, protect=True, tags={"team": "pay"}),
        present("a", DROP, owner=None, tags={"team": "pay", "cost": "9"}),
    )
    (change,) = plan_adoption(proposed, accept_changes=False).changes
    assert isinstance(change, Adopt)
    assert change.spec is None
    assert change.tags.items() >= {"team": "pay", "cost": "9", OWNER_TAG: OWNER}.items()


def test_what_differs_is_named_and_left_alone_unless_the_changes_are_accepted() -> None:
    proposed = plan(
        desired("a", DROP, adopt=True, tags={"team": "pay"}), present("a", ALLOW, owner=None)
    )
    careful = plan_adoption(proposed, accept_changes=False)
    assert careful.changes == ()
    (withheld,) = careful.withheld
    assert withheld.reason_code is ReasonCode.GUARD
    assert "spec.egressFilter.type, tags.team:" in withheld.reason
    assert plan_exit_code(careful, detailed=False) == 5
    assert plan_adoption(proposed, accept_changes=True) == proposed


def test_what_is_ours_already_or_not_there_is_not_written() -> None:
    moved = desired("moved", DROP, adopt=True)
    proposed = plan(
        moved,
        present("moved", ALLOW, applied=moved),
        desired("absent", DROP, adopt=True),
        desired("kept-back", DROP, adopt=True),
        present("theirs", owner="another"),
        desired("theirs", adopt=True),
    )
    took = plan_adoption(proposed, accept_changes=True)
    assert took.changes == ()
    assert {withheld.key.name: withheld.reason_code for withheld in took.withheld} == {
        "moved": ReasonCode.POLICY,
        "theirs": ReasonCode.FOREIGN,
    }
    assert keys_to_create(proposed) == {mesh("absent"), mesh("kept-back")}


def test_the_guards_of_apply_hold_for_adopting_too() -> None:
    proposed = plan(
        desired("a", adopt=True),
        present("a", owner=None),
        desired("new"),
        guards=GuardSettings(Policy.OBSERVE, max_updates=Limit(0)),
    )
    took = plan_adoption(proposed, accept_changes=True)
    assert [withheld.reason_code for withheld in took.withheld] == [ReasonCode.POLICY]
    assert keys_to_create(proposed) == {mesh("new")}


def test_what_is_ours_loses_our_two_tags_and_nothing_else() -> None:
    ours = present("a", DROP, applied=desired("a", DROP, protect=True), tags={"team": "pay"})
    (change,) = plan_release(TARGET, OWNER, [ours], Policy.UPSERT_ONLY).changes
    assert isinstance(change, Update)
    assert (change.spec, change.tags, change.cause) == (None, {"team": "pay"}, Cause.RELEASED)
    assert ours.tags.keys() - change.tags.keys() == {OWNER_TAG, APPLIED_TAG}
    assert {field.pointer for field in change.difference.fields} == {
        "/protect",
        "/tags/mesh-reconciler:owner",
    }


@pytest.mark.parametrize(
    ("seen", "words", "code"),
    [
        (
            present("a", owner="another"),
            "it is owned by another; only resources owned by platform are released",
            5,
        ),
        (present("a", owner=None), "it is unowned; ", 5),
        (Unreadable(mesh("a"), "no answer came"), "could not be read: no answer came", 1),
    ],
)
def test_what_is_not_known_to_be_ours_is_not_given_up(
    seen: LiveResource | Unreadable, words: str, code: int
) -> None:
    refused = plan_release(TARGET, OWNER, [seen], Policy.SYNC)
    assert refused.changes == ()
    assert words in refused.withheld[0].reason
    assert plan_exit_code(refused, detailed=False) == code


def test_a_run_that_only_observes_gives_nothing_up() -> None:
    withheld = plan_release(TARGET, OWNER, [present("b"), present("a")], Policy.OBSERVE)
    assert withheld.changes == ()
    assert [(item.key.name, item.reason_code) for item in withheld.withheld] == [
        ("a", ReasonCode.POLICY),
        ("b", ReasonCode.POLICY),
    ]
