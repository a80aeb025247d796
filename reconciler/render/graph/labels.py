"""Words of a graph that all its formats share, escaped for terminals.

A format adds the escaping of its own.
"""

from reconciler.core.escaping import escaped
from reconciler.core.resources import Key
from reconciler.render.graph.model import Graph, Link, Node, State
from reconciler.render.terminal import plural

ROUTE_KINDS = ("gateway-route", "route")
# The word on a changed edge without a label of its own, by the kind of its source.
_WORDS = {"virtual-service": "provider", "gateway-route": "target", "virtual-node": "calls"}


def title(node: Node) -> str:
    """Return the mark, the kind and the name of a node."""
    return marked(node.state, f"{node.key.kind} {escaped(node.key.name)}")


def mesh_title(key: Key, state: State) -> str:
    """Return the mark and the key of a mesh."""
    return marked(state, escaped(str(key)))


def marked(state: State, text: str) -> str:
    """Return ``text`` after the mark of ``state``, if it has one."""
    return f"{state.symbol} {text}" if state.symbol else text


def remark(graph: Graph, node: Node) -> str:
    """Return why a node has the mark ``?`` or ``!``; else an empty text."""
    is_remarkable = node.state in {State.ABSENT, State.UNREADABLE, State.WITHHELD}
    return _meaning(graph, node.state) if is_remarkable else ""


def match_of(graph: Graph, node: Node) -> str:
    """Return the match and the priority of a route; empty for other kinds."""
    if node.key.kind not in ROUTE_KINDS:
        return ""
    for link in graph.incoming.get(node.key, ()):
        sides = [side for side in (link.before, link.edge) if side is not None]
        texts = dict.fromkeys(
            side.label if side.priority is None else f"{side.label} (priority {side.priority})"
            for side in sides
        )
        return escaped(" -> ".join(texts))
    return ""


def link_text(link: Link) -> str:
    """Return the mark and the label of an edge; empty for an unchanged edge without a label.

    The box of a route has the label of the edge that leads to it.
    """
    if link.edge.target.kind in ROUTE_KINDS:
        return ""
    label = escaped(link.label)
    if link.state is not State.SAME:
        label = label or _WORDS.get(link.edge.source.kind, "")
    return marked(link.state, label) if label else ""


def box_lines(graph: Graph, node: Node) -> list[str]:
    """Return the lines in the box of a node: title, match or ports, remark."""
    facts = (match_of(graph, node), ", ".join(map(escaped, node.ports)), remark(graph, node))
    return [title(node), *filter(None, facts)]


def legend(graph: Graph) -> str:
    """Return the meaning of the marks in the graph; empty if it has none."""
    used = {node.state for node in graph.nodes.values()} | {*graph.meshes.values()}
    used |= {link.state for link in graph.links}
    return ", ".join(marked(it, _meaning(graph, it)) for it in State if it in used and it.symbol)


def _meaning(graph: Graph, state: State) -> str:
    texts = {State.ABSENT: graph.absent_text, State.UNREADABLE: "could not be read"}
    return texts.get(state, state.value)


def hidden_text(graph: Graph) -> str:
    """Return how many resources are not shown; empty if all are."""
    if not graph.hidden:
        return ""
    verb = "is" if graph.hidden == 1 else "are"
    return f"{plural(graph.hidden, 'more resource')} {verb} not shown: the graph is too large"


def counts(graph: Graph) -> str:
    """Return the numbers of resources, meshes and edges."""
    present = sum(node.state is not State.ABSENT for node in graph.nodes.values())
    meshes = "1 mesh" if len(graph.meshes) == 1 else f"{len(graph.meshes)} meshes"
    return f"{plural(present, 'resource')} and {meshes}, {plural(len(graph.links), 'edge')}"
