"""What is refused before any operation sees it, and the endpoint's own routes."""

import asyncio
import http.client
import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from endpoint.state.worlds import HERE, Pause

from reconciler import api
from reconciler.endpoint import LocalEndpoint
from reconciler.endpoint.http.endpoint_app import EndpointApp
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.operations import Operations
from reconciler.endpoint.state.sqlite_store import SqliteStore

if TYPE_CHECKING:
    from endpoint.conftest import Client

MESHES = "/v20190125/meshes"
MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8473", 200),
        ("127.0.0.1", 200),
        ("[::1]:8473", 200),
        ("::1", 403),
        ("localhost:1", 200),
        ("LOCALHOST", 200),
        ("192.0.2.7", 200),
        ("attacker.example", 403),
        ("127.0.0.1.attacker.example", 403),
        ("localhost.attacker.example:8473", 403),
        ("[localhost]", 403),
        ("", 403),
    ],
)
def test_only_a_name_that_nobody_can_own_is_served(
    client: "Client", host: str, status: int
) -> None:
    for path in (MESHES, "/_endpoint/calls"):
        assert client.send("GET", path, headers={"Host": host}).status == status


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'"text"',
        b"null",
        b'{"meshName": NaN}',
        b"\xff",
        b"[" * 100_000,
        b'{"meshName": "\\ud800"}',
        b'{"meshName": ' + b"9" * 5000 + b"}",
    ],
    ids=range(9),
)
def test_what_is_no_json_object_is_a_bad_request(client: "Client", body: bytes) -> None:
    reply = client.send("PUT", MESHES, body)
    assert reply.refusal == (400, "BadRequestException")
    assert reply.body["message"].startswith("the body is not")


def test_escaped_characters_are_themselves(client: "Client") -> None:
    body = b'{"meshName": "\\u00e4\\ud83d\\ude00"}'
    assert client.send("PUT", MESHES, body).body["meshName"] == "ä😀"


def test_an_update_may_have_no_body(client: "Client") -> None:
    client.create("pay")
    assert client.send("PUT", f"{MESHES}/pay").status == 200


def test_a_name_in_the_body_does_not_replace_the_one_in_the_path(client: "Client") -> None:
    client.create("pay")
    assert client.update("pay", meshName="other").refusal == (400, "BadRequestException")


def test_a_body_may_have_a_mebibyte(client: "Client") -> None:
    fits = client.send("PUT", MESHES, b" " * MEBIBYTE)
    assert fits.refusal == (400, "BadRequestException")
    over = client.send("PUT", MESHES, b" " * (MEBIBYTE + 1))
    assert over.refusal == (413, "RequestEntityTooLargeException")
    assert over.headers["connection"] == "close"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v20190125/mesh"),
        ("POST", MESHES),
        ("DELETE", MESHES),
        ("GET", "/v20190125/tag"),
        ("GET", f"{MESHES}/a/b/c"),
        ("PUT", "/_endpoint/calls"),
        ("GET", "/_endpoint/state"),
    ],
)
def test_what_is_no_operation(client: "Client", method: str, path: str) -> None:
    assert client.send(method, path).refusal == (404, "UnknownOperationException")


def test_no_answer_invites_web_pages(client: "Client") -> None:
    reply = client.send("OPTIONS", MESHES, headers={"Origin": "https://attacker.example"})
    assert reply.status == 404
    assert not [name for name in reply.headers if name.startswith("access-control")]


def test_calls_are_counted_by_operation(client: "Client") -> None:
    client.create("pay")
    client.create("pay")
    client.describe("pay")
    client.send("POST", "/", b"Action=GetCallerIdentity")
    client.send("GET", "/nowhere")
    assert client.send("GET", "/_endpoint/calls").body == {
        "calls": {"CreateMesh": 2, "DescribeMesh": 1, "GetCallerIdentity": 1},
        "per": "endpoint",
    }
    client.send("DELETE", "/_endpoint/calls")
    assert client.send("GET", "/_endpoint/calls").body["calls"] == {}


def test_emptying_reaches_every_world_and_every_token(client: "Client") -> None:
    other = ("111111111111", "eu-west-1")
    client.create("pay", clientToken="t")
    client.create("pay", other)
    client.send("DELETE", "/_endpoint/state")
    assert client.describe("pay", other).status == 404
    assert client.create("other", clientToken="t").status == 200


