"""The table of kinds: title, parent, references and order of each.

The behavior of the API and its format on the wire belong to the target.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.core.resources import Json, Key, Spec

Steps: TypeAlias = tuple[str | int, ...]
"""The path to a value in a spec: names of members and indices of items."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource.

    Attributes:
        name: The first part of a key.
        title: The name in manifests.
        wave: Order of creates and updates, lowest first; deletes use the reverse order.
        parent: The kind that contains it.
        references: Paths in its spec to names of resources in the same mesh that must exist first,
            each with the kind of that resource; ``*`` stands for each item of a list.
        mentions: Paths like ``references``, each through items of a list, to names of resources
            that need not exist.
        owner_only: Only the account that owns a shared mesh can have it there (UG, sharing).
    """

    name: str
    title: str
    wave: int
    parent: str | None = "mesh"
    references: tuple[tuple[str, str], ...] = ()
    mentions: tuple[tuple[str, str], ...] = ()
    owner_only: bool = False


HTTP_ROUTE_FIELDS = ("grpcRoute", "http2Route", "httpRoute")
"""The fields of which the spec of a gateway route has one, by the protocol of the route."""
ROUTE_FIELDS = (*HTTP_ROUTE_FIELDS, "tcpRoute")
"""The fields of which the spec of a route has one, by the protocol of the route."""

KINDS = {
    kind.name: kind
    for kind in (
        Kind("mesh", "Mesh", 0, parent=None),
        # A backend need not exist: two nodes may each have the other's service as a backend.
        Kind(
            "virtual-node",
            "VirtualNode",
            1,
            mentions=(("backends/*/virtualService/virtualServiceName", "virtual-service"),),
        ),
        Kind("virtual-router", "VirtualRouter", 2),
        Kind(
            "route",
            "Route",
            3,
            parent="virtual-router",
            references=tuple(
                (f"{field}/action/weightedTargets/*/virtualNode", "virtual-node")
                for field in ROUTE_FIELDS
            ),
        ),
        Kind(
            "virtual-service",
            "VirtualService",
            4,
            references=(
                ("provider/virtualNode/virtualNodeName", "virtual-node"),
                ("provider/virtualRouter/virtualRouterName", "virtual-router"),
            ),
        ),
        Kind("virtual-gateway", "VirtualGateway", 5, owner_only=True),
        Kind(
            "gateway-route",
            "GatewayRoute",
            6,
            parent="virtual-gateway",
            references=tuple(
                (f"{field}/action/target/virtualService/virtualServiceName", "virtual-service")
                for field in HTTP_ROUTE_FIELDS
            ),
            owner_only=True,
        ),
    )
}

PROXY_KINDS = ("virtual-gateway", "virtual-node")
"""The kinds whose resources have a proxy of their own."""


def parent_of(key: Key) -> Key | None:
    """Return the key of the parent of ``key``; None for a mesh."""
    parent = KINDS[key.kind].parent
    return Key(parent, key.path[:-1], key.mesh_owner) if parent else None


def referenced_keys(key: Key, spec: Spec | None) -> tuple[Key, ...]:
    """Return the keys that ``spec`` of ``key`` requires, in order and without duplicates."""
    return tuple(dict.fromkeys(named for _, named in references(key, spec)))


def references(key: Key, spec: Spec | None) -> Iterator[tuple[Steps, Key]]:
    """Yield the keys that ``spec`` of ``key`` requires, each with its path in the spec."""
    return _keys_at(KINDS[key.kind].references, key, spec)


def mentioned_by(key: Key, spec: Spec | None) -> tuple[Key, ...]:
    """Return the keys that ``spec`` mentions but does not require, without duplicates."""
    paths = KINDS[key.kind].mentions
    return tuple(dict.fromkeys(named for _, named in _keys_at(paths, key, spec)))


def called_services(key: Key, spec: Spec | None) -> tuple[Key, ...]:
    """Return the services that ``spec`` of a node has as backends, without duplicates."""
    # A backend may have the ARN of a service in place of its name.
    mentioned = mentioned_by(key, spec)
    named = (it._replace(path=(it.path[0], it.name.rpartition("/")[2])) for it in mentioned)
    return tuple(dict.fromkeys(named))


def without_mentions(key: Key, spec: Spec, mentioned: Collection[Key]) -> Spec:
    """Return ``spec`` of ``key`` without the list items that mention one of ``mentioned``."""
    found = _keys_at(KINDS[key.kind].mentions, key, spec)
    dropped = {steps[:2] for steps, named in found if named in mentioned}
    return {
        name: [item for number, item in enumerate(member) if (name, number) not in dropped]
        if isinstance(member, list)
        else member
        for name, member in spec.items()
    }


def listeners(parent: Spec) -> dict[int, str]:
    """Return the protocols of the listeners of a router or gateway, by port."""
    listed: object = parent.get("listeners")
    mappings = [listener["portMapping"] for listener in listed] if isinstance(listed, list) else []
    return {mapping["port"]: mapping["protocol"] for mapping in mappings}


def _keys_at(
    paths: tuple[tuple[str, str], ...], key: Key, spec: Spec | None
) -> Iterator[tuple[Steps, Key]]:
    for path, kind in paths:
        for steps, name in _strings_at(spec, path.split("/"), ()):
            yield steps, Key(kind, (key.path[0], name), key.mesh_owner)


def _strings_at(value: Json, steps: list[str], taken: Steps) -> Iterator[tuple[Steps, str]]:
    match steps:
        case []:
            if isinstance(value, str):
                yield taken, value
        case ["*", *rest]:
            for index, item in enumerate(value if isinstance(value, list) else ()):
                yield from _strings_at(item, rest, (*taken, index))
        case [name, *rest] if isinstance(value, dict):
            yield from _strings_at(value.get(name), rest, (*taken, name))
