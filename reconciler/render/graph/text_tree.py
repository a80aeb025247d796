"""A graph as a tree for the terminal.

Each resource is expanded once, and calls are at the end of the line of a node, so a cycle of calls
does not make an endless tree.
"""

from collections.abc import Iterator

from reconciler.core.escaping import escaped
from reconciler.core.resources import Key
from reconciler.render.graph.labels import (
    counts,
    hidden_text,
    legend,
    link_text,
    marked,
    match_of,
    mesh_title,
    remark,
)
from reconciler.render.graph.model import Graph, Link, Node, State, Step, walk
from reconciler.render.terminal import Layout, Span, Style, wrap_words

STYLES: dict[State, tuple[Style, ...]] = {
    State.SAME: (),
    State.CREATE: (Style.GREEN,),
    State.UPDATE: (Style.YELLOW,),
    State.ADOPT: (Style.CYAN,),
    State.DELETE: (Style.RED,),
    State.WITHHELD: (Style.YELLOW,),
    State.UNREADABLE: (Style.RED,),
    State.ABSENT: (Style.DIM,),
}


def render_tree(graph: Graph, layout: Layout) -> str:
    """Return the graph as a tree, with the meaning of its marks and its size below it."""
    lines = [layout.write(wrap_words(escaped(graph.heading))), ""] if graph.heading else []
    tree = [layout.write(parts) for parts in _lines(graph)]
    foot = [*filter(None, (legend(graph), hidden_text(graph))), counts(graph)]
    lines += [*tree, ""] if tree else []
    lines += [layout.write(wrap_words(line, Style.DIM)) for line in foot]
    return "".join(f"{line}\n" for line in lines)


def _lines(graph: Graph) -> Iterator[list[Span]]:
    shown: set[Key] = set()
    for step in walk(graph):
        mesh = step.node.key.mesh
        if mesh not in shown:
            yield from _mesh(mesh, graph.meshes[mesh], is_first=not shown)
            shown.add(mesh)
        yield _line(graph, step)
    for mesh in (mesh for mesh in graph.meshes if mesh not in shown):
        yield from _mesh(mesh, graph.meshes[mesh], is_first=not shown)
        shown.add(mesh)


def _mesh(mesh: Key, state: State, *, is_first: bool) -> Iterator[list[Span]]:
    if not is_first:
        yield []
    yield [Span(mesh_title(mesh, state), (*STYLES[state], Style.BOLD), "")]


def _line(graph: Graph, step: Step) -> list[Span]:
    node, link = step.node, step.link
    parts = [Span(_branches(step.is_last), (Style.DIM,), "")]
    label = link_text(link) if link else ""
    # One mark is enough for a target that comes or goes together with its edge.
    same = link is not None and bool(label) and link.state is node.state
    if link and label:
        parts.append(Span(label, STYLES[link.state], ""))
    state = State.SAME if same else node.state
    kind = Span(
        marked(state, node.key.kind), STYLES[node.state] or (Style.DIM,), "  " * bool(label)
    )
    parts += [kind, Span(escaped(node.key.name), STYLES[node.state], " ")]
    if match := match_of(graph, node):
        parts.append(Span(match, STYLES[node.state]))
    parts += [Span(", ".join(map(escaped, node.ports)), (Style.DIM,))] if node.ports else []
    if text := remark(graph, node):
        parts.append(Span(f"({text})", STYLES[node.state]))
    if step.repeated:
        has_more = node.key in graph.outgoing
        return [*parts, Span("(see above)", (Style.DIM,))] if has_more else parts
    return [*parts, *_calls(graph, node)]


def _calls(graph: Graph, node: Node) -> Iterator[Span]:
    calls = [link for link in graph.outgoing.get(node.key, ()) if link.is_call]
    for index, link in enumerate(calls):
        if not index:
            yield Span("calls", (Style.DIM,))
        yield _call(graph, link, ", " if index else " ")


def _call(graph: Graph, link: Link, gap: str) -> Span:
    target = graph.nodes[link.edge.target]
    text = marked(link.state, escaped(target.key.name))
    if target.state is State.ABSENT:
        text += f" ({graph.absent_text})"
    return Span(text, STYLES[link.state], gap)


def _branches(is_last: tuple[bool, ...]) -> str:
    if not is_last:
        return "  "
    *above, last = is_last
    stem = "".join("   " if it else "│  " for it in above)
    return f"  {stem}{'└' if last else '├'}─ "
