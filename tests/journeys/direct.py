"""The local endpoint asked without a socket: its clock is a test's, and a run can end at any call.

The SDK builds, signs, retries and parses as ever; only what lies between it and the endpoint's ASGI
application is left out, so that thousands of requests take seconds and come in the same order.
"""

import asyncio
import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import cache
from io import BytesIO
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch
from urllib.parse import urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError
from builders import ACCOUNT, NOW, OWNER

from reconciler import api
from reconciler.core.changes import operation_name
from reconciler.core.errors import TargetError
from reconciler.core.kinds import KINDS
from reconciler.core.planning.guards import GuardSettings, Policy
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Report, outcome_name
from reconciler.core.resources import Desired, Key, TargetId
from reconciler.core.state.schedule import urgent_first
from reconciler.endpoint.http.endpoint_app import EndpointApp
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.operations import Operations
from reconciler.endpoint.state import tables
from reconciler.endpoint.state.sqlite_store import SqliteStore
from reconciler.endpoint.state.tables import Resource, Scope
from reconciler.engine import ApplyOptions, apply, propose
from reconciler.targets.api_client import ApiClient
from reconciler.targets.appmesh import AppMesh
from reconciler.targets.cache import ReadCache
from reconciler.targets.session import Connection, open_session

URL, REGION = "http://127.0.0.1:1", "eu-west-1"
HERE = Scope(ACCOUNT, REGION)
SYNC = GuardSettings(policy=Policy.SYNC, max_deletes=99, allow_empty=True)
SECONDS_OF_A_CALL = 0.05
_CONNECTION = Connection(URL, REGION, credentials=(ACCOUNT, "secret"))
_SPLIT = re.compile("([A-Z][a-z]+)(.*)")

Tell = Callable[[str], object]


class CrashError(BaseException):
    """The process ends here; no Exception, so nothing between here and the test stops it."""


