"""ASGI application of a daemon of many targets: each has an application below its own path."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from urllib.parse import quote, unquote

from reconciler import pages
from reconciler.core.fleet.rollout_news import RolloutCommand
from reconciler.core.fleet.rollout_status import RolloutStatus
from reconciler.core.state.fleet_status import FleetStatus, MemberSummary
from reconciler.serving.requests import JSON, Message, Receive, Send, read_body
from reconciler.web.application import (
    Access,
    HttpError,
    Response,
    WebApplication,
    path_of,
    require_method,
)
from reconciler.web.metrics import FleetScrape, exposition
from reconciler.web.rollout_routes import ROOT as ROLLOUT
from reconciler.web.rollout_routes import RolloutRoutes
from reconciler.web.status_app import StatusApp

ROOT = "/targets/"
RenderFleet = Callable[[FleetStatus, RolloutStatus | None], str]


def path_of_target(target: str) -> str:
    """Return the path of the application of ``target``, which ends with a slash."""
    return f"{ROOT}{quote(target, safe='')}/"


class FleetApp(WebApplication):
    """ASGI application that shows all targets, and passes requests to the one of each."""

    def __init__(
        self,
        targets: Mapping[str, StatusApp],
        *,
        document: RenderFleet,
        access: Access,
        members: Callable[[], Sequence[MemberSummary]] = tuple,
        rollout: RolloutRoutes | None = None,
    ) -> None:
        """Create the application.

        Args:
            targets: The application of each target.
            document: Renders the targets and the rollout as JSON.
            access: Which requests are accepted.
            members: Returns the daemons that share the targets, this one among them.
            rollout: Responds to requests about the rollout; None without one.
        """
        super().__init__(access)
        self._targets = targets
        self._document = document
        self._members = members
        self._rollout = rollout
        self._reads: dict[str, Callable[[], Response]] = {
            "/status": self._status,
            "/metrics": self._metrics,
            "/healthz": self._health,
            "/readyz": self._readiness,
        }
        self._reads |= {
            f"/{name}": partial(Response, asset.text.encode(), asset.content_type.encode())
            for name, asset in pages.fleet_page().items()
        }

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Respond to one request, or let the application of its target respond."""
        name, slash, rest = path_of(scope).removeprefix(ROOT).partition("/")
        target = self._targets.get(unquote(name)) if path_of(scope).startswith(ROOT) else None
        if target is None or not slash:
            await super().__call__(scope, receive, send)
        else:
            path = f"/{rest}"
            inner = {**scope, "path": unquote(path), "raw_path": path.encode("latin-1")}
            await target(inner, receive, send)

    async def respond(self, scope: Message, receive: Receive) -> Response:
        """Return the response to a request for a known host."""
        path = path_of(scope)
        if await self.is_webhook(scope, receive):
            # Which repository was pushed to is not read: each source finds its own commits.
            for application in self._targets.values():
                application.look_now()
            return Response(b"looking for new commits\n", status=202)
        body = await read_body(receive)
        if path.startswith(ROLLOUT):
            return await self._respond_rollout(scope, body)
        name = unquote(path.removeprefix(ROOT))
        if path.startswith(ROOT) and name in self._targets:
            require_method(scope, "GET", "HEAD")
            location = path_of_target(name).encode()
            return Response(b"", status=308, headers=((b"location", location),))
        if path in self._reads:
            require_method(scope, "GET", "HEAD")
            is_document = path == "/" and _wants_json(scope)
            return self._status() if is_document else self._reads[path]()
        raise HttpError(
            404,
            f"there is no such path: this daemon has {len(self._targets)} targets, so pass"
            f" --target NAME, or put {ROOT}NAME in front",
        )

    async def _respond_rollout(self, scope: Message, body: bytes) -> Response:
        command = path_of(scope).removeprefix(ROLLOUT).removeprefix("/")
        if self._rollout is None or command not in ("", *RolloutCommand):
            raise HttpError(404, "this daemon has no rollout: add [rollout] to reconciler.toml")
        if command:
            self.require_command(scope)
            return await self._rollout.command(command, dict(scope["headers"]), body)
        require_method(scope, "GET", "HEAD")
        return self._rollout.show()

    def _fleet(self) -> FleetStatus:
        targets = (
            application.summary(path_of_target(name)) for name, application in self._targets.items()
        )
        return FleetStatus(tuple(targets), tuple(self._members()))

    def _rollout_status(self) -> RolloutStatus | None:
        return self._rollout.status() if self._rollout else None

    def _status(self) -> Response:
        text = self._document(self._fleet(), self._rollout_status())
        return Response(text.encode(errors="backslashreplace"), JSON)

    def _metrics(self) -> Response:
        scrapes = {name: application.scrape() for name, application in self._targets.items()}
        text, kind = exposition(
            FleetScrape(scrapes, tuple(self._members()), self._rollout_status())
        )
        return Response(text, kind.encode())

    def _health(self) -> Response:
        stuck = [
            name for name, application in self._targets.items() if not application.is_healthy()
        ]
        if not stuck:
            return Response(b"ok\n")
        text = f"the loops of these targets are stuck: {', '.join(stuck)}\n"
        return Response(text.encode(errors="backslashreplace"), status=503)

    def _readiness(self) -> Response:
        """Respond 200 if one target is ready and each other one has reported why it is not.

        A target that cannot be reached must not keep a new version of the daemon from its start.
        """
        reasons = {
            name: application.not_ready_reason() for name, application in self._targets.items()
        }
        starting = [
            name for name, application in self._targets.items()
            if reasons[name] and application.summary("").health == "starting"
        ]  # fmt: skip
        if not starting and not all(reasons.values()):
            return Response(b"ok\n")
        lines = [f"{name}: {reason}\n" for name, reason in reasons.items() if reason]
        return Response("".join(lines).encode(errors="backslashreplace"), status=503)


def _wants_json(scope: Message) -> bool:
    return JSON in dict(scope["headers"]).get(b"accept", b"")
