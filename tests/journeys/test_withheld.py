"""What is not ours, protected or in use stays as it is and is named; the rest goes on."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from journeys.environments import HOST, World, asked_for

from reconciler.core.changes import ReasonCode
from reconciler.core.exit_codes import ExitCode
from reconciler.core.report import Applied, Failed, Report, exit_code
from reconciler.core.resources import Desired, Key, Options
from reconciler.endpoint import LocalEndpoint, parse_behavior

pytestmark = pytest.mark.unmeasured


def up(world: World, name: str) -> tuple[Desired, ...]:
    wants = asked_for(name, "kept.yaml", "before.yaml")
    assert world.cycle(wants).converged
    world.forget()
    return wants


def withheld(report: Report) -> dict[str, str]:
    """Return why each key was left alone; no write was refused."""
    assert exit_code(report) is ExitCode.WITHHELD
    assert all(isinstance(outcome, Applied) for outcome in report.outcomes)
    return {str(item.key): item.reason for item in report.plan.withheld}


def routes_of(client: Any, mesh: str, router: str) -> dict[str, int]:
    listed = client.list_routes(meshName=mesh, virtualRouterName=router)["routes"]
    return {ref["routeName"]: ref["version"] for ref in listed}


HTTP2 = {
    "http2Route": {
        "match": {"prefix": "/theirs"},
        "action": {"weightedTargets": [{"virtualNode": "ledger", "weight": 1}]},
    }
}
WAITS = "it needs the listeners of virtual-router/grpc/ledger, which cannot be changed"


def test_s05_a_route_of_others_keeps_the_listeners_as_they_are_and_what_would_need_them(
    world: World,
) -> None:
    up(world, "grpc")
    where = {"meshName": "grpc", "virtualRouterName": "ledger"}
    world.by_hand().create_route(**where, routeName="theirs", spec=HTTP2)
    assert withheld(world.cycle(asked_for("grpc", "kept.yaml", "after.yaml"))) == {
        "virtual-router/grpc/ledger": "its listeners cannot be changed: "
        "route/grpc/ledger/theirs is not selected in this run",
        "route/grpc/ledger/bookings": WAITS,
        "route/grpc/ledger/rest": WAITS,
    }
    assert not any(call.deletes for call in world.sent)
    routes = routes_of(world.by_hand(), "grpc", "ledger")
    assert routes == {"bookings": 1, "rest": 1, "theirs": 1}


def test_s09_a_protected_route_is_not_detached(world: World) -> None:
    def protecting(wants: Iterable[Desired]) -> list[Desired]:
        safe = Options(protect=True)
        return [
            replace(desired_resource, options=safe)
            if desired_resource.key.name == "rest"
            else desired_resource
            for desired_resource in wants
        ]

    world.cycle(protecting(asked_for("grpc", "kept.yaml", "before.yaml")))
    world.forget()
    then = protecting(asked_for("grpc", "kept.yaml", "after.yaml"))
    why = withheld(world.cycle(then))["virtual-router/grpc/ledger"]
    assert why == "its listeners cannot be changed: route/grpc/ledger/rest is protected"
    assert not any(call.deletes for call in world.sent)
    assert routes_of(world.by_hand(), "grpc", "ledger") == {"bookings": 1, "rest": 1}


def test_a30_a_node_that_a_route_still_uses_is_not_deleted(world: World) -> None:
    wants = up(world, "headers")
    without = [
        desired_resource for desired_resource in wants if desired_resource.key.name != "beta"
    ]
    why = withheld(world.cycle(without))["virtual-node/headers/beta"]
    assert why == "it is needed by route/headers/catalogue/testers, which is kept"
    assert not any(call.writes for call in world.sent)


def test_a30_a_node_that_a_route_of_others_uses_is_refused_and_they_are_named(
    world: World,
) -> None:
    up(world, "outliers")
    action = {"weightedTargets": [{"virtualNode": "suggestions", "weight": 1}]}
    world.by_hand().create_route(
        meshName="outliers",
        virtualRouterName="search",
        routeName="theirs",
        spec={"httpRoute": {"match": {"prefix": "/"}, "action": action}},
    )
    report = world.cycle(asked_for("outliers", "kept.yaml", "after.yaml"))
    # What others name is not read, so only the endpoint knows.
    (failed,) = (outcome for outcome in report.outcomes if isinstance(outcome, Failed))
    assert str(failed.change.key) == "virtual-node/outliers/suggestions"
    assert "ROUTE: [theirs]; first remove the resources that use it" in failed.reason
    assert "mesh/outliers/virtualNode/suggestions" in world.tagged()
    assert routes_of(world.by_hand(), "outliers", "search") == {"all": 1, "theirs": 1}


def test_a30_a_mesh_with_a_node_of_others_stays_with_it_and_names_it(world: World) -> None:
    up(world, "canary")
    world.by_hand().create_virtual_node(meshName="canary", virtualNodeName="theirs", spec={})
    assert withheld(world.cycle(())) == {
        "mesh/canary": "it is needed by virtual-node/canary/theirs, which is kept"
    }
    assert world.tagged() == {"mesh/canary"}
    listed = world.by_hand().list_virtual_nodes(meshName="canary")["virtualNodes"]
    assert [ref["virtualNodeName"] for ref in listed] == ["theirs"]


def test_s06_a_gateway_in_a_mesh_of_others_is_its_owners_to_make(world: World) -> None:
    world.by_hand(HOST).create_mesh(meshName="shared")
    guests = asked_for("shared", "kept.yaml", "before.yaml")
    gateway = replace(guests[0], key=Key("virtual-gateway", ("shared", "front"), HOST))
    report = world.cycle([*guests, gateway])
    (withheld,) = report.plan.withheld
    assert (withheld.key, withheld.reason_code) == (gateway.key, ReasonCode.FOREIGN)
    assert HOST in withheld.reason
    assert all(isinstance(outcome, Applied) for outcome in report.outcomes)
    assert world.refused == []
    assert len(world.tagged()) == len(guests)


@pytest.mark.parametrize("shares", ["by-owner", "listed", "none"])
def test_s06_what_needs_an_absent_mesh_waits_whoever_owns_that(shares: str, here: object) -> None:
    del here
    with LocalEndpoint(None, behavior=parse_behavior([f"shared-meshes={shares}"])) as endpoint:
        world = World(endpoint)
        guests = asked_for("shared", "kept.yaml", "before.yaml")
        own = [
            replace(desired_resource, key=desired_resource.key._replace(mesh_owner=""))
            for desired_resource in guests
        ]
        report = world.cycle([*guests, *own])
        assert exit_code(report) is exit_code(world.cycle(own)) is ExitCode.WITHHELD
        assert {withheld.reason_code for withheld in report.plan.withheld} == {ReasonCode.WAITING}
        assert set(report.plan.keys) == {
            desired_resource.key for desired_resource in (*guests, *own)
        }
        assert not any(call.writes for call in world.sent)


@pytest.mark.parametrize("spelled", ["plain", "with-owner"])
def test_s06_what_guests_leave_behind_is_found_and_goes(spelled: str, here: object) -> None:
    del here
    behavior = parse_behavior(["shared-meshes=listed", f"shared-arns={spelled}"])
    with LocalEndpoint(None, behavior=behavior) as endpoint:
        world = World(endpoint)
        world.by_hand(HOST).create_mesh(meshName="shared")
        guests = up(world, "shared")
        assert len(world.cycle(()).outcomes) == len(guests)
        assert world.tagged() == set()
        assert world.by_hand(HOST).describe_mesh(meshName="shared")["mesh"]
