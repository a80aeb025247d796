"""A graph in the DOT language of Graphviz."""

from collections.abc import Iterator

from reconciler.render.graph.colors import COLORS, DASHED
from reconciler.render.graph.labels import box_lines, legend, link_text, mesh_title
from reconciler.render.graph.model import Graph, State

_SHAPES = {
    "virtual-gateway": "hexagon",
    "virtual-service": "ellipse",
    "virtual-router": "component",
    "virtual-node": "box",
}


def render_dot(graph: Graph) -> str:
    """Return the graph as a digraph with one cluster for each mesh."""
    return "".join(f"{line}\n" for line in _lines(graph))


def _lines(graph: Graph) -> Iterator[str]:
    ids = {key: f"n{number}" for number, key in enumerate(graph.nodes)}
    yield "digraph meshes {"
    yield f"  rankdir=LR labeljust=l label={_quoted(legend(graph))}"
    yield '  node [fontname="Helvetica" fontsize=10]'
    yield '  edge [fontname="Helvetica" fontsize=9]'
    for number, (mesh, state) in enumerate(graph.meshes.items()):
        yield f"  subgraph cluster_{number} {{"
        yield f"    label={_quoted(mesh_title(mesh, state))}{_style(state)}"
        for node in graph.members[mesh]:
            shape = _SHAPES.get(node.key.kind, "note")
            label = _quoted(*box_lines(graph, node))
            yield f"    {ids[node.key]} [shape={shape} label={label}{_style(node.state)}]"
        yield "  }"
    for link in graph.links:
        style = _style(link.state, dashed=link.is_call)
        ends = f"{ids[link.edge.source]} -> {ids[link.edge.target]}"
        yield f"  {ends} [label={_quoted(link_text(link))}{style}]"
    yield "}"


def _style(state: State, *, dashed: bool = False) -> str:
    _, color = COLORS.get(state, ("", ""))
    text = f' color="{color}" fontcolor="{color}"' if color else ""
    return f"{text} style=dashed" if dashed or state in DASHED else text


def _quoted(*lines: str) -> str:
    # Graphviz replaces entities of HTML also in plain labels.
    escapes = {"\\": "\\\\", '"': '\\"', "&": "&amp;"}
    text = ("".join(escapes.get(character, character) for character in line) for line in lines)
    return '"' + "\\n".join(text) + '"'
