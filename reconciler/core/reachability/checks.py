"""Services that answer no request, and routes that get none.

Both follow from the specs that they are about. Other parts that get no requests, such as nodes
without a route to them, are certain only if all resources of the mesh are known, and manifests
seldom have them all.
"""

from collections.abc import Iterator
from typing import NamedTuple

from reconciler import limits
from reconciler.core.kinds import Steps
from reconciler.core.reachability.model import Reachability, Rule
from reconciler.core.resources import Key


class CoveredRoute(NamedTuple):
    """A route whose requests another route of the same parent gets.

    Attributes:
        at: The path to its match in its spec.
        other: The route that gets the requests.
        is_tie: Whether the API documents no order of the two routes.
    """

    key: Key
    at: Steps
    other: Key
    is_tie: bool


def unprovided_services(reachability: Reachability) -> Iterator[tuple[Key, Key]]:
    """Yield the services that are called and have no provider, each with its first caller."""
    for key, spec in reachability.specs.items():
        if key.kind == "virtual-service" and spec is not None and "provider" not in spec:
            callers = reachability.callers.get(key, ()) + reachability.gateways.get(key, ())
            if callers:
                yield key, callers[0]


def covered_routes(reachability: Reachability) -> Iterator[CoveredRoute]:
    """Yield the routes of which an earlier route of the same parent gets all requests."""
    for routes in reachability.routes.values():
        rules = reachability.rules(routes[: limits.MAX_ROUTES_COMPARED]) if routes[1:] else ()
        for number, rule in enumerate(rules):
            # Every other route may be before it: the order of two routes may not be documented.
            before = [it for it in rules if it.key != rule.key and _covers(it, rule)]
            first = [it for it in before if it.match.precedes(rule.match)]
            ties = [it for it in rules[:number] if it in before and _is_tie(it, rule)]
            at = (f"{rule.protocol}Route", "match")
            for other in (*first, *ties)[:1]:
                yield CoveredRoute(rule.key, at, other.key, is_tie=not first)


def _covers(rule: Rule, other: Rule) -> bool:
    return (
        rule.protocol == other.protocol
        and rule.port in (None, other.port)
        and rule.match.covers(other.match)
    )


def _is_tie(rule: Rule, other: Rule) -> bool:
    same = rule.match.priority == other.match.priority
    ordered = rule.match.precedes(other.match) or other.match.precedes(rule.match)
    return same and not ordered and _covers(other, rule)
