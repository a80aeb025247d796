"""What has to be there before a write, what holds a resource against a delete, and ports."""

from typing import TYPE_CHECKING, Any

import pytest
from endpoint.samples import HTTP_ROUTE, NODE, ORDER, SCOPE, SPECS
from endpoint.test_kinds import do

if TYPE_CHECKING:
    from endpoint.conftest import Client

BAD = (400, "BadRequestException")
IN_USE = (409, "ResourceInUseException")


def listening(*ports: int, protocol: str = "http") -> dict[str, Any]:
    mappings = [{"portMapping": {"port": port, "protocol": protocol}} for port in ports]
    return {"listeners": mappings}


def routed(port: int | None = None) -> dict[str, Any]:
    match = HTTP_ROUTE["match"] | ({"port": port} if port else {})
    return {"httpRoute": {**HTTP_ROUTE, "match": match}}


@pytest.fixture
def built(client: "Client") -> "Client":
    for kind in ORDER:
        assert do(client, "create", kind).status == 200, kind
    return client


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("VirtualService", "VirtualRouter"),
        ("Route", "VirtualNode"),
        ("GatewayRoute", "VirtualService"),
    ],
)
def test_what_a_spec_names_has_to_be_there(client: "Client", kind: str, missing: str) -> None:
    for each in ORDER:
        if each not in (missing, kind, "VirtualService"):
            do(client, "create", each)
    reply = do(client, "create", kind)
    assert reply.refusal == (404, "NotFoundException")
    assert reply.body["message"].startswith(f"{missing} with name ")
    assert do(client, "describe", kind).status == 404


def test_an_update_is_checked_too(built: "Client") -> None:
    spec = {"provider": {"virtualNode": {"virtualNodeName": "gone"}}}
    assert do(built, "update", "VirtualService", spec=spec).status == 404
    assert do(built, "describe", "VirtualService").body["spec"] == SPECS["VirtualService"]


def test_backends_are_not_checked(built: "Client") -> None:
    assert NODE["backends"][0]["virtualService"]["virtualServiceName"] == "nowhere.local"
    itself = [{"virtualService": {"virtualServiceName": "shop.local"}}]
    assert do(built, "update", "VirtualNode", spec={**NODE, "backends": itself}).status == 200


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (
            "Mesh",
            (
                "Mesh pay is being referenced in the following: VIRTUAL_SERVICE: [shop.local],"
                " VIRTUAL_ROUTER: [edge], VIRTUAL_NODE: [checkout], VIRTUAL_GATEWAY: [front]"
            ),
        ),
        ("VirtualNode", "VirtualNode checkout is being referenced in the following: ROUTE: [v1]"),
        (
            "VirtualRouter",
            (
                "VirtualRouter with name edge cannot be deleted because it is a VirtualService"
                " provider: [shop.local]"
            ),
        ),
        (
            "VirtualService",
            "VirtualService shop.local is being referenced in the following: GATEWAY_ROUTE: [shop]",
        ),
        (
            "VirtualGateway",
            "VirtualGateway front is being referenced in the following: GATEWAY_ROUTE: [shop]",
        ),
    ],
)
def test_what_is_in_use_is_not_deleted(built: "Client", kind: str, says: str) -> None:
    reply = do(built, "delete", kind)
    assert (reply.refusal, reply.body) == (IN_USE, {"message": says})
    assert do(built, "describe", kind).status == 200


def test_a_router_is_held_by_its_routes(built: "Client") -> None:
    assert do(built, "delete", "GatewayRoute").status == 200
    assert do(built, "delete", "VirtualService").status == 200
    for number in range(6):
        assert do(built, "create", "Route", routeName=f"r{number}", spec=routed()).status == 200
    reply = do(built, "delete", "VirtualRouter")
    assert reply.refusal == IN_USE
    assert reply.body["message"].endswith("ROUTE: [r0, r1, r2, r3, r4, …]")


def test_a_node_is_held_by_the_service_that_it_provides(built: "Client") -> None:
    provider = {"provider": {"virtualNode": {"virtualNodeName": "checkout"}}}
    do(built, "update", "VirtualService", spec=provider)
    do(built, "delete", "Route")
    reply = do(built, "delete", "VirtualNode")
    assert reply.refusal == IN_USE
    assert "provider: [shop.local]" in reply.body["message"]
    assert do(built, "delete", "VirtualRouter").status == 200