def test_one_connection_carries_many_requests(client: "Client") -> None:
    connection = http.client.HTTPConnection(client.address)
    for number in range(3):
        body = json.dumps({"meshName": f"m{number}"})
        connection.request("PUT", MESHES, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
        assert connection.sock is not None
    connection.close()


def sent_to(store: SqliteStore, messages: list[dict[str, object]], method: str = "PUT") -> Any:
    """Give the application a request whose body arrives as ``messages``; return its answer."""
    description = api.load()
    operations = Operations(description, Behavior(), time.time)
    wire = EndpointApp(description, operations, store)
    answered: list[Any] = []
    scope = {
        "type": "http",
        "method": method,
        "raw_path": MESHES.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost"), (b"content-type", b"application/json")],
    }

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        answered.append(message)

    asyncio.run(wire(scope, receive, send))
    return answered[0]["status"], json.loads(answered[1]["body"])


def whole(body: bytes) -> dict[str, object]:
    return {"type": "http.request", "body": body, "more_body": False}


def test_a_request_that_was_cut_has_no_effect() -> None:
    store = SqliteStore(None)
    sound = b'{"meshName": "pay"}'
    part = {"type": "http.request", "body": sound, "more_body": True}
    assert sent_to(store, [part, {"type": "http.disconnect"}])[0] == 400
    assert sent_to(store, [whole(sound)])[0] == 200
    store.close()


def test_a_request_that_is_too_long_has_no_effect() -> None:
    store = SqliteStore(None)
    status, body = sent_to(store, [whole(b'{"meshName": "pay"}' + b" " * MEBIBYTE)])
    assert (status, body["message"]) == (413, f"the body must not exceed {MEBIBYTE} bytes")
    assert sent_to(store, [whole(b"")], "GET")[1] == {"meshes": []}
    store.close()


def test_a_database_that_is_busy_is_a_503_without_effect(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path, busy_seconds=0)
    other = sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    status, body = sent_to(store, [whole(b'{"meshName": "pay"}')])
    assert (status, body["message"]) == (503, "the database failed: database is locked")
    other.execute("ROLLBACK")
    other.close()
    assert sent_to(store, [whole(b"")], "GET")[1] == {"meshes": []}
    assert sent_to(store, [whole(b'{"meshName": "pay"}')])[0] == 200
    store.close()


def test_a_write_that_waits_too_long_is_a_503_without_effect(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        pause = Pause()
        holding = store.write(HERE, pause)
        pause.begun()
        status, body = sent_to(store, [whole(b'{"meshName": "pay"}')])
        assert (status, body["message"]) == (503, "the database does not answer")
        pause.go()
        holding.result()
        assert sent_to(store, [whole(b"")], "GET")[1] == {"meshes": []}


def test_a_database_that_fails_is_a_500(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path)
    with sqlite3.connect(tmp_path / "state.sqlite3") as other:
        other.execute("DROP TABLE resource")
    other.close()
    assert sent_to(store, [whole(b'{"meshName": "pay"}')])[0] == 500
    assert sent_to(store, [whole(b"")], "GET")[0] == 500
    store.close()


def test_a_name_that_was_allowed_is_served(
    client_of: "Callable[[LocalEndpoint], Client]",
) -> None:
    with LocalEndpoint(None, allow_hosts=["Mesh.Example"]) as endpoint:
        client = client_of(endpoint)
        for host, status in (("mesh.example:80", 200), ("x.mesh.example", 403)):
            assert client.send("GET", MESHES, headers={"Host": host}).status == status


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=utf-8", 200),
        ("application/x-amz-json-1.0", 200),
        ("application/x-amz-json-1.1", 200),
        ("", 200),
        ("text/plain", 415),
        ("text/plain; charset=utf-8", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/xml", 415),
        ("application/json, text/plain", 415),
    ],
)
def test_a_body_has_to_call_itself_json_or_nothing(
    client: "Client", content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type}
    body = {"meshName": "pay"}
    reply = client.send("PUT", MESHES, body, headers=headers)
    assert reply.status == status
    if status == 415:
        assert reply.headers["x-amzn-errortype"] == "UnsupportedMediaTypeException"
        assert client.describe("pay").status == 404
    elif not content_type:
        for origin in ("null", "https://attacker.example", "http://127.0.0.1:8473"):
            reply = client.send("PUT", MESHES, body, headers={**headers, "Origin": origin})
            assert reply.refusal == (415, "UnsupportedMediaTypeException")


@pytest.mark.parametrize("content_type", ["application/x-amz-json-1.1", "text/plain", ""])
def test_a_body_for_the_endpoints_own_routes_is_json(client: "Client", content_type: str) -> None:
    headers = {"Content-Type": content_type}
    assert client.send("PUT", "/_endpoint/faults", {"faults": []}, headers=headers).status == 415
