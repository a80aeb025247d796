"""Builds graphs of desired, live and planned resources."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from reconciler.core.changes import (
    Change,
    Create,
    Delete,
    ReasonCode,
    detached_routes,
    operation_name,
    spec_in,
    unlinked,
)
from reconciler.core.kinds import parent_of
from reconciler.core.planning.plan import Plan
from reconciler.core.resources import Desired, Key, Spec
from reconciler.core.topology import Edge, Topology, topology
from reconciler.render.graph.model import Graph, Link, Node, State

Specs: TypeAlias = Mapping[Key, Spec | None]


def resource_graph(
    specs: Specs, unreadable: Iterable[Key] = (), *, absent_text: str = "no manifest"
) -> Graph:
    """Return the graph of resources that nothing changes.

    Args:
        specs: The specs; None if a spec is not known.
        unreadable: Resources that could not be read.
        absent_text: The meaning of a missing resource for a reader.
    """
    states = dict.fromkeys(unreadable, State.UNREADABLE)
    known = {**dict.fromkeys(states), **specs}
    return replace(compare(known, known, states), absent_text=absent_text)


def planned_graph(plan: Plan, desired: Iterable[Desired]) -> Graph:
    """Return the graph after ``plan``, with its changes and deletes marked.

    A withheld resource is shown as it stays; one that would be created, as its manifest has it.
    """
    after: dict[Key, Spec | None] = {resource.key: resource.spec for resource in desired}
    before = dict(after)
    states: dict[Key, State] = {}
    for withheld in plan.withheld:
        is_unread = withheld.reason_code is ReasonCode.UNREADABLE
        states[withheld.key] = State.UNREADABLE if is_unread else State.WITHHELD
        # A protected resource without a manifest has no change, but it exists.
        before.setdefault(withheld.key, None)
        after.setdefault(withheld.key, None)
        if withheld.change and not isinstance(withheld.change, Create):
            stays = spec_in(withheld.change.difference.before)
            before[withheld.key] = after[withheld.key] = stays
    for change in plan.changes:
        states[change.key] = State(operation_name(change))
        _add_sides(change, before, after)
        for route in detached_routes(change):
            if route.attach.difference.fields:
                states[route.attach.key] = State.UPDATE
            before[route.attach.key] = route.detach.before.spec
            after[route.attach.key] = route.attach.spec
    # A node that drops its references first is deleted later without them.
    links = [link for change in plan.changes for link in unlinked(change)]
    before |= {link.before.key: link.before.spec for link in links}
    return compare(before, after, states)


def _add_sides(
    change: Change, before: dict[Key, Spec | None], after: dict[Key, Spec | None]
) -> None:
    before.pop(change.key, None)
    after.pop(change.key, None)
    if not isinstance(change, Create):
        before[change.key] = spec_in(change.difference.before)
    if not isinstance(change, Delete):
        after[change.key] = spec_in(change.difference.after)


def compare(before: Specs, after: Specs, states: Mapping[Key, State]) -> Graph:
    """Return the graph of both sides, with the differences of their edges marked.

    Args:
        before: The resources before the plan.
        after: The resources after it.
        states: The state of each resource that is not unchanged.
    """
    new = topology(after.items())
    old = new if before is after else topology(before.items())
    exists = {**before, **after}
    keys = {*old.nodes, *new.nodes}
    nodes = {}
    for key in sorted(keys | {key for key in exists if key.kind != "mesh"}):
        state = states.get(key, State.SAME if key in exists else State.ABSENT)
        nodes[key] = Node(key, state, _ports(exists.get(key)))
    meshes = {key.mesh for key in (*nodes, *exists)}
    links = [*_links(old, new), *_containment(nodes, old, new)]
    return Graph(nodes, {key: states.get(key, State.SAME) for key in sorted(meshes)}, links)


def _links(old: Topology, new: Topology) -> Iterator[Link]:
    gone = {_identity(edge): edge for edge in old.edges}
    for edge in new.edges:
        before = gone.pop(_identity(edge), None)
        if before is None:
            yield Link(edge, State.CREATE)
        elif before == edge:
            yield Link(edge)
        else:
            yield Link(edge, State.UPDATE, before)
    for edge in gone.values():
        yield Link(edge, State.DELETE)


def _identity(edge: Edge) -> tuple[Key, Key, int | None]:
    return edge.source, edge.target, None if edge.weight is None else edge.port


def _containment(nodes: Mapping[Key, Node], *sides: Topology) -> Iterator[Link]:
    """Yield the edges to routes whose spec is not known."""
    led = {edge.target for side in sides for edge in side.edges}
    for key in nodes:
        parent = parent_of(key)
        if parent is not None and parent in nodes and key not in led:
            yield Link(Edge(parent, key))


def _ports(spec: Any) -> tuple[str, ...]:
    mappings = (listener.get("portMapping", {}) for listener in (spec or {}).get("listeners") or ())
    return tuple(f"{it.get('protocol')}:{it.get('port')}" for it in mappings)
