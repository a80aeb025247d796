"""Checks that an ASGI application makes for each request: body, Host header, content type."""

import ipaddress
import re
from collections.abc import Awaitable, Callable, Collection, Iterable, MutableMapping
from functools import lru_cache
from typing import Any, TypeAlias

from reconciler import limits

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]
Headers: TypeAlias = dict[bytes, bytes]

JSON = b"application/json"
# Without a zone, which Python accepts in IPv6 addresses and which may be any text.
_LITERAL = r"\[(?P<literal>[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]"
_HOST = re.compile(rf"(?:{_LITERAL}|(?P<name>[^\[\]:]+))(?::[0-9]{{0,5}})?")


class CutOffError(Exception):
    """The connection was closed during the request, which must have no effect."""

    def __init__(self) -> None:
        super().__init__("the connection was closed during the request")


class TooLongError(Exception):
    """The body exceeds the maximum size."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"the body must not exceed {max_bytes} bytes")


async def read_body(receive: Receive) -> bytes:
    """Return the body of a request.

    Raises:
        CutOffError: The connection was closed before the end of the body.
        TooLongError: The body exceeds the maximum size.
    """
    parts: list[bytes] = []
    await receive_body(receive, parts.append, limits.MAX_BODY_BYTES)
    return b"".join(parts)


async def receive_body(receive: Receive, take: Callable[[bytes], None], max_bytes: int) -> None:
    """Call `take` with each part of the body of a request as it arrives.

    Raises:
        CutOffError: The connection was closed before the end of the body.
        TooLongError: The body exceeds `max_bytes`.
    """
    size = 0
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            # The part that was received may look like a complete request.
            raise CutOffError
        size += len(message["body"])
        if size > max_bytes:
            raise TooLongError(max_bytes)
        take(message["body"])
        more = message["more_body"]


def is_known_host(headers: Iterable[tuple[bytes, bytes]], names: Collection[str]) -> bool:
    """Return whether there is exactly one Host header, with an IP address or one of `names`.

    This prevents DNS rebinding: a web page can point its own name at this machine, but not an IP
    address. `names` must be in lower case.
    """
    hosts = [value for name, value in headers if name == b"host"]
    host = _HOST.fullmatch(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
    if host is None:
        return False
    name = host["literal"] or host["name"]
    return _is_address(name) or name.lower() in names


def content_type(headers: Headers) -> bytes:
    """Return the content type without parameters; empty if there is none."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


@lru_cache
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
