"""What an ASGI application asks of any request before it looks at what is wanted."""

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
# No zone, which Python's IPv6 addresses may have, and which may be anything.
_LITERAL = r"\[(?P<literal>[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]"
_HOST = re.compile(rf"(?:{_LITERAL}|(?P<name>[^\[\]:]+))(?::[0-9]{{0,5}})?")


class CutOffError(Exception):
    """The connection ended within the request, which must have no effect."""

    def __init__(self) -> None:
        super().__init__("the connection ended within the request")


class TooLongError(Exception):
    """The body is longer than any that we read."""

    def __init__(self) -> None:
        super().__init__(f"the body must not exceed {limits.MAX_BODY_BYTES} bytes")


async def read_body(receive: Receive) -> bytes:
    """Return the body of a request; CutOffError or TooLongError where there is no such thing."""
    body = b""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            # What arrived may read as a whole request all the same.
            raise CutOffError
        body += message["body"]
        more = message["more_body"]
        if len(body) > limits.MAX_BODY_BYTES:
            raise TooLongError
    return body


def is_known_host(headers: Iterable[tuple[bytes, bytes]], names: Collection[str]) -> bool:
    """Whether there is one Host header, and it holds an IP address or one of ``names``.

    ``names`` are in small letters. A web page can point a name of its own at this machine, but not
    an IP literal.
    """
    hosts = [value for name, value in headers if name == b"host"]
    host = _HOST.fullmatch(hosts[0].decode("latin-1")) if len(hosts) == 1 else None
    if host is None:
        return False
    name = host["literal"] or host["name"]
    return _is_address(name) or name.lower() in names


def content_type(headers: Headers) -> bytes:
    """Return what the body is said to be, without parameters; empty where nothing is said."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


@lru_cache
def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
