"""Pages: every mesh once, whatever is written meanwhile."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from endpoint.conftest import Client

MESHES = "/v20190125/meshes"


def names(body: dict[str, list[dict[str, str]]]) -> list[str]:
    return [mesh["meshName"] for mesh in body["meshes"]]


def test_nothing_is_an_empty_list(client: "Client") -> None:
    assert client.send("GET", MESHES).body == {"meshes": []}


def test_an_item_has_neither_uid_nor_spec(client: "Client") -> None:
    metadata = client.create("pay").body["metadata"]
    del metadata["uid"]
    assert client.send("GET", MESHES).body == {"meshes": [metadata | {"meshName": "pay"}]}


def test_pages_neither_skip_nor_repeat_while_meshes_come_and_go(client: "Client") -> None:
    for name in "bdfhj":
        client.create(name)
    first = client.send("GET", f"{MESHES}?limit=2").body
    client.delete("d")
    client.create("a")
    client.create("e")
    second = client.send("GET", f"{MESHES}?limit=2&nextToken={first['nextToken']}").body
    third = client.send("GET", f"{MESHES}?limit=9&nextToken={second['nextToken']}").body
    assert names(first) + names(second) + names(third) == ["b", "d", "e", "f", "h", "j"]
    assert "nextToken" not in third


def test_a_full_last_page_is_the_last(client: "Client") -> None:
    client.create("a")
    client.create("b")
    assert "nextToken" not in client.send("GET", f"{MESHES}?limit=2&nextToken=").body


@pytest.mark.unmeasured
def test_a_page_holds_a_hundred_unless_asked_otherwise(client: "Client") -> None:
    for number in range(101):
        client.create(f"m{number:03}")
    body = client.send("GET", MESHES).body
    assert len(body["meshes"]) == 100
    rest = client.send("GET", f"{MESHES}?nextToken={body['nextToken']}").body
    assert names(rest) == ["m100"]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "ten", "", "1.5", "9" * 30])
def test_limits(client: "Client", limit: str) -> None:
    reply = client.send("GET", f"{MESHES}?limit={limit}")
    assert reply.refusal == (400, "BadRequestException")
    assert reply.body["message"].startswith("limit: must be")


@pytest.mark.parametrize(
    "token", ["x", "%FF", "bnVsbA==", "WyJMaXN0UGF5Il0=", "e30=", "W1tb" * 9_000]
)
def test_a_token_of_nobody_is_refused(client: "Client", token: str) -> None:
    assert client.send("GET", f"{MESHES}?nextToken={token}").refusal == (400, "BadRequestException")


def test_a_token_of_another_list_is_refused(client: "Client") -> None:
    arn = client.create("a", tags=[{"key": key, "value": ""} for key in "kl"]).body["metadata"][
        "arn"
    ]
    token = client.tags(arn, "&limit=1").body["nextToken"]
    assert client.send("GET", f"{MESHES}?nextToken={token}").refusal == (400, "BadRequestException")


def test_unknown_query_parameters_are_ignored(client: "Client") -> None:
    assert client.send("GET", f"{MESHES}?X-Amz-Signature=0").status == 200
