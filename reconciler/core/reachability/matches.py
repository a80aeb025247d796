"""Matches of routes and gateway routes, and the order of routes as the API documents it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.core.match_text import Part
from reconciler.core.reachability.conditions import (
    Condition,
    Operator,
    TextClass,
    condition_of,
    holds,
    implies,
)

Request: TypeAlias = Mapping[str, TextClass]
"""A class of requests: the class of texts of each dimension that the matches of a table have."""

HOST, METHOD, PATH, SCHEME = "host", "method", "path", "scheme"
HEADER, QUERY = "header ", "query "
# A route without a priority is after those that have one, which is at most 1000.
_NO_PRIORITY = 1001
_ANY_PATH = Condition(Operator.PREFIX, "/")


@dataclass(frozen=True, slots=True)
class Match:
    """The requests that a route is for.

    Attributes:
        conditions: All of them must hold; each with the dimension of the request that it is about.
        priority: The priority of the route, `_NO_PRIORITY` without one.
        path_length: Length of its path; None of a regular expression.
    """

    conditions: tuple[tuple[str, Condition], ...]
    priority: int
    path_length: int | None

    def selects(self, request: Request) -> bool | None:
        """Whether the match is for ``request``; None if it is not known."""
        answers = {holds(condition, request[name]) for name, condition in self.conditions}
        return False if False in answers else None if None in answers else True

    def covers(self, other: "Match") -> bool:
        """Whether each request of ``other`` is certainly one of this match."""
        return all(
            any(name == its_name and implies(its, own) for its_name, its in other.conditions)
            for name, own in self.conditions
        )

    def precedes(self, other: "Match") -> bool:
        """Whether the route is documented to be before a route with the match ``other``.

        A smaller priority is first, then the longer path. A host is more specific than a suffix,
        and a longer suffix more specific than a shorter one or none. The API does not say whether
        the host or the priority counts more, so the two must not contradict each other.
        """
        host, its_host = self.host_rank, other.host_rank
        rank = _compare(-self.priority, -other.priority)
        if rank == 0 and self.path_length is not None and other.path_length is not None:
            rank = _compare(self.path_length, other.path_length)
        elif rank == 0:
            return False
        return rank >= 0 and host >= its_host and (rank, host) > (0, its_host)

    @property
    def host_rank(self) -> tuple[bool, int]:
        """How specific its host is: an exact one is greater, and then a longer one."""
        for name, condition in self.conditions:
            if name == HOST:
                return condition.operator is Operator.EXACT, len(condition.text)
        return False, 0


def _compare(one: int, other: int) -> int:
    return (one > other) - (one < other)


def match_of(route_field: str, part: Part, priority: int | None) -> Match:
    """Return the match of a route.

    Args:
        route_field: The protocol of the route, one of `kinds.ROUTE_FIELDS`.
        part: The member of the spec with this name.
        priority: The priority in the spec.
    """
    rank = _NO_PRIORITY if priority is None else priority
    if route_field == "tcpRoute":
        return Match((), rank, 0)
    match = part.get("match", {})
    path = _grpc_path(match) if route_field == "grpcRoute" else _path(match)
    length = None if "regex" in match.get("path", {}) else len(path.text)
    return Match(((PATH, path), *_others(match)), rank, length)


def _path(match: Part) -> Condition:
    if match.get("path"):
        return condition_of(match["path"])
    return Condition(Operator.PREFIX, match.get("prefix") or "/")


def _grpc_path(match: Part) -> Condition:
    service, method = match.get("serviceName"), match.get("methodName")
    if not service:
        return _ANY_PATH
    if method:
        return Condition(Operator.EXACT, f"/{service}/{method}")
    return Condition(Operator.PREFIX, f"/{service}/")


def _others(match: Part) -> Iterator[tuple[str, Condition]]:
    for name in (METHOD, SCHEME):
        if name in match:
            yield name, Condition(Operator.EXACT, match[name])
    for item in (*match.get("headers", ()), *match.get("metadata", ())):
        name = f"{HEADER}{item['name'].lower()}"
        yield name, condition_of(item.get("match", {}), invert=bool(item.get("invert")))
    for item in match.get("queryParameters", ()):
        yield f"{QUERY}{item['name']}", condition_of(item.get("match", {}))
    match match.get("hostname"):
        case {"exact": name}:
            yield HOST, Condition(Operator.EXACT, name.lower())
        case {"suffix": suffix}:
            yield HOST, Condition(Operator.SUFFIX, suffix.removeprefix("*").lower())
        case _:
            pass