@dataclass
class Direct:
    """An endpoint; ``now`` is its time.

    ``on_call`` gets every request of ours with the status of its answer, 0 if there was none.
    """

    behavior: Behavior
    now: float = 1_700_000_000.0
    on_call: Callable[[str, str, bytes, int], object] = lambda *_: None
    _calls_left: int = 0
    _after: bool = False
    _interrupt: Callable[[], object] = lambda: None
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def __post_init__(self) -> None:
        """Begin empty."""
        description = api.load()
        self.store = SqliteStore(None)
        operations = Operations(description, self.behavior, lambda: self.now)
        self._app = EndpointApp(description, operations, self.store, behavior=self.behavior)

    def close(self) -> None:
        """End what serves."""
        self.store.close()
        self._loop.close()

    def find(self, collection: tables.Collection, name: str) -> Resource | None:
        """Return a live resource."""
        return self.store.read(lambda tables: tables.find(collection, name)).result()

    def tagged(self) -> list[Resource]:
        """Return all that is live and carries a tag."""
        return self.store.read(lambda tables: list(tables.tagged(HERE))).result()

    def breaks(self, faults: list[dict[str, Any]], seed: int) -> None:
        """Let calls fail from here on, counted from 1."""
        body = json.dumps({"seed": seed, "faults": faults}).encode()
        headers = {"content-type": "application/json"}
        status, *_ = self._ask("PUT", "/_endpoint/faults", headers, body)
        assert status == 200

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def interrupt(
        self, number: int, by: Callable[[], object] = lambda: None, *, after: bool = False
    ) -> None:
        """Let something happen before, or ``after``, the call of that number, counted from 1."""
        self._calls_left, self._interrupt, self._after = number, by, after

    def carry(self, request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
        """Answer a request of ours; a handler of botocore's event before-send."""
        self.now += SECONDS_OF_A_CALL
        self._calls_left -= 1
        is_the_one = self._calls_left == 0
        if is_the_one and not self._after:
            self._interrupt()
        body, status = _bytes(request.body), 0
        try:
            answer = self._answer(request, body)
            status = answer.status_code
        finally:
            operation = event_name.rsplit(".", 1)[-1]
            self.on_call(operation, urlsplit(request.url).path, body, status)
        if is_the_one and self._after:
            self._interrupt()
        return answer

    def carry_by_hand(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        """Answer a request of others."""
        return self._answer(request, _bytes(request.body))

    def _answer(self, request: AWSPreparedRequest, body: bytes) -> AWSResponse:
        url = request.url
        found = urlsplit(url)
        path = f"{found.path}?{found.query}"
        status, headers, content = self._ask(request.method, path, request.headers, body)
        if content is None:
            raise ConnectionClosedError(endpoint_url=url)
        headers["date"] = formatdate(self.now, usegmt=True)
        return AWSResponse(url, status, headers, _Raw(content))

    def _ask(
        self, method: str, path: str, headers: Any, body: bytes
    ) -> tuple[int, dict[str, str], bytes | None]:
        return self._loop.run_until_complete(self._exchange(method, path, headers, body))

    async def _exchange(
        self, method: str, path: str, headers: Any, body: bytes
    ) -> tuple[int, dict[str, str], bytes | None]:
        ended = asyncio.Event()
        left = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            if left:
                return left.pop()
            await ended.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        where, _, query = path.partition("?")
        given = {name.lower(): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": where,
            "raw_path": where.encode(),
            "query_string": query.encode(),
            "headers": [
                (name.encode(), value if isinstance(value, bytes) else value.encode())
                for name, value in {"host": "127.0.0.1", **given}.items()
            ],
            "extensions": {"hang_up": ended.set},
        }
        await self._app(scope, receive, send)
        if ended.is_set():
            return 0, {}, None
        start, *parts = sent
        result = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], result, b"".join(part["body"] for part in parts)


class Sdk:
    """The SDK's sessions, which are slow to make; they ask the endpoint of the moment."""

    def __init__(self) -> None:
        """Ask no endpoint yet."""
        self.door: Direct | None = None
        self._ours, others = open_session(_CONNECTION), open_session(_CONNECTION)
        self._ours.events.register("before-send", self._carry)
        others.events.register("before-send", self._carry_by_hand)
        self.by_hand = others.client("appmesh", region_name=REGION, endpoint_url=URL)

    def target(self, cache: ReadCache | None) -> AppMesh:
        """Return a target as a new process has it."""
        calls = ApiClient(self._ours, _CONNECTION, workers=1, reopen=None)
        return AppMesh(TargetId("test", URL, ACCOUNT, REGION), calls, workers=1, cache=cache)

    def _carry(self, **event: Any) -> AWSResponse:
        assert self.door is not None
        return self.door.carry(**event)

    def _carry_by_hand(self, **event: Any) -> AWSResponse:
        assert self.door is not None
        return self.door.carry_by_hand(**event)


sdk = cache(Sdk)


@contextmanager
def serving(behavior: Behavior) -> Iterator[Direct]:
    """Yield an empty endpoint, which the SDK asks as long as the block lasts."""
    door = Direct(behavior)
    sdk().door = door
    try:
        # The SDK waits between its attempts, here in the time of the endpoint.
        with patch("botocore.endpoint.time", SimpleNamespace(sleep=door.pause)):
            yield door
    finally:
        sdk().door = None
        door.close()


class Attempt(NamedTuple):
    """What came of one run: no plan if it could not be made, no report if it was cut short.

    By the names of resources, ``creates`` are the client tokens of the creates that were sent;
    ``deletes`` and ``refused`` are what was sent, and what was not answered with success.
    """

    plan: Plan | None
    report: Report | None
    creates: Mapping[str, set[str]]
    deletes: Collection[str]
    refused: Collection[str]


class Reconciler:
    """Our side: run after run as one process makes them, or a new one after each crash."""

    def __init__(self, door: Direct, tell: Tell = lambda _: None, *, daemon: bool = False) -> None:
        """Start; a ``daemon`` remembers what lists showed."""
        self.door, self.tell, self._daemon = door, tell, daemon
        door.on_call = self._note
        self._start()

    def run(self, wants: Iterable[Desired], urgent: Collection[Key] = ()) -> Attempt:
        """Make a plan and carry it out."""
        self._creates: dict[str, set[str]] = defaultdict(set)
        self._deletes: set[str] = set()
        self._refused: set[str] = set()
        plan = report = None
        try:
            plan = propose(self._target, wants, owner=OWNER, guards=SYNC, now=NOW)
            plan = urgent_first(plan, urgent)
            report = apply(plan, self._target, ApplyOptions(workers=1, sleep=self.door.pause))
        except TargetError as error:
            self.tell(f"  no plan: {error}")
        except CrashError:
            self.tell("  the process ended")
            self._start()
        for outcome in report.outcomes if report else ():
            change, why = outcome.change, getattr(outcome, "reason", "")
            self.tell(
                f"  {operation_name(change)} {change.key} {outcome_name(outcome)} {why}".rstrip()
            )
        return Attempt(plan, report, self._creates, self._deletes, self._refused)

    def _start(self) -> None:
        self._target = sdk().target(ReadCache() if self._daemon else None)

    def _note(self, operation: str, path: str, body: bytes, status: int) -> None:
        self.tell(f"    {status:3} {operation} {path}")
        verb_of, word = _SPLIT.fullmatch(operation).groups()  # type: ignore[union-attr]
        if verb_of in ("Describe", "List", "Get"):
            return
        names = path.split("/")[3::2]
        if verb_of == "Create":
            content = json.loads(body)
            names.append(content[api.load().kinds[word].path[-1]])
            self._creates["/".join((word, *names))].add(content["clientToken"])
        if verb_of == "Delete":
            self._deletes.add("/".join((word, *names)))
        if status != 200:
            self._refused.add(f"{operation} {'/'.join(names)}")


def name_of(key: Key) -> str:
    """Return how the endpoint names a key: ``VirtualNode/m/n0``."""
    return "/".join((KINDS[key.kind].title, *key.path))


def name_in(resource: Resource) -> str:
    """Return how the endpoint names what it has."""
    shelf = resource.collection
    return "/".join(filter(None, (shelf.kind, shelf.parent, resource.name)))


class _Raw(BytesIO):
    """A body as botocore reads one."""

    def stream(self) -> Iterator[bytes]:
        yield self.read()


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else bytes(body)
