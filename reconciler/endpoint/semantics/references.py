"""Checks of references between resources, before a write and before a delete.

Backends are not checked, because a virtual node may refer to services that do not exist yet (UG;
roadmap 372).
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.endpoint.endpoint_errors import ApiError
from reconciler.endpoint.semantics import error_messages
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.state.tables import Collection, Resource, Tables

Spec = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reference:
    """A kind whose spec refers to resources of another kind in the same mesh."""

    referrer: str
    target: str
    names: Callable[[Spec], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Containment:
    """A kind whose resources are children of another kind and match on its ports."""

    kind: str
    parent: str
    title: str
    """The parent's name in the messages of the service (issue 715 of the controller)."""
    routes: str
    no_port: str
    """The message about a missing match port (controller 715 and aws-cdk 22452)."""


def _provider(member: str) -> Callable[[Spec], Iterator[str]]:
    def names(spec: Spec) -> Iterator[str]:
        yield from spec.get("provider", {}).get(member, {}).values()

    return names


def _protocols(spec: Spec) -> Iterator[Spec]:
    """Yield the protocol-specific route in a spec of either kind of route."""
    return (route for member, route in spec.items() if member.endswith("Route"))


def weighted_targets(spec: Spec) -> Iterator[Spec]:
    """Yield the weighted targets of a route."""
    for route in _protocols(spec):
        yield from route["action"]["weightedTargets"]


def _nodes(spec: Spec) -> Iterator[str]:
    return (target["virtualNode"] for target in weighted_targets(spec))


def _service(spec: Spec) -> Iterator[str]:
    for route in _protocols(spec):
        yield route["action"]["target"]["virtualService"]["virtualServiceName"]


def _backends(spec: Spec) -> Iterator[str]:
    for backend in spec.get("backends", ()):
        yield backend["virtualService"]["virtualServiceName"]


REFERENCES = (
    Reference("VirtualService", "VirtualNode", _provider("virtualNode")),
    Reference("VirtualService", "VirtualRouter", _provider("virtualRouter")),
    Reference("Route", "VirtualNode", _nodes),
    Reference("GatewayRoute", "VirtualService", _service),
)
_BACKENDS = Reference("VirtualNode", "VirtualService", _backends)
CONTAINMENTS = (
    Containment(
        "Route",
        "VirtualRouter",
        "Virtual Router",
        "Route",
        "Route must define a port match criteria if the Virtual Router has multiple listeners",
    ),
    Containment(
        "GatewayRoute",
        "VirtualGateway",
        "Virtual Gateway",
        "Gateway Route",
        "Gateway route must define a match port if the parent Virtual Gateway has multiple"
        " listeners",
    ),
)
_IN_A_MESH = ("VirtualService", "VirtualRouter", "VirtualNode", "VirtualGateway")


def require_parents(tables: Tables, collection: Collection) -> Resource | None:
    """Return the parent of a collection, or None for the collection of meshes.

    Raises:
        ApiError: The parent or the mesh does not exist.
    """
    if not collection.parent:
        return None
    *above, name = collection.parent.split("/")
    mesh = Collection(collection.scope, "Mesh", "")
    within = mesh
    if above:
        require_parents(tables, Collection(collection.scope, "", above[0]))
        kind = next(
            containment.parent
            for containment in CONTAINMENTS
            if containment.kind == collection.kind
        )
        within = Collection(collection.scope, kind, above[0])
    found = tables.find(within, name)
    if found is None:
        raise error_messages.not_found(within, name)
    return found


def check_references(tables: Tables, resource: Resource, behavior: Behavior) -> None:
    """Check that the spec of a resource about to be written fits the other resources.

    Raises:
        ApiError: It refers to a missing resource, or its ports are ambiguous or in use.
    """
    if behavior.references == "checked":
        _require_targets(tables, resource, behavior)
    for containment in CONTAINMENTS:
        if containment.kind == resource.collection.kind:
            _check_route_ports(tables, resource, containment)
        if containment.parent == resource.collection.kind:
            _check_listener_ports(tables, resource, containment)


