"""Both sides of a resource, from the last plan and its manifests."""

from dataclasses import replace

from builders import OWNER, TARGET, desired, egress, key, plan, present
from core.planning.test_plan_file import detaching

from reconciler.core.changes import detached_routes
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Report
from reconciler.core.resources import Desired, Json, Unreadable
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.resource_sides import ResourceSides, changes_by_key, resource_sides
from reconciler.core.state.resource_status import resource_statuses

DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")
SYNC = GuardSettings(policy=Policy.SYNC)


def status(made: Plan, *manifests: Desired, applied: bool = False) -> DaemonStatus:
    """Return the status after a plan was made, and carried out if ``applied``."""
    outcomes = tuple(Applied(change) for change in made.changes) if applied else ()
    assert applied or not made.changes
    resources = resource_statuses(Report(made, outcomes), {}, {}, {}, 0.0)
    wanted = {manifest.key: manifest for manifest in manifests}
    return DaemonStatus(
        TARGET, OWNER, "sync", 0.0, 60.0, resources=resources, plan=made, desired=wanted
    )


def test_a_difference_has_both_sides() -> None:
    manifest = desired("a", DROP, tags={"team": "x"}, protect=True)
    made = plan(manifest, present("a", ALLOW, applied=desired("a", DROP)),
                guards=GuardSettings(policy=Policy.OBSERVE))  # fmt: skip
    sides = resource_sides(status(made, manifest), key("a"))
    assert sides is not None
    assert sides.is_live_known
    assert not sides.is_equal
    assert isinstance(sides.live, dict)
    assert sides.live["spec"] == ALLOW
    assert isinstance(sides.desired, dict)
    assert sides.desired["spec"] == DROP


def test_what_is_in_sync_is_shown_as_its_manifest() -> None:
    manifest = desired("a", DROP, protect=True)
    made = plan(manifest, present("a", DROP, applied=manifest))
    expected: Json = {"spec": DROP, "tags": {}, "protect": True}
    assert resource_sides(status(made, manifest), key("a")) == ResourceSides(
        expected, expected, is_live_known=True, is_equal=True
    )


def test_a_change_that_was_made_is_in_sync_on_both_sides() -> None:
    manifest = desired("a", DROP)
    made = plan(manifest, present("a", ALLOW, applied=desired("a", ALLOW)), guards=SYNC)
    sides = resource_sides(status(made, manifest, applied=True), key("a"))
    assert sides is not None
    assert sides.is_equal
    assert sides.live == sides.desired
    assert isinstance(sides.live, dict)
    assert sides.live["spec"] == DROP


def test_the_live_side_of_another_owner_is_not_known() -> None:
    manifest = desired("a", DROP)
    made = plan(manifest, present("a", ALLOW, owner="another"), guards=SYNC)
    sides = resource_sides(status(made, manifest), key("a"))
    assert sides == ResourceSides({"spec": DROP, "tags": {}}, None, is_live_known=False)


def test_a_resource_without_a_manifest_has_no_desired_side() -> None:
    made = plan(present("a", DROP), guards=GuardSettings(policy=Policy.OBSERVE))
    sides = resource_sides(status(made), key("a"))
    assert sides is not None
    assert sides.desired is None


def test_an_unreadable_resource_without_a_manifest_has_no_side() -> None:
    made = plan(Unreadable(key("a"), "not allowed"), guards=SYNC)
    sides = resource_sides(status(made), key("a"))
    assert sides == ResourceSides(None, None, is_live_known=False)


def test_a_key_that_is_not_in_the_status_has_no_sides() -> None:
    start = DaemonStatus(TARGET, OWNER, "sync", 0.0, 60.0)
    assert resource_sides(start, key("a")) is None


def test_without_a_plan_the_live_side_is_not_known() -> None:
    manifest = desired("a", DROP)
    made = plan(manifest, present("a", ALLOW, owner="another"), guards=SYNC)
    sides = resource_sides(replace(status(made, manifest), plan=None), key("a"))
    assert sides == ResourceSides({"spec": DROP, "tags": {}}, None, is_live_known=False)


def test_routes_that_an_update_detaches_have_a_change() -> None:
    made = detaching()
    routes = [route for change in made.changes for route in detached_routes(change)]
    assert routes
    found = changes_by_key(made)
    assert [found[route.attach.key] for route in routes] == [route.attach for route in routes]
