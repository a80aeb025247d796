"""The match of a route or gateway route in one line, as `POST /pay* (x-canary: 1)`.

A prefix ends in ``*``, a suffix begins with it, and a regular expression begins with ``~``.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

Part: TypeAlias = Mapping[str, Any]
"""An object in a spec, such as the match of a route."""


def match_text(route_field: str, match: Part) -> str:
    """Return the requests that ``match`` selects, without its port.

    Args:
        route_field: The protocol of the route, one of `kinds.ROUTE_FIELDS`.
        match: The match in the spec of the route.
    """
    if route_field == "tcpRoute":
        return "tcp"
    conditions = [*_conditions(match)]
    if route_field == "grpcRoute":
        call = _grpc_call(match)
        conditions += [f"host {_host(match)}"] if "hostname" in match else []
    else:
        words = (match.get("method"), match.get("scheme"), f"{_host(match)}{_path(match)}")
        call = " ".join(filter(None, words))
    return f"{call} ({', '.join(conditions)})" if conditions else call


def _grpc_call(match: Part) -> str:
    service = match.get("serviceName")
    return f"grpc {service}/{match.get('methodName', '*')}" if service else "grpc *"


def _host(match: Part) -> str:
    hostname: Part = match.get("hostname", {})
    if "suffix" in hostname:
        return f"*{str(hostname['suffix']).removeprefix('*')}"
    return str(hostname.get("exact", ""))


def _path(match: Part) -> str:
    path: Part = match.get("path", {})
    if "regex" in path:
        return f"~{path['regex']}"
    return str(path["exact"]) if "exact" in path else f"{match.get('prefix') or '/'}*"


def _conditions(match: Part) -> Iterator[str]:
    for item in (*match.get("headers", ()), *match.get("metadata", ())):
        words = "not " if item.get("invert") else ""
        value = _value(item.get("match", {}))
        yield f"{words}{item['name']}{': ' if value else ''}{value}"
    for item in match.get("queryParameters", ()):
        exact = item.get("match", {}).get("exact")
        yield f"?{item['name']}" if exact is None else f"?{item['name']}={exact}"


def _value(match: Part) -> str:
    match match:
        case {"range": {"start": start, "end": end}}:
            return f"{start} to {end - 1}"
        case {"prefix": prefix}:
            return f"{prefix}*"
        case {"suffix": suffix}:
            return f"*{suffix}"
        case {"regex": regex}:
            return f"~{regex}"
        case _:
            return str(match.get("exact", ""))
