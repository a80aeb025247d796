"""Matches of routes and gateway routes, and the order of routes."""

import re

from reconciler.core.envoy_syntax import regexes
from reconciler.envoy.losses import Place
from reconciler.envoy.messages import Message, Part

# Envoy rejects other names, and values with control characters.
_HEADER_NAME = re.compile(r":?[0-9A-Za-z!#$%&'*+\-.^_|~`]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_MAX_QUERY_NAME = 1024
# A route without a priority is after those that have one, which is at most 1000.
_NO_PRIORITY = 1001


def http_match(match: Part, place: Place) -> Message:
    """Return the match of an http or http2 route.

    Raises:
        RefusedError: Envoy would reject it.
    """
    conditions = [_header(*pair) for pair in _items(match, "headers", place)]
    conditions += [
        {"name": f":{field}", "string_match": {"exact": match[field]}}
        for field in ("method", "scheme")
        if field in match
    ]
    query = [_query_parameter(*pair) for pair in _items(match, "queryParameters", place)]
    return {
        **_path(match, place),
        **({"headers": conditions} if conditions else {}),
        **({"query_parameters": query} if query else {}),
    }


def grpc_match(match: Part, place: Place) -> Message:
    """Return the match of a grpc route.

    Raises:
        RefusedError: Envoy would reject it, or it has a method without a service.
    """
    service, method = match.get("serviceName"), match.get("methodName")
    if method and not service:
        raise place.refusal("it matches a method without a service; set serviceName")
    path: Message = {"prefix": f"/{service}/" if service else "/"}
    if method:
        path = {"path": f"/{service}/{method}"}
    conditions = [_header(*pair, lower=True) for pair in _items(match, "metadata", place)]
    return {**path, "grpc": {}, **({"headers": conditions} if conditions else {})}


def path_of(match: Message) -> str:
    """Return the path of a translated match: exact, prefix or regular expression."""
    regex = match.get("safe_regex", {}).get("regex", "")
    return str(match.get("path") or match.get("prefix") or regex)


def order(priority: int | None, match: Message, name: str) -> tuple[int, int, str, int, str]:
    """Return the sort key of a route.

    App Mesh promised priority and length of the path. The order after that is chosen.
    """
    path = path_of(match)
    conditions = len(match.get("headers", ())) + len(match.get("query_parameters", ()))
    rank = _NO_PRIORITY if priority is None else priority
    return rank, -len(path), path, -conditions, name


def require_header_value(text: str, place: Place) -> str:
    """Return ``text`` if Envoy accepts it as the value of a header, a path or a host.

    Raises:
        RefusedError: It has control characters.
    """
    if _CONTROL.search(text):
        raise place.refusal("it has control characters, which Envoy rejects")
    return text


def _items(match: Part, field: str, place: Place) -> list[tuple[Part, Place]]:
    return [(item, place / field / index) for index, item in enumerate(match.get(field, ()))]


def _path(match: Part, place: Place) -> Message:
    path = match.get("path", {})
    if "exact" in path:
        return {"path": path["exact"]}
    if "regex" in path:
        return {"safe_regex": _regex(path["regex"], place / "path" / "regex")}
    return {"prefix": match.get("prefix") or "/"}


def _regex(text: str, place: Place) -> Message:
    if reason := regexes.problem(text):
        raise place.refusal(f"Envoy would reject this regular expression: {reason}")
    return {"regex": text}


def _header(item: Part, place: Place, *, lower: bool = False) -> Message:
    name = item["name"].lower() if lower else item["name"]
    if not _HEADER_NAME.fullmatch(name):
        raise (place / "name").refusal("no header can have this name")
    invert = {"invert_match": True} if item.get("invert") else {}
    return {"name": name, **_header_value(item.get("match", {}), place / "match"), **invert}


def _header_value(match: Part, place: Place) -> Message:
    for kind, value in match.items():
        if kind == "range":
            return {"range_match": {"start": value["start"], "end": value["end"]}}
        if kind == "regex":
            return {"string_match": {"safe_regex": _regex(value, place / "regex")}}
        return {"string_match": {kind: value}}
    return {"present_match": True}


def _query_parameter(item: Part, place: Place) -> Message:
    name = item["name"]
    if not name or len(name.encode()) > _MAX_QUERY_NAME:
        raise (place / "name").refusal(f"Envoy needs a name of 1 to {_MAX_QUERY_NAME} bytes")
    exact = item.get("match", {}).get("exact")
    if exact is None:
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": {"exact": exact}}
