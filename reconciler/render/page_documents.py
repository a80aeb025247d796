"""The documents that the pages of daemon and endpoint read, as JSON."""

from collections.abc import Callable, Mapping
from dataclasses import asdict

from reconciler.core.changes import spec_in
from reconciler.core.resources import Json, Key, Spec
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.resource_sides import ResourceSides, changes_by_key
from reconciler.core.topology import topology


def resource_document(
    sides: ResourceSides, link: str | None, clean: Callable[[str], str]
) -> dict[str, Json]:
    """Return both sides of a resource.

    Args:
        sides: The two sides.
        link: The URL of its manifest on the forge, if it is known.
        clean: Removes secrets from each text.
    """
    return {**{name: _clean(side, clean) for name, side in asdict(sides).items()}, "link": link}


def status_graph(status: DaemonStatus) -> dict[str, Json]:
    """Return the resources of a daemon and their references, each with its state."""
    states = {item.key: item.state.value for item in status.resources}
    changes = {} if status.plan is None else changes_by_key(status.plan)
    # A resource without a manifest is deleted or withheld, and has its live spec.
    live = {key: spec_in(change.difference.before) for key, change in changes.items()}
    specs = {key: live.get(key) for key in states}
    specs |= {key: manifest.spec for key, manifest in status.desired.items() if key in states}
    return _graph(specs, states, missing="not managed")


def live_graph(specs: Mapping[Key, Spec]) -> dict[str, Json]:
    """Return the live resources of an endpoint and their references."""
    return _graph(specs, dict.fromkeys(specs, "live"), missing="missing")


def _graph(
    specs: Mapping[Key, Spec | None], states: Mapping[Key, str], *, missing: str
) -> dict[str, Json]:
    """Return a graph and the states of its meshes.

    ``missing`` is the state of resources that exist only as references.
    """
    graph = topology(specs.items())
    meshes: list[Json] = [
        {"id": str(key), "name": _mesh_name(key), "state": state}
        for key, state in states.items()
        if key.kind == "mesh"
    ]
    nodes: list[Json] = [
        {
            "id": str(key),
            "kind": key.kind,
            "mesh": _mesh_name(key),
            "name": key.name,
            "state": states.get(key, missing),
        }
        for key in graph.nodes
    ]
    edges: list[Json] = [
        {"from": str(edge.source), "to": str(edge.target), "label": edge.label}
        for edge in graph.edges
    ]
    return {"meshes": meshes, "nodes": nodes, "edges": edges}


def _mesh_name(key: Key) -> str:
    """Return the mesh as it is in keys: with its owner, if that is another account."""
    return str(key).split("/")[1]


def _clean(value: Json, clean: Callable[[str], str]) -> Json:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(name): _clean(member, clean) for name, member in value.items()}
    if isinstance(value, list):
        return [_clean(item, clean) for item in value]
    return value
