"""HTTP on a socket, bounded: how long a request may take, how large its head, how many at once.

It extends uvicorn's protocol, which bounds none of these, and gives the application a way to hang
up.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may cost the others."""

    max_connections: int = 512
    request_seconds: float = 20.0
    """From a connection's first moment, or a request's first byte, to the request's last."""
    idle_seconds: int = 75
    """SDKs keep connections for later; one that is closed under a request fails a delete for good,
    because deletes are not sent twice."""
    max_head_bytes: int = 65_536


def make_protocol(limits: Limits, refusal_headers: Mapping[int, bytes]) -> type[HttpToolsProtocol]:
    """Return uvicorn's protocol for a connection, held to ``limits``.

    ``refusal_headers`` are lines for the head of a refusal, by its status.
    """
    members = {"limits": limits, "refusal_headers": refusal_headers}
    return type("Bounded", (BoundedProtocol,), members)


class BoundedProtocol(HttpToolsProtocol):
    """One connection."""

    limits = Limits()
    refusal_headers: Mapping[int, bytes] = MappingProxyType({})
    idle_since = 0.0
    _deadline: asyncio.TimerHandle | None = None
    _whole = False
    _dropped = False
    _head_bytes = 0
    _unparsed_bytes = 0
    """Since the parser last completed an element; it joins the pieces of a header by copying."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin; if there are too many connections, one that waits for its client makes room."""
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        if len(self.connections) > self.limits.max_connections and not self._drop_idlest():
            self._refuse(503, "too many connections")
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._whole = True
        self._watch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes in, and see that the rest of the request follows in time."""
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if self._unparsed_bytes > self.limits.max_head_bytes:
            self._refuse(431, "the head of the request is too long")
        self._watch()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._whole = False
        self._head_bytes = self._unparsed_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Take a part of the path in."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header in."""
        self._count(name + b": " + value + b"\r\n")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Let the application begin, able to hang up."""
        if self.transport.is_closing():
            return
        if not self.url.startswith(b"/"):
            # Its host would count, and not that of the Host header (RFC 9112, 3.2.2).
            self._refuse(400, "the request target must be a path")
            return
        scope: Any = self.scope
        scope["extensions"] = {"hang_up": self.transport.close}
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body in; there is no request to add it to once it was refused."""
        self._unparsed_bytes = 0
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._unparsed_bytes = 0
        self._whole = True
        if not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """End an answer."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    @property
    def is_idle(self) -> bool:
        """Whether it waits for its client: to send the rest of a request, or to read an answer."""
        answering = self._whole and self.cycle is not None and not self.cycle.response_complete
        return not self._dropped and (not answering or self.flow.write_paused)

    def drop(self) -> None:
        """End at once, and not only when the client has read what was written."""
        self._dropped = True
        self.transport.abort()

    def _drop_idlest(self) -> bool:
        """Drop the connection that is idle for longest; False if none is.

        However many clients keep silent, a probe gets through. A connection is idle from its first
        moment or last answer to a whole request, so a byte now and then does not count.
        """
        others = (other for other in self.connections if other is not self)
        idle = [item for item in others if isinstance(item, BoundedProtocol) and item.is_idle]
        if idle:
            min(idle, key=attrgetter("idle_since")).drop()
        return bool(idle)

    def _count(self, head: bytes) -> None:
        self._unparsed_bytes = 0
        self._head_bytes += len(head)
        if self._head_bytes > self.limits.max_head_bytes:
            self._refuse(431, "the head of the request is too long")

    def _watch(self) -> None:
        # Most requests arrive in one piece, so that no timer is ever set for them.
        if self._whole:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.limits.request_seconds, self._on_deadline)

    def _on_deadline(self) -> None:
        self._deadline = None
        self._refuse(408, "the request took too long to arrive")

    def _refuse(self, status: int, message: str) -> None:
        if self.transport.is_closing():
            return
        body = b'{"message":"%b"}' % message.encode()
        head = [b"content-type: application/json", b"connection: close"]
        head += [b"content-length: %d" % len(body)]
        if more := self.refusal_headers.get(status):
            head.append(more)
        self.transport.write(STATUS_LINE[status] + b"\r\n".join([*head, b"", body]))
        self.transport.close()
