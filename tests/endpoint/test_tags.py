"""Tags: merged, limited, and reached by ARN alone."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from endpoint.conftest import Client

ARN = "arn:aws:appmesh:us-east-1:000000000000:mesh/pay"


def rows(**tags: str) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in tags.items()]


def test_a_mesh_is_created_with_its_tags(client: "Client") -> None:
    client.create("pay", tags=rows(b="2", a="1"))
    assert client.tags(ARN).body == {"tags": rows(a="1", b="2")}


def test_tagging_merges_and_untagging_forgives(client: "Client") -> None:
    before = client.create("pay", tags=rows(a="1", b="2")).body
    assert client.tag(ARN, {"b": "3", "c": ""}).body == {}
    assert client.untag(ARN, "a", "nothing").body == {}
    assert client.tags(ARN).body == {"tags": rows(b="3", c="")}
    assert client.describe("pay").body == before


def test_tags_go_with_the_mesh(client: "Client") -> None:
    client.create("pay", tags=rows(a="1"))
    client.delete("pay")
    client.create("pay")
    assert client.tags(ARN).body == {"tags": []}


def test_fifty_tags_are_the_most(client: "Client") -> None:
    client.create("pay", tags=rows(**{f"k{n}": "" for n in range(49)}))
    assert client.tag(ARN, {"k0": "new", "k49": ""}).status == 200
    refused = client.tag(ARN, {"k0": "newer", "k50": ""})
    assert refused.refusal == (400, "TooManyTagsException")
    tags = client.tags(ARN).body["tags"]
    assert len(tags) == 50
    assert {"key": "k0", "value": "new"} in tags


def test_a_create_has_fifty_at_most_too(client: "Client") -> None:
    reply = client.create("pay", tags=rows(**{f"k{n}": "" for n in range(51)}))
    assert reply.refusal == (400, "BadRequestException")
    assert reply.body == {"message": "tags: must have 0 to 50 items, not 51"}


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("", "v", 400),
        ("k", "", 200),
        ("k" * 128, "v" * 256, 200),
        ("k" * 129, "v", 400),
        ("k", "v" * 257, 400),
        ("aws:k", "v", 400),
        ("AWS:k", "v", 400),
        ("k", "aws:v", 400),
        ("k:aws:", "v", 200),
    ],
)
def test_what_a_tag_may_be(client: "Client", key: str, value: str, status: int) -> None:
    client.create("pay")
    assert client.tag(ARN, {key: value}).status == status


def test_a_key_is_given_once(client: "Client") -> None:
    reply = client.create("pay", tags=rows(a="1") + rows(a="2"))
    assert reply.body == {"message": "tags: the key 'a' is given 2 times"}


def test_tags_come_in_pages(client: "Client") -> None:
    client.create("pay", tags=rows(a="1", b="2", c="3"))
    first = client.tags(ARN, "&limit=2").body
    assert first["tags"] == rows(a="1", b="2")
    second = client.tags(ARN, f"&limit=2&nextToken={first['nextToken']}").body
    assert second == {"tags": rows(c="3")}
    assert client.tags(ARN, "&limit=51").refusal == (400, "BadRequestException")


@pytest.mark.parametrize(
    ("arn", "refusal"),
    [
        ("arn:aws:appmesh:us-east-1:000000000000:mesh/gone", (404, "NotFoundException")),
        ("arn:aws:appmesh:us-east-1:111111111111:mesh/pay", (403, "AccessDeniedException")),
        ("arn:aws:appmesh:eu-west-1:000000000000:mesh/pay", (400, "BadRequestException")),
        ("arn:aws-cn:appmesh:us-east-1:000000000000:mesh/pay", (400, "BadRequestException")),
        ("arn:aws:s3:us-east-1:000000000000:mesh/pay", (400, "BadRequestException")),
        ("arn:aws:appmesh:us-east-1:000000000000:pay", (400, "BadRequestException")),
        ("arn:aws:appmesh:us-east-1:000000000000:fish/pay", (400, "BadRequestException")),
        ("pay", (400, "BadRequestException")),
    ],
)
def test_an_arn_that_leads_nowhere(client: "Client", arn: str, refusal: tuple[int, str]) -> None:
    client.create("pay")
    replies = client.tags(arn), client.tag(arn, {"a": "1"}), client.untag(arn, "a")
    assert [reply.refusal for reply in replies] == [refusal] * 3


def test_the_arn_is_required(client: "Client") -> None:
    assert client.send("GET", "/v20190125/tags").body == {"message": "resourceArn: is required"}
