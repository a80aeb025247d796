"""Creating, updating, describing and deleting, as a client sees it."""

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

pytestmark = pytest.mark.unmeasured

if TYPE_CHECKING:
    from endpoint.conftest import Client, Clock

DROP = {"egressFilter": {"type": "DROP_ALL"}}
ALLOW = {"egressFilter": {"type": "ALLOW_ALL"}}


def test_the_sample_of_the_api_page(client: "Client") -> None:
    token = "34a20934-da3a-43a0-9d1b-390308a7393b"  # noqa: S105 - a client token
    reply = client.create("ecs-mesh", ("123456789012", "us-east-1"), clientToken=token)
    uid = reply.body["metadata"].pop("uid")
    assert reply.status == 200
    assert reply.headers["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f-]{36}", reply.headers["x-amzn-requestid"])
    assert reply.headers["date"]
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", uid)
    assert reply.body == {
        "meshName": "ecs-mesh",
        "metadata": {
            "arn": "arn:aws:appmesh:us-east-1:123456789012:mesh/ecs-mesh",
            "createdAt": 1_700_000_000.25,
            "lastUpdatedAt": 1_700_000_000.25,
            "meshOwner": "123456789012",
            "resourceOwner": "123456789012",
            "version": 1,
        },
        "spec": {},
        "status": {"status": "ACTIVE"},
    }


@pytest.mark.parametrize("spec", [{}, DROP, ALLOW, {"serviceDiscovery": {}}])
def test_a_spec_is_echoed_and_not_defaulted(client: "Client", spec: object) -> None:
    assert client.create("pay", spec=spec).body["spec"] == spec
    assert client.describe("pay").body["spec"] == spec


def test_a_null_member_is_an_absent_one(client: "Client") -> None:
    reply = client.create("pay", spec={"egressFilter": None}, tags=None)
    assert (reply.status, reply.body["spec"]) == (200, {})


def test_a_created_mesh_is_described_as_it_was_answered(client: "Client") -> None:
    created = client.create("pay", spec=DROP)
    assert client.describe("pay").body == created.body


def test_an_update_replaces_the_spec_and_raises_the_version(
    client: "Client", clock: "Clock"
) -> None:
    created = client.create("pay", spec={**DROP, "serviceDiscovery": {"ipPreference": "IPv4_ONLY"}})
    clock.now += 10
    updated = client.update("pay", spec=ALLOW).body
    assert updated["spec"] == ALLOW
    assert updated["metadata"] == created.body["metadata"] | {
        "version": 2,
        "lastUpdatedAt": clock.now,
    }
    assert client.describe("pay").body == updated


def test_an_update_without_a_spec_clears_it(client: "Client") -> None:
    client.create("pay", spec=DROP)
    assert client.update("pay").body["spec"] == {}


def test_a_clock_set_back_does_not_make_a_mesh_younger(client: "Client", clock: "Clock") -> None:
    client.create("pay")
    clock.now -= 60
    assert client.update("pay").body["metadata"]["lastUpdatedAt"] == clock.START
    assert client.delete("pay").body["metadata"]["lastUpdatedAt"] == clock.START


def test_a_delete_answers_the_last_spec(client: "Client", clock: "Clock") -> None:
    created = client.create("pay", spec=DROP).body
    clock.now += 5
    assert client.delete("pay").body == created | {
        "metadata": created["metadata"] | {"lastUpdatedAt": clock.now},
        "status": {"status": "DELETED"},
    }
    assert client.describe("pay").refusal == (404, "NotFoundException")


def test_a_name_used_again_is_another_incarnation(client: "Client") -> None:
    first = client.create("pay").body["metadata"]
    client.update("pay")
    client.delete("pay")
    second = client.create("pay").body["metadata"]
    assert second["version"] == 1
    assert second["uid"] != first["uid"]


@pytest.mark.parametrize("spec", [{}, DROP])
def test_a_live_name_is_not_created_again(client: "Client", spec: object) -> None:
    client.create("pay", clientToken="one", spec=DROP)
    for token in (None, "two"):
        reply = client.create("pay", spec=spec, clientToken=token)
        assert reply.refusal == (409, "ConflictException")
        assert reply.body == {
            "message": "Mesh with name pay already exists for account 000000000000"
        }
    assert client.describe("pay").body["spec"] == DROP


def test_what_is_not_there_is_not_found(client: "Client") -> None:
    for reply in (client.describe("pay"), client.update("pay"), client.delete("pay")):
        assert reply.refusal == (404, "NotFoundException")
        assert reply.body == {
            "message": "Mesh with name pay is not present for account 000000000000"
        }


def test_the_owner_may_be_named_but_nobody_else(client: "Client") -> None:
    client.create("pay")
    assert client.describe("pay?meshOwner=000000000000").status == 200
    other = client.describe("pay?meshOwner=111111111111")
    assert other.refusal == (404, "NotFoundException")
    assert other.body["message"].endswith("for account 111111111111")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "meshName: is required"),
        ({"meshName": ""}, "meshName: must have 1 to 255 characters, not 0"),
        ({"meshName": "m" * 256}, "meshName: must have 1 to 255 characters, not 256"),
        ({"meshName": "a/b"}, "meshName: must not contain a slash or a control character"),
        ({"meshName": "a\n"}, "meshName: must not contain a slash or a control character"),
        ({"meshName": 7}, "meshName: must be a string, not 7"),
        (
            {"meshName": "m", "spec": {"egressFilter": {"type": "NOPE"}}},
            "spec.egressFilter.type: must be ALLOW_ALL or DROP_ALL, not 'NOPE'",
        ),
        (
            {"meshName": "m", "spec": {"egressFilter": {}}},
            "spec.egressFilter.type: is required",
        ),
        ({"meshName": "m", "specs": {}}, "specs: is not a member of this request"),
        ({"meshName": "m", "meshOwner": "1"}, "meshOwner: is not a member of this request"),
    ],
)
def test_a_bad_request_says_what_is_wrong(client: "Client", body: object, says: str) -> None:
    reply = client.send("PUT", "/v20190125/meshes", body)
    assert reply.refusal == (400, "BadRequestException")
    assert reply.body == {"message": says}


def test_every_complaint_comes_at_once_up_to_five(client: "Client") -> None:
    tags = [{"key": "", "value": ""}] * 9
    message = client.create("m" * 256, tags=tags).body["message"]
    assert message.count("; ") == 4


@pytest.mark.parametrize("name", ["m", "m" * 255, "has space", "ä-ö.ü_~", "%41", "q?x=1"])
def test_any_other_name_will_do(client: "Client", name: str) -> None:
    assert client.create(name).body["meshName"] == name
    assert client.describe(quote(name, "")).body["meshName"] == name


def test_a_slash_in_the_path_is_a_slash_in_the_name(client: "Client") -> None:
    assert client.describe("a%2Fb").refusal == (400, "BadRequestException")
    assert client.describe("").refusal == (400, "BadRequestException")