def test_names_elsewhere_hold_nothing(built: "Client") -> None:
    # Neither a mesh whose name begins alike, nor a spec that holds the name in another place.
    for mesh in ("pay-2", "pay0"):
        built.send("PUT", "/v20190125/meshes", {"meshName": mesh}, signed=SCOPE)
        path = f"/v20190125/meshes/{mesh}/virtualNodes"
        body = {"virtualNodeName": "lone", "spec": {}}
        assert built.send("PUT", path, body, signed=SCOPE).status == 200
        service = {
            "virtualServiceName": "lone",
            "spec": {"provider": {"virtualNode": {"virtualNodeName": "lone"}}},
        }
        path = path.replace("Nodes", "Services")
        assert built.send("PUT", path, service, signed=SCOPE).status == 200
    assert do(built, "create", "VirtualNode", virtualNodeName="lone", spec={}).status == 200
    action = {"weightedTargets": [{"virtualNode": "checkout", "weight": 1}]}
    headers = [{"name": "lone"}]
    spec = {"httpRoute": {"action": action, "match": {"prefix": "/", "headers": headers}}}
    assert do(built, "create", "Route", routeName="other", spec=spec).status == 200
    path = "/v20190125/meshes/pay/virtualNodes/lone"
    assert built.send("DELETE", path, signed=SCOPE).status == 200


def test_a_route_tells_listeners_apart_by_port(built: "Client") -> None:
    reply = do(built, "update", "VirtualRouter", spec=listening(80, 81))
    assert reply.refusal == BAD
    assert reply.body["message"] == (
        "All Routes for this Virtual Router must define a port match before adding multiple"
        " listeners to this Virtual Router. 1 Route(s) are missing port. Listing up to 5 route"
        " names: [v1]"
    )
    assert do(built, "update", "Route", spec=routed(80)).status == 200
    assert do(built, "update", "VirtualRouter", spec=listening(80, 81)).status == 200
    reply = do(built, "update", "Route", spec=routed())
    assert reply.refusal == BAD
    assert reply.body["message"] == (
        "Route must define a port match criteria if the Virtual Router has multiple listeners"
    )
    tcp = {"tcpRoute": {"action": HTTP_ROUTE["action"]}}
    assert do(built, "create", "Route", routeName="tcp", spec=tcp).refusal == BAD


def test_a_gateway_route_tells_listeners_apart_by_port(built: "Client") -> None:
    reply = do(built, "update", "VirtualGateway", spec=listening(80, 81))
    assert reply.refusal == BAD
    assert reply.body["message"].startswith("All Gateway Routes for this Virtual Gateway must")
    do(built, "delete", "GatewayRoute")
    assert do(built, "update", "VirtualGateway", spec=listening(80, 81)).status == 200
    assert do(built, "create", "GatewayRoute").body["message"] == (
        "Gateway route must define a match port if the parent Virtual Gateway has multiple"
        " listeners"
    )


@pytest.mark.parametrize("provider", ["VirtualRouter", "VirtualNode", None])
def test_a_gateway_route_names_the_port_of_a_provider_with_several(
    built: "Client", provider: str | None
) -> None:
    do(built, "delete", "GatewayRoute")
    do(built, "delete", "Route")
    if provider == "VirtualRouter":
        assert do(built, "update", "VirtualRouter", spec=listening(80, 81)).status == 200
    else:
        node = NODE["listeners"][0] | {"portMapping": {"port": 81, "protocol": "http"}}
        spec = {**NODE, "listeners": [*NODE["listeners"], node]}
        assert do(built, "update", "VirtualNode", spec=spec).status == 200
        member = {"virtualNode": {"virtualNodeName": "checkout"}}
        chosen = {"provider": member} if provider else {}
        assert do(built, "update", "VirtualService", spec=chosen).status == 200
    reply = do(built, "create", "GatewayRoute")
    if provider is None:
        assert reply.status == 200
        return
    assert reply.refusal == BAD
    assert "must define a target port" in reply.body["message"]
    route = SPECS["GatewayRoute"]["httpRoute"]
    target = route["action"]["target"] | {"port": 80}
    spec = {"httpRoute": {**route, "action": {"target": target}}}
    assert do(built, "create", "GatewayRoute", spec=spec).status == 200


def test_a_listener_keeps_its_protocol_while_routes_use_it(built: "Client") -> None:
    reply = do(built, "update", "VirtualRouter", spec=listening(80, protocol="grpc"))
    assert reply.refusal == BAD
    assert reply.body["message"] == (
        "The protocol of a listener cannot change while Routes use it: [v1]"
    )
    assert do(built, "update", "VirtualRouter", spec=listening(81, protocol="grpc")).status == 200
    do(built, "update", "Route", spec=routed(81))
    assert do(built, "update", "VirtualRouter", spec=listening(81)).refusal == BAD
    do(built, "delete", "Route")
    assert do(built, "update", "VirtualRouter", spec=listening(81)).status == 200
