"""HTTP protocol with limits on request duration, head size and number of connections.

It extends the protocol of uvicorn, which has no such limits, and lets the application close the
connection.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from reconciler import limits


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that protect the server and its other clients."""

    max_connections: int = limits.MAX_CONNECTIONS
    request_seconds: float = limits.REQUEST_TIMEOUT_SECONDS
    """Timeout from the start of a connection or a request until the whole request is received."""
    idle_seconds: int = limits.IDLE_TIMEOUT_SECONDS
    """Timeout of idle keep-alive connections. SDKs reuse connections. If the server closes one
    during a request, a delete fails, because the SDK does not retry it."""
    max_head_bytes: int = limits.MAX_HEAD_BYTES


def make_protocol(limits: Limits, refusal_headers: Mapping[int, bytes]) -> type[HttpToolsProtocol]:
    """Return a protocol class for uvicorn that enforces `limits`.

    Args:
        limits: The limits.
        refusal_headers: Header line to add if a limit rejects a request, by HTTP status.
    """
    members = {"limits": limits, "refusal_headers": refusal_headers}
    return type("Bounded", (BoundedProtocol,), members)


class BoundedProtocol(HttpToolsProtocol):
    """A connection that enforces limits."""

    limits = Limits()
    refusal_headers: Mapping[int, bytes] = MappingProxyType({})
    idle_since = 0.0
    _deadline: asyncio.TimerHandle | None = None
    _is_received = False
    """Whether the current request was received completely."""
    _dropped = False
    _head_bytes = 0
    _unparsed_bytes = 0
    """Bytes since the last complete element. The parser copies the pieces of a header to join
    them, so many small pieces cost quadratic time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection; if there are too many, drop an idle one or reject this one."""
        super().connection_made(transport)
        self.idle_since = self.loop.time()
        if len(self.connections) > self.limits.max_connections and not self._drop_longest_idle():
            self._refuse(503, "too many connections")
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the deadline."""
        self._is_received = True
        self._watch()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, and set a deadline for the rest of the request."""
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if self._unparsed_bytes > self.limits.max_head_bytes:
            self._refuse(431, "the head of the request is too long")
        self._watch()

    def on_message_begin(self) -> None:
        """Reset the counters for a new request."""
        self._is_received = False
        self._head_bytes = self._unparsed_bytes = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        """Count a part of the request target."""
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count a header."""
        self._count(name + b": " + value + b"\r\n")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application, with an extension that closes the connection."""
        if self.transport.is_closing():
            return
        if not self.url.startswith(b"/"):
            # An absolute target would override the Host header (RFC 9112, 3.2.2).
            self._refuse(400, "the request target must be a path")
            return
        scope: Any = self.scope
        scope["extensions"] = {"hang_up": self.transport.close}
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Receive a part of the body, unless the request was rejected."""
        self._unparsed_bytes = 0
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Finish the request, unless it was rejected."""
        self._unparsed_bytes = 0
        self._is_received = True
        if not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Record when the connection becomes idle."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    @property
    def is_idle(self) -> bool:
        """Whether the connection waits for its client to send a request or read a response."""
        responding = (
            self._is_received and self.cycle is not None and not self.cycle.response_complete
        )
        return not self._dropped and (not responding or self.flow.write_paused)

    def drop(self) -> None:
        """Close the connection now, without waiting until the client has read the response."""
        self._dropped = True
        self.transport.abort()

    def _drop_longest_idle(self) -> bool:
        """Drop the connection that has been idle longest; return False if there is none.

        So a health probe is accepted even if many clients send nothing. The idle time starts at
        the last response or at the start of the connection. Single bytes do not reset it.
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
        # Most requests arrive in one piece and need no timer.
        if self._is_received:
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
