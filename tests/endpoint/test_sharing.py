"""Meshes of other accounts: what a consumer may do in them, and what their owner may."""

from typing import TYPE_CHECKING, Any

import pytest
from endpoint.samples import ORDER, SCOPE, named, request_of
from endpoint.test_kinds import do

if TYPE_CHECKING:
    from endpoint.conftest import Client, Reply

CONSUMER = ("222222222222", "eu-west-1")
DENIED = (403, "AccessDeniedException")


def asks(
    client: "Client", who: tuple[str, str], command: str, kind: str, **members: Any
) -> "Reply":
    """Send a request about the shared mesh."""
    wanted = request_of(named(command, kind))
    body = (wanted.body or {}) | members if wanted.body or members else None
    path = f"{wanted.path}?meshOwner={SCOPE[0]}"
    return client.send(wanted.method, path, body, signed=who)


@pytest.fixture
def shared(client: "Client") -> "Client":
    for kind in ORDER:
        assert do(client, "create", kind).status == 200, kind
    return client


@pytest.mark.unmeasured
@pytest.mark.parametrize("kind", ORDER)
def test_a_consumer_reads_all_of_it(shared: "Client", kind: str) -> None:
    owners = do(shared, "describe", kind).body
    assert asks(shared, CONSUMER, "describe", kind).body == owners
    if kind != "Mesh":
        assert asks(shared, CONSUMER, "list", kind).body == do(shared, "list", kind).body


@pytest.mark.parametrize("kind", [kind for kind in ORDER if kind != "Mesh"])
def test_a_consumer_changes_nothing_of_the_owner(shared: "Client", kind: str) -> None:
    for command in ("update", "delete"):
        reply = asks(shared, CONSUMER, command, kind)
        assert reply.refusal == DENIED
        assert reply.body["message"].startswith(
            f"User: arn:aws:iam::222222222222:root is not authorized to perform: appmesh:"
            f"{named(command, kind).name} on resource: arn:aws:appmesh:eu-west-1:123456789012:"
        )


def test_a_consumer_makes_what_is_its_own(shared: "Client") -> None:
    make = {"virtualNodeName": "mine", "spec": {"backends": []}}
    made = asks(shared, CONSUMER, "create", "VirtualNode", **make).body
    assert made["metadata"]["arn"].endswith(":222222222222:mesh/pay/virtualNode/mine")
    assert made["metadata"]["meshOwner"] == SCOPE[0]
    assert made["metadata"]["resourceOwner"] == CONSUMER[0]
    owners = "/v20190125/meshes/pay/virtualNodes/mine"
    assert shared.send("GET", owners, signed=SCOPE).body == made
    assert shared.tags(made["metadata"]["arn"], signed=CONSUMER).body == {"tags": []}
    denied = shared.tags(made["metadata"]["arn"], signed=SCOPE)
    assert denied.refusal == DENIED
    update = shared.send("PUT", owners, {"spec": {}}, signed=SCOPE)
    assert update.refusal == DENIED
    path = f"{owners}?meshOwner={SCOPE[0]}"
    assert shared.send("PUT", path, {"spec": {}}, signed=CONSUMER).status == 200
    assert shared.send("DELETE", path, signed=CONSUMER).status == 200
    assert asks(shared, CONSUMER, "create", "VirtualNode", **make).status == 200
    assert shared.send("DELETE", owners, signed=SCOPE).status == 200


def test_a_route_belongs_to_the_owner_of_its_router(shared: "Client") -> None:
    mine = {"routeName": "mine"}
    assert asks(shared, CONSUMER, "create", "Route", **mine).refusal == DENIED
    assert asks(shared, CONSUMER, "create", "VirtualRouter", virtualRouterName="mine").status == 200
    path = f"/v20190125/meshes/pay/virtualRouter/mine/routes?meshOwner={SCOPE[0]}"
    body = request_of(named("create", "Route")).body
    refused = shared.send("PUT", path, body, signed=CONSUMER)
    # It may refer to nodes of its own account alone.
    assert refused.refusal == (404, "NotFoundException")
    asks(shared, CONSUMER, "create", "VirtualNode", virtualNodeName="own", spec={})
    spec = {"tcpRoute": {"action": {"weightedTargets": [{"virtualNode": "own", "weight": 1}]}}}
    body = {"routeName": "r", "spec": spec}
    assert shared.send("PUT", path, body, signed=CONSUMER).status == 200
    assert shared.send("PUT", path.partition("?")[0], body, signed=SCOPE).status in (403, 409)
    body = {"routeName": "another", "spec": spec}
    assert shared.send("PUT", path.partition("?")[0], body, signed=SCOPE).refusal == DENIED


@pytest.mark.parametrize("kind", ["VirtualGateway", "GatewayRoute"])
def test_gateways_are_the_owners(shared: "Client", kind: str) -> None:
    name = {"virtualGatewayName": "g"} if kind == "VirtualGateway" else {"gatewayRouteName": "g"}
    assert asks(shared, CONSUMER, "create", kind, **name).refusal == DENIED


def test_a_mesh_of_the_same_name_is_another(shared: "Client") -> None:
    created = shared.create("pay", CONSUMER).body
    assert shared.describe("pay", CONSUMER).body == created
    assert asks(shared, CONSUMER, "describe", "Mesh").body != created
    assert shared.describe("pay?meshOwner=333333333333", CONSUMER).status == 404
