"""A served endpoint, a clock that tests turn, and a client that hides nothing of HTTP."""

import http.client
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from endpoint.postgresql import PostgreSQL

from reconciler.endpoint import LocalEndpoint

MESHES = "/v20190125/meshes"


class Clock:
    """Seconds since 1970 that stand still until a test moves them."""

    START = 1_700_000_000.25

    def __init__(self) -> None:
        self.now = self.START

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; ``body`` is parsed where it is JSON."""

    status: int
    headers: http.client.HTTPMessage
    body: Any

    @property
    def refusal(self) -> tuple[int, str | None]:
        """The status and the name of the error."""
        return self.status, self.headers["x-amzn-errortype"]


class Client:
    """Sends requests as they are given, unsigned unless a scope is given."""

    def __init__(self, url: str) -> None:
        self.address = url.removeprefix("http://")

    def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        signed: tuple[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Send one request; ``signed`` is an access key id and a region."""
        sent = dict(headers or {})
        if signed:
            scope = f"{signed[0]}/20231114/{signed[1]}/appmesh/aws4_request"
            sent["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, Signature=0"
        if body is not None:
            sent = {"Content-Type": "application/json"} | sent
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.address)
        try:
            connection.request(method, path, content, sent)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        is_json = answer.headers["content-type"] == "application/json"
        return Reply(answer.status, answer.headers, json.loads(text) if is_json else text)

    def create(self, name: str, signed: tuple[str, str] | None = None, **members: object) -> Reply:
        return self.send("PUT", MESHES, {"meshName": name, **members}, signed=signed)

    def update(self, name: str, **members: object) -> Reply:
        return self.send("PUT", f"{MESHES}/{name}", members)

    def describe(self, name: str, signed: tuple[str, str] | None = None) -> Reply:
        return self.send("GET", f"{MESHES}/{name}", signed=signed)

    def delete(self, name: str) -> Reply:
        return self.send("DELETE", f"{MESHES}/{name}")

    def tag(self, arn: str, tags: dict[str, str]) -> Reply:
        rows = [{"key": key, "value": value} for key, value in tags.items()]
        return self.send("PUT", f"/v20190125/tag?resourceArn={quote(arn, '')}", {"tags": rows})

    def untag(self, arn: str, *keys: str) -> Reply:
        return self.send("PUT", f"/v20190125/untag?resourceArn={quote(arn, '')}", {"tagKeys": keys})

    def tags(self, arn: str, more: str = "", signed: tuple[str, str] | None = None) -> Reply:
        path = f"/v20190125/tags?resourceArn={quote(arn, '')}{more}"
        return self.send("GET", path, signed=signed)


@pytest.fixture(
    scope="session",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.process)],
)
def kind_of_store(request: pytest.FixtureRequest) -> str:
    """The store that a test runs on."""
    kind: str = request.param
    return kind


@pytest.fixture(scope="session")
def new_store(kind_of_store: str, request: pytest.FixtureRequest) -> Callable[[], str | None]:
    """Return a function that gives each endpoint an empty store, for its argument `store`."""
    if kind_of_store == "sqlite":
        return lambda: None
    server: PostgreSQL = request.getfixturevalue("database")
    return server.new_database


@pytest.fixture(scope="session")
def _served(new_store: Callable[[], str | None]) -> Iterator[tuple[LocalEndpoint, Clock]]:
    clock = Clock()
    with LocalEndpoint(None, store=new_store(), clock=clock) as endpoint:
        yield endpoint, clock


@pytest.fixture
def clock(_served: tuple[LocalEndpoint, Clock]) -> Clock:
    """The clock of the served endpoint, set back to its start."""
    _served[1].now = Clock.START
    return _served[1]


@pytest.fixture
def client(_served: tuple[LocalEndpoint, Clock], clock: Clock) -> Client:
    """A client of an endpoint that is empty."""
    assert clock.now == Clock.START
    client = Client(_served[0].url)
    for path in ("/_endpoint/state", "/_endpoint/calls"):
        assert client.send("DELETE", path).status == 200
    return client


@pytest.fixture
def client_of() -> Callable[[LocalEndpoint], Client]:
    """A client of another endpoint."""
    return lambda endpoint: Client(endpoint.url)
