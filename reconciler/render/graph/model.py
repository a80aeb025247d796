"""The graph of the resources of some meshes, with the changes of a plan marked."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from reconciler.core.resources import Key
from reconciler.core.topology import Edge

KIND_ORDER = (
    "virtual-gateway",
    "gateway-route",
    "virtual-service",
    "virtual-router",
    "route",
    "virtual-node",
)
"""The kinds in the order in which a request passes them."""


class State(StrEnum):
    """The state of a resource or an edge in a graph."""

    SAME = "unchanged"
    CREATE = "create"
    UPDATE = "update"
    ADOPT = "adopt"
    DELETE = "delete"
    WITHHELD = "withheld"
    UNREADABLE = "unreadable"
    ABSENT = "absent"

    @property
    def symbol(self) -> str:
        """The mark of the state in all formats; empty for ``SAME``."""
        return _SYMBOLS[self]


_SYMBOLS = {
    State.SAME: "",
    State.CREATE: "+",
    State.UPDATE: "~",
    State.ADOPT: "=",
    State.DELETE: "-",
    State.WITHHELD: "!",
    State.UNREADABLE: "?",
    State.ABSENT: "?",
}
# Priorities are at most 1000; a route without one comes last.
_LAST = 1_001
_UNCHANGED = frozenset({State.SAME, State.ABSENT})


@dataclass(frozen=True, slots=True)
class Node:
    """A resource of the graph, or the target of a reference to a resource that is absent.

    Attributes:
        ports: Its listeners, such as ``http:8080``.
    """

    key: Key
    state: State = State.SAME
    ports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """An edge of the graph.

    Attributes:
        edge: The edge as it will be, or as it was if the plan removes it.
        before: The edge before the plan, if the plan changes its label.
    """

    edge: Edge
    state: State = State.SAME
    before: Edge | None = None

    @property
    def is_call(self) -> bool:
        """Whether it leads from a node to one of its backends."""
        return self.edge.source.kind == "virtual-node"

    @property
    def label(self) -> str:
        """The label, or both labels if the plan changes it."""
        if self.before is None or self.before.label == self.edge.label:
            return self.edge.label
        return f"{self.before.label or 'none'} -> {self.edge.label or 'none'}"

    @property
    def order(self) -> tuple[bool, int, int, Key]:
        """Routes by their priority, lowest first; calls last."""
        priority = self.edge.priority
        kind = KIND_ORDER.index(self.edge.target.kind)
        return self.is_call, kind, _LAST if priority is None else priority, self.edge.target


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes and edges of some meshes.

    Attributes:
        nodes: Without the meshes themselves.
        meshes: The meshes of the nodes and their states.
        links: Edges between these nodes.
        absent_text: The meaning of ``State.ABSENT`` for a reader.
        heading: The target, if the graph shows one.
        hidden: Number of resources that were left out because the graph is too large.
    """

    nodes: Mapping[Key, Node]
    meshes: Mapping[Key, State]
    links: Sequence[Link]
    absent_text: str = "no manifest"
    heading: str = ""
    hidden: int = 0
    outgoing: Mapping[Key, Sequence[Link]] = field(init=False, repr=False)
    incoming: Mapping[Key, Sequence[Link]] = field(init=False, repr=False)
    members: Mapping[Key, Sequence[Node]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Index the edges by both ends, and the nodes by mesh."""
        outgoing: dict[Key, list[Link]] = defaultdict(list)
        incoming: dict[Key, list[Link]] = defaultdict(list)
        for link in sorted(self.links, key=lambda link: link.order):
            outgoing[link.edge.source].append(link)
            incoming[link.edge.target].append(link)
        members: dict[Key, list[Node]] = {mesh: [] for mesh in self.meshes}
        for node in self.nodes.values():
            members[node.key.mesh].append(node)
        object.__setattr__(self, "outgoing", dict(outgoing))
        object.__setattr__(self, "incoming", dict(incoming))
        object.__setattr__(self, "members", members)

    def around(self, selected: Callable[[Key], bool]) -> "Graph":
        """Return the selected nodes, their neighbors, and the edges between them."""
        chosen = {key for key in self.nodes if selected(key)}
        links = [link for link in self.links if chosen & {link.edge.source, link.edge.target}]
        kept = chosen.union(*((link.edge.source, link.edge.target) for link in links))
        return self._part(kept, links)

    def without(self, excluded: Callable[[Key], bool]) -> "Graph":
        """Return the nodes that are not excluded, and the edges between them."""
        kept = {key for key in self.nodes if not excluded(key)}
        return self._part(kept, self._links_between(kept))

    def changed_part(self) -> "Graph":
        """Return the nodes that a plan changes or withholds, and their neighbors."""
        # An edge changes with the spec of one of its ends.
        return self.around(lambda key: self.nodes[key].state not in _UNCHANGED)

    def ranked(self) -> list[Key]:
        """Return the nodes that a plan changes, then all other nodes, in the order of requests."""
        ordered = [step.node for step in walk(self) if not step.repeated]
        ordered.sort(key=lambda node: node.state in _UNCHANGED)
        return [node.key for node in ordered]

    def first(self, number: int) -> "Graph":
        """Return the first ``number`` nodes of ``ranked``."""
        kept = {*self.ranked()[:number]}
        part = self._part(kept, self._links_between(kept))
        return replace(part, hidden=self.hidden + len(self.nodes) - len(kept))

    def _links_between(self, kept: set[Key]) -> Sequence[Link]:
        return [link for link in self.links if kept >= {link.edge.source, link.edge.target}]

    def _part(self, kept: set[Key], links: Sequence[Link]) -> "Graph":
        nodes = {key: node for key, node in self.nodes.items() if key in kept}
        meshes = {key.mesh for key in kept}
        meshes |= {key for key, state in self.meshes.items() if state not in _UNCHANGED}
        states = {key: state for key, state in self.meshes.items() if key in meshes}
        return replace(self, nodes=nodes, meshes=states, links=links)


@dataclass(frozen=True, slots=True)
class Step:
    """A node on a walk through the graph.

    Attributes:
        link: The edge that leads to it; None for the start of a path.
        is_last: For it and each of its predecessors after the start: whether no sibling follows.
        repeated: Whether the walk passed it before; then its successors do not follow.
    """

    node: Node
    link: Link | None
    is_last: tuple[bool, ...]
    repeated: bool


def walk(graph: Graph) -> Iterator[Step]:
    """Yield all nodes in the order of requests: from gateways to nodes, then all other nodes.

    Calls are not followed, so a path is as long as there are kinds and has no cycle.
    """
    passed: set[Key] = set()
    todo = [Step(graph.nodes[key], None, (), repeated=False) for key in reversed(starts(graph))]
    while todo:
        step = todo.pop()
        key = step.node.key
        step = replace(step, repeated=key in passed)
        yield step
        if step.repeated:
            continue
        passed.add(key)
        links = [link for link in graph.outgoing.get(key, ()) if not link.is_call]
        for index, link in reversed([*enumerate(links, 1)]):
            is_last = (*step.is_last, index == len(links))
            todo.append(Step(graph.nodes[link.edge.target], link, is_last, repeated=False))


def starts(graph: Graph) -> list[Key]:
    """Return the nodes to which only calls lead, by mesh and in the order of requests."""
    reached = {link.edge.target for link in graph.links if not link.is_call}
    return sorted(
        (key for key in graph.nodes if key not in reached),
        key=lambda key: (key.mesh, KIND_ORDER.index(key.kind), key),
    )
