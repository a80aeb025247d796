"""ASGI application of the daemon, with a fixed table of routes.

It decides which requests may read the status and which may request a cycle. It opens no socket.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, TypeAlias
from urllib.parse import parse_qsl

from reconciler import limits, pages
from reconciler.core.errors import LockHeldError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import Json, canonical_json
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.fleet_status import TargetSummary, summarize
from reconciler.serving.requests import (
    JSON,
    CutOffError,
    Headers,
    Message,
    Receive,
    content_type,
    read_body,
)
from reconciler.web.application import (
    Access,
    HttpError,
    Response,
    WebApplication,
    path_of,
    require_method,
)
from reconciler.web.metrics import Metrics, Scrape, exposition
from reconciler.web.rollout_routes import ROOT as ROLLOUT

ReadDocument: TypeAlias = Callable[[DaemonStatus, Mapping[str, str]], str | None]
"""Returns a JSON text for a status and the query of a request; None if there is no such entry."""


class DaemonControl(Protocol):
    """The daemon as seen by the application. All methods are thread-safe."""

    def status(self) -> DaemonStatus:
        """Return the current status."""

    def heartbeat(self) -> float:
        """Return the seconds since the last heartbeat of the loop."""

    def look_now(self) -> None:
        """Let the loop look for new manifests, and run a cycle only if there are some."""

    def request_cycle(self, *, releases_pin: bool = False, allow_rewind: bool = False) -> int:
        """Request a cycle that starts after this call, and return its number.

        Args:
            releases_pin: Whether the target follows its source again if it is held at a commit.
            allow_rewind: Whether a commit that does not descend from the last one may delete.

        Raises:
            LockHeldError: Another daemon runs the cycles of this target.
        """

    def wait_for(self, cycle: int, timeout_seconds: float) -> ExitCode | None:
        """Return the exit code of that cycle, or None if it has not ended before the timeout."""


class RenderStatus(Protocol):
    """Renders a status as JSON; `healthy`: whether the loop responds."""

    def __call__(self, status: DaemonStatus, /, *, healthy: bool) -> str:
        """Return the JSON text."""


class StatusApp(WebApplication):
    """ASGI application that shows the status and accepts cycle requests."""

    def __init__(
        self,
        daemon: DaemonControl,
        *,
        document: RenderStatus,
        documents: Mapping[str, ReadDocument],
        metrics: Metrics,
        clock: Callable[[], float] = time.time,
        access: Access,
    ) -> None:
        """Create the application.

        Args:
            daemon: The daemon to show.
            document: Renders a status as JSON.
            documents: Further documents that the page reads, by path. They may block.
            metrics: Counters to expose.
            clock: Returns seconds since 1970.
            access: Which requests are accepted.
        """
        super().__init__(access)
        self._daemon = daemon
        self._document = document
        self._documents = documents
        self._metrics = metrics
        self._clock = clock
        self._was_ready = False
        self._reads: dict[str, Callable[[], Response]] = {
            **{f"/{name}": partial(_asset, asset) for name, asset in pages.daemon_page().items()},
            "/status": self._status,
            "/metrics": self._metrics_response,
            "/healthz": self._health,
            "/readyz": self._readiness,
        }

    async def respond(self, scope: Message, receive: Receive) -> Response:
        """Return the response to a request for a known host."""
        headers, path = dict(scope["headers"]), path_of(scope)
        if await self.is_webhook(scope, receive):
            self._daemon.look_now()
            return Response(b"looking for new commits\n", status=202)
        body = await read_body(receive)
        if path in self._reads or path in self._documents:
            require_method(scope, "GET", "HEAD")
            read = self._reads.get(path)
            return read() if read else await self._read_document(path, scope["query_string"])
        if path == "/reconcile":
            self.require_command(scope)
            allow_rewind = _read_allow_rewind(headers, body)
            return await self._reconcile(receive, allow_rewind=allow_rewind)
        if path.startswith(ROLLOUT):
            raise HttpError(
                404, "this daemon has no rollout: it needs [rollout] and several targets"
            )
        raise HttpError(404, "there is no such path")

    def summary(self, link: str) -> TargetSummary:
        """Return the status in a few words; ``link`` is the path of this application."""
        return summarize(self._daemon.status(), link, healthy=self.is_healthy())

    def scrape(self) -> Scrape:
        """Return the metrics of this moment."""
        return self._metrics.scrape(self._daemon.status(), self._clock())

    def not_ready_reason(self) -> str | None:
        """Return why no cycle knew manifests, target and lock holder; None from then on."""
        reason = _not_ready_reason(self._daemon.status())
        self._was_ready = self._was_ready or reason is None
        return None if self._was_ready else reason

    def look_now(self) -> None:
        """Let the loop look for new manifests."""
        self._daemon.look_now()

    async def _read_document(self, path: str, query: bytes) -> Response:
        values, status = dict(parse_qsl(query.decode("latin-1"))), self._daemon.status()
        text = await asyncio.to_thread(self._documents[path], status, values)
        if text is None:
            raise HttpError(404, "there is no such entry")
        return Response(text.encode(errors="backslashreplace"), JSON)

    def _status(self) -> Response:
        document = self._document(self._daemon.status(), healthy=self.is_healthy())
        return Response(document.encode(errors="backslashreplace"), JSON)

    def _metrics_response(self) -> Response:
        text, kind = exposition(self.scrape())
        return Response(text, kind.encode())

    def is_healthy(self) -> bool:
        """Whether the loop responds."""
        return self._daemon.heartbeat() < limits.HEARTBEAT_TIMEOUT_SECONDS

    def _health(self) -> Response:
        age = self._daemon.heartbeat()
        if age < limits.HEARTBEAT_TIMEOUT_SECONDS:
            return Response(b"ok\n")
        return Response(f"the loop has been stuck for {age:.0f} s\n".encode(), status=503)

    def _readiness(self) -> Response:
        """Respond 200 after a cycle knew manifests, target and lock holder, and from then on."""
        reason = self.not_ready_reason()
        if reason is None:
            return Response(b"ok\n")
        return Response(f"{reason}\n".encode(errors="backslashreplace"), status=503)

    async def _reconcile(self, receive: Receive, *, allow_rewind: bool) -> Response:
        try:
            cycle = self._daemon.request_cycle(releases_pin=True, allow_rewind=allow_rewind)
        except LockHeldError as error:
            raise HttpError(409, str(error)) from error
        disconnected = asyncio.ensure_future(receive())
        try:
            while (code := self._daemon.wait_for(cycle, 0)) is None:
                if disconnected.done():
                    raise CutOffError
                if not self.is_healthy():
                    raise HttpError(503, f"cycle {cycle} was requested, but the loop is stuck")
                await asyncio.sleep(limits.CYCLE_POLL_SECONDS)
        except asyncio.CancelledError as error:
            raise HttpError(503, "the daemon is stopping, so that cycle does not end") from error
        finally:
            disconnected.cancel()
        document: Json = {"cycle": cycle, "exit_code": int(code), "exit_name": code.word}
        return Response(canonical_json(document).encode() + b"\n", JSON)


def _asset(asset: pages.Asset) -> Response:
    return Response(asset.text.encode(), asset.content_type.encode())


def _not_ready_reason(status: DaemonStatus) -> str | None:
    if status.held_by is not None:
        return None
    if status.cycle_finished_at is None:
        return "the first cycle has not ended"
    if status.error is not None:
        return status.error
    if not status.source_valid and not status.resources:
        return "the manifests do not exist or have not been valid since the start"
    if status.lease is not None and not status.is_leader and not status.lease.holder:
        return "the holder of the lock is not known"
    return None


def _read_allow_rewind(headers: Headers, body: bytes) -> bool:
    """Return whether the body allows a rewind; reject all others than {"allow_rewind": true}."""
    # A web page can send a form to any site, but JSON only if the site allows it (CORS).
    if content_type(headers) != JSON:
        raise HttpError(415, "the Content-Type must be application/json")
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    # Not only by ==, because 1 is equal to True.
    if document == {"allow_rewind": True} and document["allow_rewind"] is True:
        return True
    if document != {}:
        raise HttpError(400, 'the body must be {} or {"allow_rewind": true}')
    return False
