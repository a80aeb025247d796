"""All seven kinds behave alike, in their own places and under their own names."""

from typing import TYPE_CHECKING, Any

import pytest
from endpoint.samples import NAMES, ORDER, SCOPE, SPECS, arn, named, request_of

from reconciler.api import load, violations

pytestmark = pytest.mark.unmeasured

if TYPE_CHECKING:
    from endpoint.conftest import Client, Clock, Reply


def do(client: "Client", command: str, kind: str, **members: Any) -> "Reply":
    wanted = request_of(named(command, kind))
    body = (wanted.body or {}) | members if wanted.body or members else None
    return client.send(wanted.method, wanted.path, body, signed=SCOPE)


@pytest.fixture
def built(client: "Client") -> "Client":
    """A client of an endpoint that holds one resource of each kind."""
    for kind in ORDER:
        assert do(client, "create", kind).status == 200, kind
    return client


@pytest.mark.parametrize("kind", ORDER)
def test_a_resource_of_its_birth_to_its_death(built: "Client", clock: "Clock", kind: str) -> None:
    described = do(built, "describe", kind)
    metadata = described.body["metadata"]
    assert metadata["arn"] == arn(kind)
    assert (metadata["meshOwner"], metadata["resourceOwner"]) == (SCOPE[0], SCOPE[0])
    for name in load().kinds[kind].path:
        assert described.body[name] == NAMES[name]
    assert described.body["status"] == {"status": "ACTIVE"}
    assert not list(violations(named("describe", kind).response, {payload(kind): described.body}))
    listed = do(built, "list", kind)
    assert not list(violations(named("list", kind).response, listed.body))
    (item,) = next(iter(listed.body.values()))
    assert item == {
        name: value for name, value in {**metadata, **described.body}.items() if name in item
    }
    assert "uid" not in item
    clock.now += 1
    updated = do(built, "update", kind).body
    assert updated["metadata"]["version"] == 2
    assert updated["metadata"]["uid"] == metadata["uid"]
    assert do(built, "create", kind).refusal == (409, "ConflictException")
    for above in reversed(ORDER):
        deleted = do(built, "delete", above)
        assert deleted.status == 200, deleted.body
        if above == kind:
            break
    assert deleted.body["status"] == {"status": "DELETED"}
    assert deleted.body["metadata"]["version"] == (2 if kind == "Mesh" else 3)
    assert deleted.body["spec"] == updated["spec"]
    for command in ("describe", "update", "delete"):
        assert do(built, command, kind).refusal == (404, "NotFoundException")
    if kind != "Mesh":
        assert do(built, "list", kind).body == {next(iter(listed.body)): []}
        again = do(built, "create", kind).body["metadata"]
        assert again["version"] == 1
        assert again["uid"] != metadata["uid"]


def payload(kind: str) -> str:
    return named("describe", kind).payload or ""


@pytest.mark.parametrize("kind", [kind for kind in ORDER if kind != "VirtualNode"])
def test_a_spec_comes_back_as_it_was_sent(built: "Client", kind: str) -> None:
    expected = SPECS[kind]
    shown = do(built, "describe", kind).body["spec"]
    if kind == "VirtualGateway":
        assert shown["listeners"][0]["healthCheck"].pop("port") == 80
    assert shown == expected


@pytest.mark.parametrize("kind", ORDER)
def test_every_kind_has_tags(built: "Client", kind: str) -> None:
    assert built.tags(arn(kind), signed=SCOPE).body == {"tags": []}
    for command in ("tag", "untag"):
        operation = next(it for it in load().operations.values() if it.action == command)
        wanted = request_of(operation, kind)
        assert built.send(wanted.method, wanted.path, wanted.body, signed=SCOPE).body == {}
        expected = [{"key": "team", "value": "pay"}] if command == "tag" else []
        assert built.tags(arn(kind), signed=SCOPE).body == {"tags": expected}


def test_names_are_those_of_their_parent(built: "Client") -> None:
    assert do(built, "create", "Mesh", meshName="other").status == 200
    wanted = request_of(named("create", "VirtualNode"))
    path = wanted.path.replace("pay", "other")
    assert built.send("PUT", path, wanted.body, signed=SCOPE).status == 200
    assert do(built, "list", "VirtualNode").body["virtualNodes"][0]["meshName"] == "pay"


@pytest.mark.measured
@pytest.mark.parametrize(
    ("kind", "without", "says"),
    [
        ("VirtualNode", "Mesh", "Mesh with name pay is not present for account 123456789012"),
        (
            "Route",
            "VirtualRouter",
            "VirtualRouter with name edge is not present under mesh pay for account 123456789012",
        ),
        ("Route", "Mesh", "Mesh with name pay is not present for account 123456789012"),
        (
            "GatewayRoute",
            "VirtualGateway",
            "VirtualGateway with name front is not present under mesh pay for account 123456789012",
        ),
    ],
)
def test_a_parent_has_to_be_there(client: "Client", kind: str, without: str, says: str) -> None:
    for each in ORDER[: ORDER.index(without)]:
        assert do(client, "create", each).status == 200
    for command in ("create", "update", "describe", "delete", "list"):
        reply = do(client, command, kind)
        assert reply.refusal == (404, "NotFoundException")
        assert reply.body == {"message": says}


def test_an_absent_child_is_told_with_its_place(built: "Client") -> None:
    path = "/v20190125/meshes/pay/virtualRouter/edge/routes/gone"
    assert built.send("GET", path, signed=SCOPE).body["message"] == (
        "Route with name gone is not present under VirtualRouter edge under mesh pay"
        " for account 123456789012"
    )
