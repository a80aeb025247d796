"""Timeouts of requests and streams."""

from collections.abc import Iterable
from typing import NamedTuple

from reconciler.envoy.losses import Place
from reconciler.envoy.messages import Message, Part, milliseconds, seconds

# App Mesh's timeout of a request, and Envoy's of an idle stream.
DEFAULT_REQUEST = 15_000
DEFAULT_IDLE = 300_000


class Timeouts(NamedTuple):
    """Timeouts in milliseconds; 0 means none, and None the default."""

    request: int | None = None
    idle: int | None = None

    @property
    def message(self) -> Message:
        """The fields of a route."""
        request = DEFAULT_REQUEST if self.request is None else self.request
        idle = {} if self.idle is None else {"idle_timeout": seconds(self.idle)}
        return {"timeout": seconds(request), **idle}

    @property
    def tcp_message(self) -> Message:
        """The fields of a TCP proxy."""
        return {} if self.idle is None else {"idle_timeout": seconds(self.idle)}


def route_timeouts(timeout: Part, place: Place) -> Timeouts:
    """Return the timeouts in ``timeout`` of a route."""
    return Timeouts(
        *(
            milliseconds(timeout[field], place / field) if field in timeout else None
            for field in ("perRequest", "idle")
        )
    )


def listener_timeouts(listener: Part, place: Place) -> Timeouts:
    """Return the timeouts of a node's listener, which are below its protocol."""
    for protocol, timeout in listener.get("timeout", {}).items():
        return route_timeouts(timeout, place / "timeout" / protocol)
    return Timeouts()


def longest(timeouts: Iterable[Timeouts]) -> Timeouts:
    """Return timeouts that cut off none of the requests that ``timeouts`` allow."""
    found = list(timeouts)
    requests = [DEFAULT_REQUEST if item.request is None else item.request for item in found]
    idles = [DEFAULT_IDLE if item.idle is None else item.idle for item in found]
    return Timeouts(
        _longest(requests), None if idles == [DEFAULT_IDLE] * len(idles) else _longest(idles)
    )


def _longest(values: list[int]) -> int:
    return 0 if 0 in values or not values else max(values)
