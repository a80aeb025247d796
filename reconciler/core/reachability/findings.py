"""Parts of meshes that no request reaches, or from which requests reach nothing."""

from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from reconciler import limits
from reconciler.core.kinds import Steps, called_services, references
from reconciler.core.reachability.model import Reachability, Rule, listener_ports
from reconciler.core.resources import Key


class FindingKind(Enum):
    """The kind of a finding.

    The first two follow from the specs that they are about. The others are true only if all
    resources of the mesh are known, and manifests seldom have them all.
    """

    UNPROVIDED = "service without a provider"
    COVERED = "route whose requests an earlier one gets"
    UNHEARD = "route that no listener matches"
    UNREACHED = "node that no route leads to"
    UNDECLARED = "backend that does not exist"
    DEAD_END = "gateway route to a service that does not exist or has no provider"


class Finding(NamedTuple):
    """A part of a mesh that has no effect.

    Attributes:
        at: The path to the field in the spec of `key`.
        other: The resource that causes it: the caller of a service, the route that gets the
            requests, the listener's resource, the service of a backend or gateway route.
        is_tie: Whether the API documents no order of two routes for the same requests.
    """

    kind: FindingKind
    key: Key
    at: Steps
    other: Key | None = None
    is_tie: bool = False


def findings(reachability: Reachability) -> Iterator[Finding]:
    """Yield all findings in the resources of ``reachability``, in the order of the kinds."""
    yield from unprovided(reachability)
    yield from covered(reachability)
    yield from _unheard(reachability)
    yield from _unreached(reachability)
    yield from _dead_ends(reachability)


def unprovided(reachability: Reachability) -> Iterator[Finding]:
    """Yield the services that are called and have no provider."""
    for key, spec in reachability.specs.items():
        if key.kind == "virtual-service" and spec is not None and "provider" not in spec:
            callers = reachability.callers.get(key, ()) + reachability.gateways.get(key, ())
            for caller in callers[:1]:
                yield Finding(FindingKind.UNPROVIDED, key, ("provider",), caller)


def covered(reachability: Reachability) -> Iterator[Finding]:
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
                yield Finding(FindingKind.COVERED, rule.key, at, other.key, is_tie=not first)


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


def _unheard(reachability: Reachability) -> Iterator[Finding]:
    for parent, routes in reachability.routes.items():
        ports = listener_ports(reachability.spec(parent))
        heard = {rule for port in ports for rule in reachability.table(parent, port).rules}
        for rule in reachability.rules(routes):
            if parent in reachability.specs and reachability.knows(parent) and rule not in heard:
                at = (f"{rule.protocol}Route",)
                yield Finding(FindingKind.UNHEARD, rule.key, at, parent)


def _unreached(reachability: Reachability) -> Iterator[Finding]:
    reached = {
        target
        for key, spec in reachability.specs.items()
        for _, target in references(key, spec)
        if target.kind == "virtual-node"
    }
    for key, spec in reachability.specs.items():
        if key.kind == "virtual-node" and (spec or {}).get("listeners") and key not in reached:
            yield Finding(FindingKind.UNREACHED, key, ("listeners",))


def _dead_ends(reachability: Reachability) -> Iterator[Finding]:
    specs = reachability.specs
    for key, spec in specs.items():
        for service in called_services(key, spec):
            if service not in specs:
                yield Finding(FindingKind.UNDECLARED, key, ("backends",), service)
        for steps, target in references(key, spec):
            is_dead = reachability.service(target) is None and reachability.knows(target)
            if target.kind == "virtual-service" and is_dead:
                yield Finding(FindingKind.DEAD_END, key, steps, target)
