"""Virtual services: the ports on which callers reach them, and their routes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.core.kinds import ROUTE_FIELDS
from reconciler.envoy.context import MeshContext
from reconciler.envoy.losses import Loss, Place
from reconciler.envoy.messages import Part
from reconciler.envoy.snapshot import Resource
from reconciler.envoy.targets import target_ports

TCP = "tcp"
# A request carries the name as its host, so it cannot have other characters.
_HOST = re.compile(r"[A-Za-z0-9_~-]+(?:\.[A-Za-z0-9_~-]+)*\.?")


class RoutePart(NamedTuple):
    """The part of a route for one protocol, such as httpRoute, with its position."""

    resource: Resource
    field: str
    part: Part
    place: Place


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """A virtual service: its provider, and the protocols of the ports that callers use.

    Its name is a host name. It is a part of the names of shared results, so it equals only itself.
    """

    name: str
    node: Resource | None
    router: Resource | None
    ports: dict[int, str]


def find_service(context: MeshContext, name: str, losses: list[Loss]) -> Service | None:
    """Return the service ``name``; None if callers cannot reach it."""
    return context.share(losses, _service, name)


def route_parts(context: MeshContext, router: Resource, losses: list[Loss]) -> list[RoutePart]:
    """Return the routes of a router."""
    routes = context.routes(router.key.name)
    return [part for resource in routes for part in _parts(resource, losses)]


def is_on_port(route: RoutePart, port: int, ports: dict[int, str]) -> bool:
    """Whether a route is for ``port``, one of the ``ports`` of its router or gateway."""
    own = route.part.get("match", {}).get("port")
    if own is not None:
        return bool(own == port)
    if len(ports) == 1:
        return True
    if port == min(ports):
        (route.place / "match").refuse(
            f"there are {len(ports)} listeners, so the port is needed; the route is left out"
        )
    return False


def is_host(name: str) -> bool:
    """Whether a request can have ``name`` as its host."""
    return bool(_HOST.fullmatch(name))


def _service(context: MeshContext, name: str, losses: list[Loss]) -> Service | None:
    resource = context.service(name)
    if resource is None:
        return None
    place = Place(losses, resource.key)
    if not is_host(name):
        place.refuse("the name is not a host name, so no request can reach the service")
        return None
    first = context.first_by_host(name.lower())
    if first != name:
        place.refuse(f"{first} differs only in case, and host names do not; only it is served")
        return None
    provider = resource.spec.get("provider", {})
    place /= "provider"
    node, router, ports = None, None, dict[int, str]()
    match provider:
        case {"virtualNode": {"virtualNodeName": provider_name}}:
            node = context.node(provider_name)
            ports = _listener_ports(node) if node else {}
        case {"virtualRouter": {"virtualRouterName": provider_name}}:
            router = context.router(provider_name)
            ports = _router_ports(context, router, losses) if router else {}
    if not ports:
        place.warn("no provider with a listener is there, so callers cannot reach the service")
        return None
    return Service(name, node, router, ports)


def _listener_ports(resource: Resource) -> dict[int, str]:
    """Return the ports of a node or router; of two listeners on one port the first counts."""
    mappings = [listener["portMapping"] for listener in resource.spec.get("listeners", ())]
    return {mapping["port"]: mapping["protocol"] for mapping in reversed(mappings)}


def _router_ports(context: MeshContext, router: Resource, losses: list[Loss]) -> dict[int, str]:
    """Return the ports of a router; without listeners, those of its targets (chosen)."""
    parts = route_parts(context, router, losses)
    found = _listener_ports(router) or {
        port: protocol
        for route in parts
        for port, protocol in target_ports(context, route.part["action"])
    }
    for route in parts:
        port = route.part.get("match", {}).get("port")
        if found and port is not None and port not in found:
            (route.place / "match" / "port").warn("the router has no listener on this port")
        elif found and (route.field == "tcpRoute") not in {
            protocol == TCP for number, protocol in found.items() if port is None or number == port
        }:
            route.place.warn("no listener of the router has this protocol; the route has no effect")
    return dict(sorted(found.items()))


def _parts(resource: Resource, losses: list[Loss]) -> Iterator[RoutePart]:
    for field in ROUTE_FIELDS:
        if field in resource.spec:
            place = Place(losses, resource.key) / field
            yield RoutePart(resource, field, resource.spec[field], place)
