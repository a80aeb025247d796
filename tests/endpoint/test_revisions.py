"""Writes answer the revision of the scope that they changed."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from endpoint.conftest import Client, Reply

OURS, THEIRS = ("222222222222", "eu-north-1"), ("333333333333", "eu-north-1")
NODES = "/v20190125/meshes/pay/virtualNodes"


def revision(reply: "Reply") -> int:
    assert reply.status == 200, reply.body
    return int(reply.headers["x-mesh-revision"])


def test_each_write_is_one_more(client: "Client") -> None:
    created = client.create("pay", OURS, clientToken="t")
    first = revision(created)
    arn = created.body["metadata"]["arn"]
    path = f"/v20190125/tag?resourceArn={arn}"
    tagged = client.send("PUT", path, {"tags": [{"key": "a", "value": "1"}]}, signed=OURS)
    assert revision(tagged) == first + 1
    replayed = client.create("pay", OURS, clientToken="t")
    assert (replayed.body, revision(replayed)) == (created.body, first + 1)
    deleted = client.send("DELETE", "/v20190125/meshes/pay", signed=OURS)
    assert revision(deleted) == first + 2
    for reply in (client.describe("pay", OURS), client.create("a/b", OURS)):
        assert reply.headers["x-mesh-revision"] is None


def test_a_write_into_a_shared_mesh_counts_in_the_scope_of_the_mesh(client: "Client") -> None:
    first = revision(client.create("pay", OURS))
    body = {"virtualNodeName": "guest", "spec": {}, "clientToken": "t"}
    path = f"{NODES}?meshOwner={OURS[0]}"
    guest = client.send("PUT", path, body, signed=THEIRS)
    again = client.send("PUT", path, body, signed=THEIRS)
    assert revision(guest) == revision(again) == first + 1
    tags = {"tags": [{"key": "a", "value": "1"}]}
    arn = guest.body["metadata"]["arn"]
    tagged = client.send("PUT", f"/v20190125/tag?resourceArn={arn}", tags, signed=THEIRS)
    assert revision(tagged) == first + 2


def test_the_list_of_meshes_has_the_revision_of_its_scope(client: "Client") -> None:
    last = revision(client.create("pay", OURS))
    listed = client.send("GET", "/v20190125/meshes", signed=OURS)
    assert revision(listed) == last
    elsewhere = client.send("GET", "/v20190125/meshes", signed=THEIRS)
    arn = client.describe("pay", OURS).body["metadata"]["arn"]
    tags = {"tags": [{"key": "a", "value": "1"}]}
    client.send("PUT", f"/v20190125/tag?resourceArn={arn}", tags, signed=OURS)
    assert revision(client.send("GET", "/v20190125/meshes", signed=OURS)) == last + 1
    again = client.send("GET", "/v20190125/meshes", signed=THEIRS)
    assert revision(again) == revision(elsewhere)
    nodes = client.send("GET", NODES, signed=OURS)
    assert nodes.headers["x-mesh-revision"] is None


@pytest.mark.parametrize("path", ["/v20190125/meshes/a%00b", "/v20190125/meshes?nextToken=%00"])
def test_a_text_that_postgresql_cannot_store_is_refused(client: "Client", path: str) -> None:
    reply = client.send("GET", path)
    assert reply.refusal == (400, "BadRequestException")
    assert "U+0000" in reply.body["message"]
    assert client.create("pay", clientToken="a\0").refusal == (400, "BadRequestException")
