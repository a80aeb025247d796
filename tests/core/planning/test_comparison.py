"""A comparison has the sides of the plan, also for a resource that a plan withholds."""

import pytest
from builders import (
    OWNER,
    SYNC,
    canonical,
    desired,
    egress,
    listening,
    plan,
    present,
)

from reconciler.core.planning.comparison import compare
from reconciler.core.resources import OWNER_TAG, Desired, LiveResource

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        (desired("a", DROP, tags={"team": "pay"}), None),
        (desired("a", DROP), present("a", ALLOW, applied=desired("a", DROP))),
        (
            desired("a", DROP, tags={"team": "pay"}),
            present("a", ALLOW, tags={"old": "1"}, applied=desired("a", tags={"old": ""})),
        ),
        (desired("a", DROP, adopt=True), present("a", DROP, owner=None, tags={"by": "hand"})),
        (desired("a", managed=False, tags={"team": "pay"}), present("a", ALLOW)),
        (desired("a", DROP, ignore=("/egressFilter/type",), tags={"a": "b"}), present("a", ALLOW)),
        (desired("a", DROP, protect=True), present("a", DROP)),
        (None, present("a", DROP)),
    ],
)
def test_it_has_the_sides_of_the_change_in_a_plan(
    wanted: Desired | None, live: LiveResource | None
) -> None:
    # Without any manifest, the plan deletes nothing.
    others = desired("kept"), present("kept", applied=desired("kept"))
    given = [it for it in (wanted, live) if it is not None]
    made = plan(*given, *others, guards=SYNC)
    (change,) = made.changes
    assert compare(wanted, live, OWNER, canonical) == change.difference


def test_without_a_difference_both_sides_are_equal() -> None:
    wanted = desired("virtual-router/a/b", listening(80))
    live = present("virtual-router/a/b", listening(80), applied=wanted)
    assert not compare(wanted, live, OWNER, canonical).fields


def test_the_owner_of_another_resource_is_a_difference() -> None:
    wanted, live = desired("a", DROP), present("a", DROP, owner="another")
    assert plan(wanted, live).changes == ()
    (field,) = compare(wanted, live, OWNER, canonical).fields
    assert (field.pointer, field.before, field.after) == (
        f"/tags/{OWNER_TAG}",
        "another",
        OWNER,
    )
