"""The effects of faults on the response to a request.

``fault_list`` selects the fault for a request.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from reconciler.endpoint.endpoint_errors import ApiError, EndpointError
from reconciler.endpoint.faults.fault_list import Fault
from reconciler.endpoint.state.stale_reads import Lag

_NOTHING_DONE = '{"message": "nothing was done"}'
_HTML = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response; ``headers`` come in addition to those of every response."""

    status: int
    body: str
    content_type: bytes = b"application/json"
    headers: tuple[tuple[bytes, bytes], ...] = ()
    cut: bool = False
    """Whether the connection ends in the middle of the body."""


Perform = Callable[[Lag | None], Awaitable[Response]]


class HangUpError(EndpointError):
    """Closes the connection without a response.

    ``after_seconds`` is the wait before; None waits until the client closes the connection.
    """

    def __init__(self, after_seconds: float | None) -> None:
        super().__init__("the connection is closed without a response")
        self.after_seconds = after_seconds


async def perform_with_fault(fault: Fault, perform: Perform, content_type: bytes) -> Response:
    """Return the response to a request that gets a fault; ``perform`` executes the request.

    ``content_type`` is that of the responses of this API.

    Raises:
        HangUpError: The fault closes the connection.
        ApiError: The fault is an API error, or the request itself was rejected.
    """
    match fault.fault:
        case "stale":
            return await perform(Lag(versions=1))
        case "lag":
            seconds = fault.seconds or 0
            return await perform(Lag(0 if seconds else fault.versions, seconds))
        case "delay":
            return await _perform_delayed(fault, perform)
        case "duplicate":
            return await _perform_twice(fault, perform)
        case _:
            response = Response(200, _NOTHING_DONE, content_type)
            if fault.effect == "after":
                with suppress(ApiError):
                    response = await perform(None)
            return _fault_response(fault, response)


def _fault_response(fault: Fault, response: Response) -> Response:
    match fault.fault:
        case "throttle" | "error":
            raise ApiError(fault.code, "injected fault", status=fault.status)
        case "html":
            return Response(
                fault.status, _HTML.format(f"{fault.status} injected fault"), b"text/html"
            )
        case "empty":
            return replace(response, status=fault.status, body="")
        case "cut":
            return replace(response, status=fault.status, cut=True)
        case "lost-reply":
            raise HangUpError(0)
        case _:
            raise HangUpError(fault.seconds)


async def _perform_delayed(fault: Fault, perform: Perform) -> Response:
    if fault.effect == "before":
        await asyncio.sleep(fault.seconds or 0)
        return await perform(None)
    response = await perform(None)
    await asyncio.sleep(fault.seconds or 0)
    return response


async def _perform_twice(fault: Fault, perform: Perform) -> Response:
    response = await perform(None)

    async def again() -> None:
        await asyncio.sleep(fault.seconds or 0)
        # The client receives the response to the first request only.
        with suppress(EndpointError):
            await perform(None)

    repeating = asyncio.ensure_future(again())
    if fault.seconds:
        _REPEATING.add(repeating)
        repeating.add_done_callback(_REPEATING.discard)
    else:
        await repeating
    return response


# The event loop keeps only weak references to its tasks.
_REPEATING: set[asyncio.Future[None]] = set()
