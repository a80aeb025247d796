"""Weighted targets of routes: nodes, their listeners and the names of their clusters."""

from collections.abc import Iterator
from typing import NamedTuple

from reconciler.envoy import names
from reconciler.envoy.context import MeshContext
from reconciler.envoy.losses import Place
from reconciler.envoy.messages import Message, Part
from reconciler.envoy.snapshot import Resource


class Target(NamedTuple):
    """A listener of a node as the target of a route; None if it is refused."""

    node: str
    listener: int | None
    cluster: str


def listener_target(context: MeshContext, node: Resource, index: int, suffix: str) -> Target:
    """Return the target for the listener of a node with the number ``index``."""
    mapping = node.spec["listeners"][index]["portMapping"]
    name = names.egress_cluster(
        context.name, node.key.name, mapping["protocol"], mapping["port"], suffix
    )
    return Target(node.key.name, index, name)


def weighted_targets(
    context: MeshContext, action: Part, suffix: str, place: Place
) -> dict[Target, int]:
    """Return the weights of the targets of a route.

    A target that is refused keeps its share of the traffic, which gets 503. Otherwise the other
    targets would get more than their share.
    """
    weights: dict[Target, int] = {}
    for index, item in enumerate(action["weightedTargets"]):
        target = _target(context, item, suffix, place / "weightedTargets" / index)
        weights[target] = weights.get(target, 0) + item["weight"]
    return weights


def cluster_choice(weights: dict[Target, int]) -> Message:
    """Return the fields of a route or TCP proxy that choose among the clusters of targets."""
    if len(weights) == 1:
        (target,) = weights
        return {"cluster": target.cluster}
    choices = [{"name": target.cluster, "weight": weight} for target, weight in weights.items()]
    return {"weighted_clusters": {"clusters": choices}}


def target_ports(context: MeshContext, action: Part) -> Iterator[tuple[int, str]]:
    """Yield the ports and protocols of the listeners that the targets of a route name."""
    for item in action["weightedTargets"]:
        node = context.node(item["virtualNode"])
        index = _listener_index(node, item.get("port")) if node else None
        if node and index is not None:
            mapping = node.spec["listeners"][index]["portMapping"]
            yield mapping["port"], mapping["protocol"]


def _target(context: MeshContext, item: Part, suffix: str, place: Place) -> Target:
    name = item["virtualNode"]
    node = context.node(name)
    index = _listener_index(node, item.get("port")) if node else None
    if node and index is not None:
        return listener_target(context, node, index, suffix)
    if node is None:
        (place / "virtualNode").refuse(f"there is no virtual node {name}; its share gets 503")
    elif "port" in item:
        (place / "port").refuse(f"{name} has no listener on this port; its share gets 503")
    else:
        count = len(node.spec.get("listeners", ()))
        place.refuse(f"{name} has {count} listeners, so the port is needed; its share gets 503")
    return Target(name, None, names.refused_cluster(context.name, name))


def _listener_index(node: Resource, port: int | None) -> int | None:
    ports = [listener["portMapping"]["port"] for listener in node.spec.get("listeners", ())]
    if port is None:
        return 0 if len(ports) == 1 else None
    return ports.index(port) if port in ports else None
