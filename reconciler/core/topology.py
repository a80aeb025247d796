"""A mesh as a graph: its resources, and edges in the direction of requests.

A request goes from a gateway by its routes to a service, from there to the router or node that
provides it, from a router by its routes to nodes, and from a node to its backends.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from reconciler.core.kinds import KINDS, ROUTE_FIELDS, called_services, parent_of, referenced_keys
from reconciler.core.match_text import match_text
from reconciler.core.resources import Key, Spec
from reconciler.core.traffic_shares import percent, target_weights


@dataclass(frozen=True, slots=True)
class Edge:
    """A step of requests from one resource to another.

    Attributes:
        match: The requests that a route selects, on the edge that leads to the route.
        port: The port in the match, or of the target; None if the spec has none.
        priority: The priority of the route, on the edge that leads to it.
        weight: The weight of the target of a route.
        share: The share of the target, from 0 to 1; None if there is no weight, or all are 0.
    """

    source: Key
    target: Key
    match: str = ""
    port: int | None = None
    priority: int | None = None
    weight: int | None = None
    share: Fraction | None = None

    @property
    def label(self) -> str:
        """Its match or share, and its port; empty if it has none of them."""
        share = f"weight {self.weight}" if self.share is None else percent(self.share)
        words = [self.match, share if self.weight is not None else ""]
        words.append("" if self.port is None else f":{self.port}")
        return " ".join(filter(None, words))


@dataclass(frozen=True, slots=True)
class Topology:
    """The graph, in a fixed order.

    Attributes:
        nodes: Resources, and targets of references to resources that do not exist; sorted.
    """

    nodes: tuple[Key, ...]
    edges: tuple[Edge, ...]


def topology(resources: Iterable[tuple[Key, Spec | None]]) -> Topology:
    """Return the graph of ``resources``, which have unique keys; meshes are not in it."""
    specs = {key: spec or {} for key, spec in resources if key.kind != "mesh"}
    edges = [
        edge
        for key, spec in sorted(specs.items(), key=lambda item: (KINDS[item[0].kind].wave, item[0]))
        for edge in _edges(key, spec)
    ]
    keys = specs.keys() | {key for edge in edges for key in (edge.source, edge.target)}
    return Topology(tuple(sorted(keys)), tuple(edges))


def _edges(key: Key, spec: Spec) -> Iterator[Edge]:
    match key.kind:
        case "virtual-node":
            yield from (Edge(key, service) for service in called_services(key, spec))
        case "virtual-service":
            yield from (Edge(key, provider) for provider in referenced_keys(key, spec))
        case "route" | "gateway-route":
            yield from _route_edges(key, spec)
        case _:
            pass


def _route_edges(key: Key, spec: Any) -> Iterator[Edge]:
    parent = parent_of(key)
    for field in ROUTE_FIELDS:
        if parent is None or field not in spec:
            continue
        match = spec[field].get("match", {})
        yield Edge(parent, key, match_text(field, match), match.get("port"), spec.get("priority"))
        action = spec[field].get("action", {})
        for service in referenced_keys(key, spec):
            if service.kind == "virtual-service":
                yield Edge(key, service, port=action.get("target", {}).get("port"))
        weights = target_weights(action)
        total = sum(weights.values())
        for (name, port), weight in weights.items():
            node = Key("virtual-node", (key.path[0], name), key.mesh_owner)
            share = Fraction(weight, total) if total else None
            yield Edge(key, node, port=port, weight=weight, share=share)
