"""The model: services with their ports, tables of routes, and the answers to requests."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any, TypeAlias

from reconciler.core.kinds import ROUTE_FIELDS, called_services, parent_of, referenced_keys
from reconciler.core.match_text import Part, match_text
from reconciler.core.reachability.matches import Match, match_of
from reconciler.core.resources import Key, Spec
from reconciler.core.traffic_shares import target_weights

Answer: TypeAlias = tuple[tuple[Key, int | None, Fraction], ...]
"""The nodes that get a request, or the service that a gateway calls: key, port in the route, share.

The shares add up to less than 1 if a target has no such listener, and to 0 if no route is for the
request.
"""

_TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Rule:
    """A route in a table, or the node that provides a service.

    Attributes:
        key: The key of the route or node.
        text: The match as text.
        port: The port in the match.
    """

    key: Key
    protocol: str
    text: str
    port: int | None
    match: Match
    answer: Answer


@dataclass(frozen=True, slots=True)
class Table:
    """The routes of a router or gateway for the requests on one port, in their order.

    Routes that the API does not put into an order are in that of their names.
    """

    protocol: str
    rules: tuple[Rule, ...]

    def first(self, selected: Mapping[int, bool | None]) -> tuple[Rule | None, ...]:
        """Return the rules that may be the first one for a request; None for no rule.

        Args:
            selected: Whether the rules are for the request, by their number.
        """
        certain = [self.rules[number] for number, answer in selected.items() if answer]
        possible = [
            self.rules[number] for number, answer in selected.items() if answer is not False
        ]
        found: tuple[Rule | None, ...] = tuple(
            rule
            for rule in possible
            if not any(other.match.precedes(rule.match) for other in certain)
        )
        return found if certain else (*found, None)


@dataclass(frozen=True, slots=True)
class Service:
    """A virtual service: its provider, and the protocols of the ports on which it is called."""

    key: Key
    provider: Key
    ports: Mapping[int, str]


class Reachability:
    """The resources of some meshes, and the answers to requests in them.

    Args:
        specs: The specs of all resources; None if one exists and its spec is not known.
    """

    def __init__(self, specs: Mapping[Key, Spec | None]) -> None:
        self.specs = specs

    def knows(self, key: Key) -> bool:
        """Whether the spec of ``key`` is known, or that it does not exist."""
        return key not in self.specs or self.specs[key] is not None

    def spec(self, key: Key) -> Any:
        """Return the spec of ``key``; empty if it is not known."""
        return self.specs.get(key) or {}

    @cached_property
    def routes(self) -> Mapping[Key, tuple[Key, ...]]:
        """The keys of the routes of each router and gateway."""
        found: defaultdict[Key, list[Key]] = defaultdict(list)
        for key in sorted(it for it in self.specs if it.kind in ("route", "gateway-route")):
            found[parent_of(key) or key].append(key)
        return {parent: tuple(keys) for parent, keys in found.items()}

    @cached_property
    def callers(self) -> Mapping[Key, tuple[Key, ...]]:
        """The virtual nodes that have each service as a backend."""
        found: defaultdict[Key, list[Key]] = defaultdict(list)
        for key in sorted(it for it in self.specs if it.kind == "virtual-node"):
            for service in called_services(key, self.specs[key]):
                found[service].append(key)
        return {service: tuple(keys) for service, keys in found.items()}

    @cached_property
    def gateways(self) -> Mapping[Key, tuple[Key, ...]]:
        """The virtual gateways that have a route to each service."""
        found: defaultdict[Key, dict[Key, None]] = defaultdict(dict)
        for parent, keys in self.routes.items():
            if parent.kind == "virtual-gateway":
                for service in (it for key in keys for it in self.targets(key)):
                    found[service][parent] = None
        return {service: tuple(keys) for service, keys in found.items()}

    def service(self, key: Key) -> Service | None:
        """Return the service ``key``; None if it does not exist or has no provider."""
        for provider in referenced_keys(key, self.spec(key)):
            return Service(key, provider, listener_ports(self.spec(provider)))
        return None

    def is_decidable(self, key: Key) -> bool:
        """Whether it is known on which ports service ``key`` is called, and by which rules."""
        if not self.knows(key):
            return False
        service = self.service(key)
        if service is None:
            return True
        # The API does not say on which ports a router without listeners is called.
        without = service.provider.kind == "virtual-router" and not service.ports
        return self.has_table(service.provider) and not without

    def has_table(self, key: Key) -> bool:
        """Whether the rules of a router, gateway or node are known and documented."""
        routes, ports = self.routes.get(key, ()), listener_ports(self.spec(key))
        if not (self.knows(key) and all(map(self.knows, routes))):
            return False
        return all(_is_documented(rule, ports) for rule in self.rules(routes))

    def table(self, key: Key, port: int) -> Table:
        """Return the rules of router, gateway or node ``key`` for requests on ``port``."""
        ports = listener_ports(self.spec(key))
        protocol = ports[port]
        if key.kind == "virtual-node":
            match = match_of("tcpRoute", {}, None)
            rule = Rule(key, protocol, "", None, match, ((key, port, Fraction(1)),))
            return Table(protocol, (rule,))
        # A route needs a port if there are several.
        selected = (port, None) if len(ports) == 1 else (port,)
        rules = [
            rule
            for rule in self.rules(self.routes.get(key, ()))
            if rule.protocol == protocol and rule.port in selected
        ]
        return Table(protocol, tuple(rules))

    def rules(self, routes: Iterable[Key]) -> list[Rule]:
        """Return the rules of some routes in their order."""
        return sorted((rule for route in routes for rule in self._rules(route)), key=_order)

    def _rules(self, route: Key) -> Iterator[Rule]:
        spec = self.spec(route)
        for field in ROUTE_FIELDS:
            if field in spec:
                part = spec[field]
                match = part.get("match", {})
                yield Rule(
                    route,
                    field.removesuffix("Route"),
                    match_text(field, match),
                    match.get("port"),
                    match_of(field, part, spec.get("priority")),
                    self._answer(route, part.get("action", {})),
                )

    def targets(self, route: Key) -> tuple[Key, ...]:
        """Return the nodes or the service that a route names, also with a weight of 0."""
        return referenced_keys(route, self.spec(route))

    def _answer(self, route: Key, action: Part) -> Answer:
        weights = target_weights(action)
        total = sum(weights.values())
        found: list[tuple[Key, int | None, Fraction]] = []
        for (name, port), weight in weights.items():
            node = route._replace(kind="virtual-node", path=(route.path[0], name))
            if weight and self._listens(node, port):
                found.append((node, port, Fraction(weight, total)))
        if target := action.get("target"):
            name = target["virtualService"]["virtualServiceName"]
            service = route._replace(kind="virtual-service", path=(route.path[0], name))
            found.append((service, target.get("port"), Fraction(1)))
        return tuple(sorted(found, key=lambda it: (it[0], it[1] or 0)))

    def _listens(self, node: Key, port: int | None) -> bool:
        """Whether a node may get requests on ``port``; None is its only port."""
        if self.specs.get(node) is None:
            return True
        ports = listener_ports(self.spec(node))
        return bool(ports) if port is None else port in ports


def _is_documented(rule: Rule, ports: Mapping[int, str]) -> bool:
    """Whether the API says which listeners ``rule`` is for.

    It does not say what becomes of a route for http on a listener for http2.
    """
    listening = (protocol for port, protocol in ports.items() if rule.port in (None, port))
    return all(rule.protocol == it or _TCP in (rule.protocol, it) for it in listening)


def _order(rule: Rule) -> tuple[int, int, Key]:
    return rule.match.priority, -(rule.match.path_length or 0), rule.key


def listener_ports(spec: Part) -> dict[int, str]:
    """Return the protocols of the ports of a node, router or gateway; the first listener counts."""
    mappings = [listener["portMapping"] for listener in reversed(spec.get("listeners", ()))]
    return {mapping["port"]: mapping["protocol"] for mapping in mappings}
