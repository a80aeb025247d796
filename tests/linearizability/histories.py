"""Clients that call endpoints at once, and the history of their calls."""

import http.client
import json
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from amounts import amount
from endpoint.conftest import MESHES, Client
from linearizability.cluster import Cluster, Fault, nothing
from linearizability.routers import Action, Answer, Place, Request, Router, RouterOperation

CLIENTS = 8
CALLS = amount("calls of each of the eight clients in a history", test=3, full=5)
REGION = "us-east-1"
ACCOUNTS = ("111111111111", "222222222222", "333333333333")
TIMEOUT_SECONDS = 2.0
_SETTLED = {200, 404, 409}


class NotAnsweredError(Exception):
    """The outcome of a call is unknown."""


class UnavailableError(Exception):
    """The call had no effect."""


@dataclass
class Session:
    """A connection of one client to one endpoint, which closes it when a call is not answered."""

    url: str
    _connection: http.client.HTTPConnection | None = None

    def call(self, request: Request, *, leaves: bool = False) -> Answer:
        """Send a request and return its answer, or leave without it.

        Raises:
            NotAnsweredError: The outcome is unknown.
            UnavailableError: It had no effect.
        """
        connection = self._connected()
        try:
            connection.request(*_http(request))
            if leaves:
                raise ConnectionAbortedError
            reply = connection.getresponse()
            body = json.loads(reply.read())
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise NotAnsweredError from error
        if reply.status == 503:
            raise UnavailableError
        assert reply.status in _SETTLED, (reply.status, body)
        return Answer(reply.status, _router(body), int(reply.headers["x-mesh-revision"] or 0))

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def _connected(self) -> http.client.HTTPConnection:
        if self._connection is None:
            address = self.url.removeprefix("http://")
            connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
            try:
                connection.connect()
            except OSError as error:
                raise UnavailableError from error
            self._connection = connection
        return self._connection


@dataclass
class Run:
    """One history: the calls of clients to some routers, at all endpoints of a cluster."""

    cluster: Cluster
    places: list[Place]
    seed: str
    history: list[RouterOperation] = field(default_factory=list)
    _requests: list[Request] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def record(self, fault: Fault = nothing) -> list[RouterOperation]:
        """Let all clients make their calls during a fault, then look at all routers."""
        chance = random.Random(f"{self.seed} fault")  # noqa: S311 - repeatable, not secret
        with ThreadPoolExecutor(CLIENTS) as pool:
            calling = [pool.submit(self._call_at_random, number) for number in range(CLIENTS)]
            time.sleep(chance.uniform(0, 0.05))
            fault(self.cluster, chance)
            for client in calling:
                client.result()
        self.cluster.wait_until_ready()
        with closing(Session(self.cluster.urls[-1])) as session:
            for place in self.places:
                self._call(session, Request("describe", place))
        return self.history

    def _call_at_random(self, number: int) -> None:
        chance = random.Random(f"{self.seed} client {number}")  # noqa: S311 - as above
        sessions: dict[str, Session] = {}
        unsettled: Request | None = None
        url = chance.choice(self.cluster.urls)
        for _ in range(CALLS):
            if unsettled or chance.random() < 0.3:
                url = chance.choice(self.cluster.urls)
            session = sessions.setdefault(url, Session(url))
            request = unsettled or self._choose(chance)
            # As clients of AWS do, it repeats a call without an answer with the same token.
            leaves = chance.random() < 0.05
            unsettled = None if self._call(session, request, leaves=leaves) else request
        for session in sessions.values():
            session.close()

    def _choose(self, chance: random.Random) -> Request:
        if self._requests and chance.random() < 0.2:
            return chance.choice(self._requests)
        actions: tuple[Action, ...] = ("create", "update", "delete", "describe")
        (action,) = chance.choices(actions, (4, 4, 2, 3))
        request = Request(action, chance.choice(self.places))
        if action in {"create", "update"}:
            number = next(self._numbers)
            request = replace(request, token=f"{self.seed}-{number}", port=number)
            self._requests.append(request)
        return request

    def _call(self, session: Session, request: Request, *, leaves: bool = False) -> bool:
        """Make a call and record it; return whether its outcome is known."""
        called = time.monotonic()
        try:
            answer = session.call(request, leaves=leaves)
        except UnavailableError:
            return False  # it had no effect: no part of the history
        except NotAnsweredError:
            if request.action != "describe":
                self.history.append(RouterOperation(request, called))
            return False
        self.history.append(RouterOperation(request, called, time.monotonic(), answer))
        return True


def _http(request: Request) -> tuple[str, str, bytes | None, dict[str, str]]:
    """Return the method, path, body and headers of a request."""
    place = request.place
    scope = f"{place.account}/20231114/{REGION}/appmesh/aws4_request"
    headers = {"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, Signature=0"}
    routers = f"{MESHES}/m/virtualRouters"
    if request.action in {"describe", "delete"}:
        method = "GET" if request.action == "describe" else "DELETE"
        return method, f"{routers}/{place.name}", None, headers
    body: dict[str, Any] = {"clientToken": request.token, "spec": _spec(request.port)}
    path = f"{routers}/{place.name}"
    if request.action == "create":
        path, body = routers, body | {"virtualRouterName": place.name}
    headers |= {"Content-Type": "application/json"}
    return "PUT", path, json.dumps(body).encode(), headers


def _spec(port: int) -> dict[str, Any]:
    return {"listeners": [{"portMapping": {"port": port, "protocol": "http"}}]}


def _router(body: dict[str, Any]) -> Router | None:
    if "metadata" not in body:
        return None
    metadata, (listener,) = body["metadata"], body["spec"]["listeners"]
    return Router(metadata["uid"], metadata["version"], listener["portMapping"]["port"])


def places(number: int) -> list[Place]:
    """Return the routers of a history: two of one account, one of another."""
    one, two, _ = ACCOUNTS
    return [Place(one, f"a{number}"), Place(one, f"b{number}"), Place(two, f"a{number}")]


def create_meshes(cluster: Cluster) -> None:
    """Create the meshes of all histories."""
    for account in ACCOUNTS:
        made = Client(cluster.urls[-1]).create("m", (account, REGION))
        assert made.status == 200, made.body
