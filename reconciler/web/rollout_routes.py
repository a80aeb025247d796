"""The paths of a rollout: its state, and the commands to hold and resume it."""

import asyncio
import json
from collections.abc import Callable
from typing import Protocol

from reconciler import limits
from reconciler.core.fleet.rollout_news import RolloutCommand
from reconciler.core.fleet.rollout_status import RolloutStatus
from reconciler.serving.requests import JSON, Headers, content_type
from reconciler.web.application import HttpError, Response

ROOT = "/rollout"


class RolloutControl(Protocol):
    """The rollout as seen by the application. All methods are thread-safe."""

    def status(self) -> RolloutStatus:
        """Return the state of the rollout."""

    def request(self, command: RolloutCommand, timeout_seconds: float) -> bool:
        """Hold or resume the rollout; return whether it was stored before the timeout."""


class RolloutRoutes:
    """Responds to requests below ``/rollout``, of clients that are allowed to."""

    def __init__(self, rollout: RolloutControl, render: Callable[[RolloutStatus], str]) -> None:
        """Create the routes; ``render`` returns the state as JSON."""
        self._rollout = rollout
        self._render = render

    def status(self) -> RolloutStatus:
        """Return the state of the rollout."""
        return self._rollout.status()

    def show(self) -> Response:
        """Return the state of the rollout as JSON."""
        text = self._render(self.status())
        return Response(text.encode(errors="backslashreplace"), JSON)

    async def command(self, name: str, headers: Headers, body: bytes) -> Response:
        """Hold or resume the rollout, and return its state.

        Raises:
            HttpError: The request is rejected, or no heartbeat stored the command.
        """
        # A web page can send a form to any site, but JSON only if the site allows it (CORS).
        if content_type(headers) != JSON:
            raise HttpError(415, "the Content-Type must be application/json")
        if _parse(body) != {}:
            raise HttpError(400, "the body must be {}")
        command, timeout = RolloutCommand(name), limits.ROLLOUT_COMMAND_TIMEOUT_SECONDS
        if not await asyncio.to_thread(self._rollout.request, command, timeout):
            raise HttpError(
                503, f"{name} was not stored yet: the store of the rollout does not answer"
            )
        return self.show()


def _parse(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
