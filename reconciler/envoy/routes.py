"""The routes of a virtual service: HTTP routes and virtual hosts, and the target of TCP."""

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.envoy import names
from reconciler.envoy.context import MeshContext
from reconciler.envoy.losses import Loss, Place, RefusedError
from reconciler.envoy.matches import grpc_match, http_match, order
from reconciler.envoy.messages import Message
from reconciler.envoy.retries import default_policy, retry_policy
from reconciler.envoy.services import RoutePart, Service, is_on_port, route_parts
from reconciler.envoy.snapshot import Resource
from reconciler.envoy.targets import (
    Target,
    cluster_choice,
    listener_target,
    weighted_targets,
)
from reconciler.envoy.timeouts import Timeouts, listener_timeouts, longest, route_timeouts

_UNAVAILABLE: Message = {"direct_response": {"status": 503}}


@dataclass(frozen=True, slots=True)
class Routes:
    """Routes of Envoy in their order, and the targets that they name."""

    messages: tuple[Message, ...]
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Host:
    """The virtual host of a service for its callers, and the targets that it names."""

    message: Message
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class TcpTarget:
    """The fields of the TCP proxy of a service, and the targets that they name."""

    message: Message
    targets: tuple[Target, ...]


def http_routes(
    context: MeshContext, service: Service, port: int, suffix: str, losses: list[Loss]
) -> Routes:
    """Return the routes of a service on one of its HTTP ports.

    Args:
        context: The mesh.
        service: The service.
        port: The port on which callers reach it.
        suffix: The suffix of the names of clusters.
        losses: Gets the losses.
    """
    return context.share(losses, _http_routes, service, port, suffix)


def tcp_target(
    context: MeshContext, service: Service, port: int, suffix: str, losses: list[Loss]
) -> TcpTarget:
    """Return the target of connections to a service on one of its TCP ports."""
    return context.share(losses, _tcp_target, service, port, suffix)


def service_host(
    context: MeshContext, service: Service, port: int, suffix: str, losses: list[Loss]
) -> Host:
    """Return the virtual host of a service on one of its HTTP ports; all callers share it."""
    return context.share(losses, _service_host, service, port, suffix)


def virtual_host(name: str, ports: Iterable[int], routes: Iterable[Message]) -> Message:
    """Return the virtual host of a service."""
    domains = [name, *(f"{name}:{port}" for port in ports)]
    return {"name": name, "domains": domains, "routes": [*routes]}


def service_timeouts(context: MeshContext, service: Service, losses: list[Loss]) -> Timeouts:
    """Return the longest timeouts of the routes of a service, for the gateways before it."""
    if service.node:
        return longest(
            _listener_timeouts(service.node, index, losses)
            for index in range(len(service.node.spec["listeners"]))
        )
    return longest(
        route_timeouts(route.part.get("timeout", {}), route.place / "timeout")
        for route in (route_parts(context, service.router, losses) if service.router else ())
        if route.field != "tcpRoute"
    )


def _http_routes(
    context: MeshContext, service: Service, port: int, suffix: str, losses: list[Loss]
) -> Routes:
    if service.node:
        return _node_routes(context, service.node, port, suffix, losses)
    found = []
    for route in _routes_on(context, service, port, losses):
        if route.field == "tcpRoute":
            continue
        try:
            match = _match(route)
            retry = retry_policy(route.part.get("retryPolicy"), route.place / "retryPolicy")
        except RefusedError:
            continue
        weights = weighted_targets(context, route.part["action"], suffix, route.place / "action")
        timeouts = route_timeouts(route.part.get("timeout", {}), route.place / "timeout")
        fields = {**cluster_choice(weights), **timeouts.message}
        fields |= {"retry_policy": retry} if retry else {}
        action = {"route": fields} if any(weights.values()) else _UNAVAILABLE
        used = weights if any(weights.values()) else {}
        rank = order(route.resource.spec.get("priority"), match, route.resource.key.name)
        message = {"name": route.resource.key.name, "match": match, **action}
        found.append((rank, message, (*used,)))
    found.sort(key=lambda item: item[0])
    targets = dict.fromkeys(target for _, _, used in found for target in used)
    return Routes(tuple(message for _, message, _ in found), (*targets,))


def _service_host(
    context: MeshContext, service: Service, port: int, suffix: str, losses: list[Loss]
) -> Host:
    routes = http_routes(context, service, port, suffix, losses)
    return Host(virtual_host(service.name, (port,), routes.messages), routes.targets)


def _match(route: RoutePart) -> Message:
    translate = grpc_match if route.field == "grpcRoute" else http_match
    return translate(route.part.get("match", {}), route.place / "match")


def _node_routes(
    context: MeshContext, node: Resource, port: int, suffix: str, losses: list[Loss]
) -> Routes:
    index = _index_of(node, port)
    target = listener_target(context, node, index, suffix)
    timeouts = _listener_timeouts(node, index, losses)
    fields = {"cluster": target.cluster, **timeouts.message, "retry_policy": default_policy()}
    return Routes(({"match": {"prefix": "/"}, "route": fields},), (target,))


def _tcp_target(
    context: MeshContext, service: Service, port: int, suffix: str, losses: list[Loss]
) -> TcpTarget:
    if service.node:
        index = _index_of(service.node, port)
        target = listener_target(context, service.node, index, suffix)
        timeouts = _listener_timeouts(service.node, index, losses)
        return TcpTarget({"cluster": target.cluster, **timeouts.tcp_message}, (target,))
    routes = [
        route for route in _routes_on(context, service, port, losses) if route.field == "tcpRoute"
    ]
    routes.sort(key=lambda route: order(route.resource.spec.get("priority"), {}, ""))
    for other in routes[1:]:
        other.place.warn("only the first tcp route of a port has an effect")
    for route in routes[:1]:
        weights = weighted_targets(context, route.part["action"], suffix, route.place / "action")
        weights = {target: weight for target, weight in weights.items() if weight}
        if weights:
            timeouts = route_timeouts(route.part.get("timeout", {}), route.place / "timeout")
            return TcpTarget({**cluster_choice(weights), **timeouts.tcp_message}, (*weights,))
        (route.place / "action").warn("all weights are 0, so connections are closed")
    # Without a chain of its own, the port would be passed through under ALLOW_ALL.
    cluster = names.refused_cluster(context.name, service.name)
    return TcpTarget({"cluster": cluster}, (Target(service.name, None, cluster),))


def _routes_on(
    context: MeshContext, service: Service, port: int, losses: list[Loss]
) -> list[RoutePart]:
    parts = route_parts(context, service.router, losses) if service.router else []
    return [route for route in parts if is_on_port(route, port, service.ports)]


def _index_of(node: Resource, port: int) -> int:
    ports = [listener["portMapping"]["port"] for listener in node.spec["listeners"]]
    return ports.index(port)


def _listener_timeouts(node: Resource, index: int, losses: list[Loss]) -> Timeouts:
    place = Place(losses, node.key) / "listeners" / index
    return listener_timeouts(node.spec["listeners"][index], place)
