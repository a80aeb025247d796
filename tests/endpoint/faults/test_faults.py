"""Faults: described as data, refused with words, and seen to break what they say."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.endpoint import InvalidFaultsError, LocalEndpoint
from reconciler.endpoint.faults.fault_list import Faults, read_faults

if TYPE_CHECKING:
    from endpoint.conftest import Client, Clock

FAULTS = "/_endpoint/faults"
DROP = {"egressFilter": {"type": "DROP_ALL"}}
OPERATIONS = ["CreateMesh", "DescribeMesh", "DeleteMesh", "ListMeshes"]


@pytest.fixture
def breaking(client: "Client") -> "Iterator[Callable[..., None]]":
    """Put faults in force; each is given as keyword arguments in a dictionary."""

    def put(*faults: dict[str, Any], seed: int = 0) -> None:
        reply = client.send("PUT", FAULTS, {"seed": seed, "faults": faults})
        assert reply.status == 200, reply.body

    yield put
    client.send("DELETE", FAULTS)


def strikes(content: dict[str, Any], calls: int, operation: str = "CreateMesh") -> list[int]:
    faults = Faults(content, OPERATIONS)
    return [number for number in range(calls) if faults.match(operation, f"m{number}")]


def test_calls_are_counted_among_those_that_match() -> None:
    fault = {"fault": "error", "operation": "Create*", "name": "m[1357]", "calls": [1, 3]}
    assert strikes({"faults": [fault]}, 8) == [1, 5]
    assert strikes({"faults": [fault]}, 8, "DeleteMesh") == []


def test_a_rate_is_drawn_alike_from_the_same_seed() -> None:
    content = {"seed": 7, "faults": [{"fault": "error", "rate": 0.2}]}
    first = strikes(content, 1000)
    assert first == strikes(content, 1000)
    assert 150 < len(first) < 250
    assert first != strikes({**content, "seed": 8}, 1000)
    assert strikes({"faults": [{"fault": "error", "rate": 0}]}, 100) == []


def test_the_first_that_strikes_is_the_only_one() -> None:
    rows = [{"fault": "throttle", "calls": [2]}, {"fault": "error", "calls": [2, 3]}]
    faults = Faults({"faults": rows}, OPERATIONS)
    struck = [faults.match("CreateMesh", "m") for _ in range(3)]
    assert [each and each.fault for each in struck] == [None, "throttle", "error"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "the body: must be an object, not a list"),
        ({}, "faults: is required"),
        ({"faults": [{}]}, "faults.0.fault: is required"),
        ({"faults": [{"fault": "explode"}]}, "faults.0.fault: must be throttle or error or"),
        ({"faults": [{"fault": "error", "when": 1}]}, "faults.0.when: is not a member"),
        ({"faults": [{"fault": "error", "calls": [0]}]}, "faults.0.calls.0: must be 1 or more"),
        ({"faults": [{"fault": "error", "rate": 2}]}, "faults.0.rate: must be 0 to 1, not 2"),
        ({"faults": [{"fault": "error", "status": 200}]}, "faults.0.status: must be 400 to 599"),
        ({"faults": [{"fault": "error", "operation": "Made*"}]}, "Made* matches no operation"),
        ({"faults": [{"fault": "hang", "seconds": -1}]}, "seconds: must not be negative"),
        ({"faults": [{"fault": "delay"}]}, "faults.0.seconds: is required for a delay"),
        ({"faults": [], "seed": "x"}, "seed: must be a whole number"),
    ],
)
def test_bad_descriptions_are_refused_with_words(
    client: "Client", content: object, says: str
) -> None:
    with pytest.raises(InvalidFaultsError) as caught:
        Faults(content, OPERATIONS)  # type: ignore[arg-type]
    assert says in str(caught.value)
    reply = client.send("PUT", FAULTS, content)
    assert reply.refusal == (400, "BadRequestException")
    assert says in reply.body["message"]
    assert client.send("GET", FAULTS).body == {"faults": [], "per": "endpoint"}


def test_they_are_read_from_a_file_or_from_text(tmp_path: Path) -> None:
    text = json.dumps({"faults": [{"fault": "throttle"}]})
    file = tmp_path / "faults.json"
    file.write_text(text)
    for source in (text, str(file)):
        assert read_faults(source, OPERATIONS).content == json.loads(text)
    file.write_text("{")
    for wrong in (str(file), str(tmp_path / "none"), str(tmp_path), "{"):
        with pytest.raises(InvalidFaultsError, match="cannot read the faults from"):
            read_faults(wrong, OPERATIONS)


def test_a_bad_file_stops_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(InvalidFaultsError),
        LocalEndpoint(tmp_path, faults='{"faults": [{"fault": "x"}]}'),
    ):
        pytest.fail("it was served")
    assert list(tmp_path.iterdir()) == []


def test_they_are_there_from_the_start(client_of: "Callable[[LocalEndpoint], Client]") -> None:
    with LocalEndpoint(None, faults='{"faults": [{"fault": "throttle", "calls": [1]}]}') as serving:
        client = client_of(serving)
        assert client.create("pay").refusal == (429, "TooManyRequestsException")
        assert client.create("pay").status == 200


def test_they_are_put_shown_and_deleted(client: "Client") -> None:
    content = {"seed": 1, "faults": [{"fault": "throttle", "operation": "CreateMesh"}]}
    shown = client.send("PUT", FAULTS, content).body
    assert shown == {**content, "per": "endpoint"}
    assert client.send("GET", FAULTS).body == shown
    assert client.send("PUT", FAULTS, shown).body == shown
    assert client.create("pay").status == 429
    assert client.describe("pay").status == 404
    assert client.send("DELETE", FAULTS).body["faults"] == []
    assert client.create("pay").status == 200
    assert client.send("PUT", FAULTS, b"{").refusal == (400, "BadRequestException")


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("fault", "refusal"),
    [
        ({"fault": "throttle"}, (429, "TooManyRequestsException")),
        ({"fault": "error"}, (500, "InternalServerErrorException")),
        ({"fault": "error", "status": 503}, (503, "ServiceUnavailableException")),
        ({"fault": "error", "status": 409}, (409, "ConflictException")),
        ({"fault": "error", "status": 504}, (504, "InternalServerErrorException")),
        (
            {"fault": "error", "status": 400, "code": "LimitExceededException"},
            (400, "LimitExceededException"),
        ),
    ],
)
@pytest.mark.parametrize("effect", ["before", "after"])
def test_errors(
    client: "Client",
    breaking: Callable[..., None],
    fault: dict[str, Any],
    refusal: tuple[int, str],
    effect: str,
) -> None:
    breaking({**fault, "operation": "CreateMesh", "effect": effect})
    assert client.create("pay").refusal == refusal
    assert client.describe("pay").status == (200 if effect == "after" else 404)


def test_a_conflict_of_a_delete_is_a_use(client: "Client", breaking: Callable[..., None]) -> None:
    breaking({"fault": "error", "status": 409})
    assert client.delete("pay").refusal == (409, "ResourceInUseException")


@pytest.mark.parametrize(("effect", "status"), [(None, 200), ("after", 200), ("before", 404)])
def test_a_lost_reply(
    client: "Client", breaking: Callable[..., None], effect: str | None, status: int
) -> None:
    chosen = {"effect": effect} if effect else {}
    breaking({"fault": "lost-reply", "operation": "CreateMesh", **chosen})
    with pytest.raises(http.client.RemoteDisconnected):
        client.create("pay")
    assert client.describe("pay").status == status


def test_a_cut_answer(client: "Client", breaking: Callable[..., None]) -> None:
    breaking({"fault": "cut", "calls": [1]}, {"fault": "cut", "effect": "before", "calls": [2]})
    for name in ("after", "before"):
        with pytest.raises(http.client.IncompleteRead) as caught:
            client.create(name)
        assert caught.value.partial
    assert client.describe("after").status == 200
    assert client.describe("before").status == 404


def test_html_and_empty_answers(client: "Client", breaking: Callable[..., None]) -> None:
    breaking(
        {"fault": "html", "calls": [1]},
        {"fault": "html", "calls": [1], "status": 404},
        {"fault": "empty", "calls": [1]},
    )
    page = client.create("pay")
    assert (page.status, page.headers["content-type"]) == (502, "text/html")
    assert page.headers["x-amzn-errortype"] is None
    assert client.describe("pay").status == 404
    # The other two counted that call as well; their number has passed.
    breaking({"fault": "empty", "operation": "CreateMesh"})
    with pytest.raises(json.JSONDecodeError):
        client.create("pay")
    assert client.describe("pay").status == 200


def test_a_delay(client: "Client", breaking: Callable[..., None]) -> None:
    breaking(
        {"fault": "delay", "seconds": 0.05, "operation": "CreateMesh"},
        {"fault": "delay", "seconds": 0.05, "effect": "after", "operation": "DeleteMesh"},
    )
    for ask in (client.create, client.delete):
        began = time.monotonic()
        assert ask("pay").status == 200
        assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize("seconds", [None, 0.05])
def test_a_hang(client: "Client", breaking: Callable[..., None], seconds: float | None) -> None:
    chosen = {"seconds": seconds} if seconds else {}
    breaking({"fault": "hang", "operation": "DescribeMesh", **chosen})
    host, port = client.address.split(":")
    connection = socket.create_connection((host, int(port)))
    connection.sendall(b"GET /v20190125/meshes/pay HTTP/1.1\r\nHost: localhost\r\n\r\n")
    if seconds:
        assert connection.recv(1) == b""
    else:
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(1)
    connection.close()


def test_a_stale_read_and_one_that_lags(client: "Client", breaking: Callable[..., None]) -> None:
    reads = {"operation": "[DL]*Mesh*"}
    breaking({"fault": "stale", "calls": [1], **reads}, {"fault": "lag", "versions": 2, **reads})
    client.create("pay", spec={})
    client.update("pay", spec=DROP)
    client.update("pay", spec={})
    versions = [client.describe("pay").body["metadata"]["version"] for _ in range(3)]
    assert versions == [2, 1, 1]
    client.create("new")
    assert client.describe("new").status == 404
    meshes = client.send("GET", "/v20190125/meshes").body["meshes"]
    assert [mesh["version"] for mesh in meshes] == [1]
    client.delete("pay")
    assert client.describe("pay").body["metadata"]["version"] == 2
    client.send("DELETE", FAULTS)
    assert client.describe("pay").status == 404


def test_a_lag_of_seconds(client: "Client", clock: "Clock", breaking: Callable[..., None]) -> None:
    breaking({"fault": "lag", "seconds": 5, "operation": "Describe*"})
    client.create("pay")
    assert client.describe("pay").status == 404
    clock.now += 5
    assert client.describe("pay").status == 200


def test_a_duplicate_with_a_token_has_one_effect(
    client: "Client", breaking: Callable[..., None]
) -> None:
    breaking({"fault": "duplicate", "operation": "*Mesh"})
    assert client.create("pay").status == 200
    assert client.update("pay", clientToken="t").body["metadata"]["version"] == 2
    assert client.describe("pay").body["metadata"]["version"] == 2
    assert client.update("pay").body["metadata"]["version"] == 3
    assert client.describe("pay").body["metadata"]["version"] == 4


def test_a_duplicate_may_come_late(client: "Client", breaking: Callable[..., None]) -> None:
    breaking({"fault": "duplicate", "operation": "DeleteMesh", "seconds": 0.05})
    client.create("pay")
    assert client.delete("pay").status == 200
    assert client.create("pay").status == 200
    gone = threading.Event()
    deadline = time.monotonic() + 5
    while client.describe("pay").status == 200 and time.monotonic() < deadline:
        gone.wait(0.01)
    assert client.describe("pay").status == 404


def test_other_services_are_struck_by_name(client: "Client", breaking: Callable[..., None]) -> None:
    breaking({"fault": "throttle", "operation": "Get*"})
    assert client.send("POST", "/", b"Action=GetCallerIdentity").status == 400
    assert client.send("POST", "/", b"Action=AssumeRole").body.count("InvalidAction") == 1