def check_unused(tables: Tables, resource: Resource, behavior: Behavior) -> None:
    """Check that a resource about to be deleted has no children and no referrers.

    Raises:
        ApiError: It has some; the message lists up to five by name.
    """
    mesh, kind = resource.collection.parent, resource.collection.kind
    collection = Collection(resource.collection.scope, "Mesh", "")
    inner = f"{mesh}/{resource.name}" if mesh else resource.name
    within = [containment.kind for containment in CONTAINMENTS if containment.parent == kind] + (
        list(_IN_A_MESH) if kind == "Mesh" else []
    )
    users = {
        containment: children
        for containment in within
        if (children := tables.page(Collection(collection.scope, containment, inner), 6))
    }
    quoted = json.dumps(resource.name)
    backends_count = behavior.backends_hold_services == "yes"
    for reference in (*REFERENCES, *((_BACKENDS,) if backends_count else ())):
        if reference.target == kind:
            found = [
                referrer
                for referrer in tables.descendants(collection, mesh, reference.referrer, quoted)
                if resource.name in reference.names(referrer.spec)
            ]
            if found and reference.referrer == "VirtualService":
                raise error_messages.provides_services(resource, found)
            if found:
                users[reference.referrer] = found
    if users:
        raise error_messages.in_use(resource, users)


def _require_targets(tables: Tables, resource: Resource, behavior: Behavior) -> None:
    scope = resource.collection.scope
    mesh = resource.collection.parent.partition("/")[0]
    for reference in REFERENCES:
        if reference.referrer == resource.collection.kind:
            collection = Collection(scope, reference.target, mesh)
            for name in reference.names(resource.spec):
                target = tables.find(collection, name)
                # A resource of another account cannot be referred to (UG on sharing).
                if target is None or target.owner != resource.owner:
                    raise error_messages.not_found(collection, name, behavior.reference_not_found)


def _check_route_ports(tables: Tables, route: Resource, containment: Containment) -> None:
    parent = require_parents(tables, route.collection)
    if parent and len(_listeners(parent)) > 1 and _without_port(route):
        raise ApiError("BadRequestException", containment.no_port)
    mesh = Collection(
        route.collection.scope, "VirtualService", route.collection.parent.partition("/")[0]
    )
    for protocol in _protocols(route.spec):
        target = protocol["action"].get("target")
        if target is None or "port" in target:
            continue
        service = tables.find(mesh, target["virtualService"]["virtualServiceName"])
        for provider in (REFERENCES[0], REFERENCES[1]) if service else ():
            collection = Collection(mesh.scope, provider.target, mesh.parent)
            for name in provider.names(service.spec if service else {}):
                found = tables.find(collection, name)
                if found and len(_listeners(found)) > 1:
                    raise ApiError(
                        "BadRequestException",
                        f"{containment.routes} must define a target port if the provider of the"
                        " Virtual Service has multiple listeners",
                    )


def _check_listener_ports(tables: Tables, parent: Resource, containment: Containment) -> None:
    collection = Collection(
        parent.collection.scope, containment.kind, f"{parent.collection.parent}/{parent.name}"
    )
    routes = tables.page(collection)
    unported = [route.name for route in routes if _without_port(route)]
    ports = _listeners(parent)
    if len(ports) > 1 and unported:
        raise ApiError(
            "BadRequestException",
            f"All {containment.routes}s for this {containment.title} must define a port match"
            f" before adding multiple listeners to this {containment.title}. {len(unported)}"
            f" {containment.routes}(s) are missing port. Listing up to 5 route names:"
            f" {error_messages.listing(unported)}",
        )
    before = tables.find(parent.collection, parent.name)
    changed = {
        port
        for port, protocol in (_listeners(before) if before else {}).items()
        if ports.get(port, protocol) != protocol
    }
    using = [route.name for route in routes if changed & _ports(route, ports)]
    if using:
        raise ApiError(
            "BadRequestException",
            f"The protocol of a listener cannot change while {containment.routes}s use it:"
            f" {error_messages.listing(using)}",
        )


def _listeners(parent: Resource) -> dict[int, str]:
    """Return the protocols of the listeners of a router, gateway or node, by port."""
    mappings = [listener["portMapping"] for listener in parent.spec.get("listeners", ())]
    return {mapping["port"]: mapping["protocol"] for mapping in mappings}


def _ports(route: Resource, every: dict[int, str]) -> set[int]:
    """Return the ports that a route matches: all ports if it has no match on ports."""
    ports = {protocol.get("match", {}).get("port") for protocol in _protocols(route.spec)}
    return set(every) if None in ports else ports


def _without_port(route: Resource) -> bool:
    return any("port" not in protocol.get("match", {}) for protocol in _protocols(route.spec))
