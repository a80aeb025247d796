"""One row per kind: how users write it, what contains it, what it names, and when its turn comes.

Holds no behavior of the API; what a kind looks like on the wire is the target's to know.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from reconciler.core.resources import Json, Key, Spec

Steps: TypeAlias = tuple[str | int, ...]
"""What leads to a value inside a spec: names of members and indices of items."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource.

    ``title`` is what manifests call it. ``wave`` orders creates and updates, lowest first; deletes
    go the other way. ``parent`` is the kind that contains it. ``references`` are the places in its spec
    that name a resource of the same mesh which has to exist before it, each with the kind that it
    names; ``*`` stands for every item of a list. ``mentions`` are such places, each in the items of
    a list, whose resource need not exist. ``owner_only`` may have it in a shared mesh, and none
    of those whom it is shared with (UG, sharing).
    """

    name: str
    title: str
    wave: int
    parent: str | None = "mesh"
    references: tuple[tuple[str, str], ...] = ()
    mentions: tuple[tuple[str, str], ...] = ()
    owner_only: bool = False


_ROUTES = ("grpcRoute", "http2Route", "httpRoute", "tcpRoute")
_GATEWAY_ROUTES = ("grpcRoute", "http2Route", "httpRoute")

KINDS = {
    kind.name: kind
    for kind in (
        Kind("mesh", "Mesh", 0, parent=None),
        # Backends are names only: two nodes may each have the other's service for a backend.
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
                (f"{form}/action/weightedTargets/*/virtualNode", "virtual-node") for form in _ROUTES
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
                (f"{form}/action/target/virtualService/virtualServiceName", "virtual-service")
                for form in _GATEWAY_ROUTES
            ),
            owner_only=True,
        ),
    )
}


def parent_of(key: Key) -> Key | None:
    """Return the key of what contains ``key``; None for a mesh."""
    parent = KINDS[key.kind].parent
    return Key(parent, key.path[:-1], key.mesh_owner) if parent else None


def referenced_keys(key: Key, spec: Spec | None) -> tuple[Key, ...]:
    """Return what ``spec`` of ``key`` names and needs, in order and each once."""
    return tuple(dict.fromkeys(named for _, named in references(key, spec)))


def references(key: Key, spec: Spec | None) -> Iterator[tuple[Steps, Key]]:
    """Yield what ``spec`` of ``key`` names and needs, each with the steps that lead to it there."""
    return _found_at(KINDS[key.kind].references, key, spec)


def mentioned_by(key: Key, spec: Spec | None) -> tuple[Key, ...]:
    """Return what ``spec`` of ``key`` names and does not need, in order and each once."""
    places = KINDS[key.kind].mentions
    return tuple(dict.fromkeys(named for _, named in _found_at(places, key, spec)))


def without_mentions(key: Key, spec: Spec, of: Collection[Key]) -> Spec:
    """Return ``spec`` of ``key`` without the items of lists that mention one of these keys."""
    found = _found_at(KINDS[key.kind].mentions, key, spec)
    dropped = {steps[:2] for steps, named in found if named in of}
    return {
        name: [item for number, item in enumerate(member) if (name, number) not in dropped]
        if isinstance(member, list)
        else member
        for name, member in spec.items()
    }


def _found_at(
    places: tuple[tuple[str, str], ...], key: Key, spec: Spec | None
) -> Iterator[tuple[Steps, Key]]:
    for place, kind in places:
        for steps, name in _at(spec, place.split("/"), ()):
            yield steps, Key(kind, (key.path[0], name), key.mesh_owner)


def _at(value: Json, steps: list[str], taken: Steps) -> Iterator[tuple[Steps, str]]:
    match steps:
        case []:
            if isinstance(value, str):
                yield taken, value
        case ["*", *rest]:
            for index, item in enumerate(value if isinstance(value, list) else ()):
                yield from _at(item, rest, (*taken, index))
        case [name, *rest] if isinstance(value, dict):
            yield from _at(value.get(name), rest, (*taken, name))
