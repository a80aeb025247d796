"""A graph as a flowchart of Mermaid, which GitHub and GitLab draw.

Characters of names that may mean something to Mermaid, Markdown or HTML are written as numbers.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from reconciler import limits
from reconciler.core.resources import Key
from reconciler.render.graph.colors import COLORS, DASHED
from reconciler.render.graph.labels import box_lines, hidden_text, legend, link_text, mesh_title
from reconciler.render.graph.model import Graph, Link

# Around the text of a box; its form shows the kind.
_SHAPES = {
    "virtual-gateway": ("{{", "}}"),
    "gateway-route": ("(", ")"),
    "virtual-service": ("([", "])"),
    "virtual-router": ("[[", "]]"),
    "route": ("(", ")"),
    "virtual-node": ("[", "]"),
}
# Letters, digits and spaces are literal, and a few characters between two of them.
_ENCODED = re.compile(r"(?<![A-Za-z0-9])[-._]|[-._](?![A-Za-z0-9])|[^-._A-Za-z0-9 ]")
# Mermaid decodes the numbers before it looks for emphasis, formulas ($$) and icons (:fa-), and has
# no escape for them. A hair space around a sign ends its effect; a word joiner is invisible.
_HAIR, _JOINER = "\u200a", "\u2060"
_SEPARATORS = {"*": (_HAIR, _HAIR), "_": (_HAIR, _HAIR), "$": ("", _JOINER)}
# The size of a part is estimated from that of the whole; this makes another try unlikely.
_MARGIN = 0.95


def render_mermaid(graph: Graph, max_characters: int = limits.MAX_MERMAID_CHARACTERS) -> str:
    """Return the graph as a flowchart that the forges draw.

    A graph that is too large for them is cut: the changes of a plan are kept first, and a note says
    how many resources are missing.
    """
    number = _most_nodes(graph)
    while True:
        part = graph if number == len(graph.nodes) else graph.first(number)
        text = "".join(f"{line}\n" for line in _lines(part))
        if len(text) <= max_characters or not number:
            return text
        number = int(number * _MARGIN * max_characters / len(text))


def _most_nodes(graph: Graph) -> int:
    """Return how many of the first nodes have as many edges as the forges draw."""
    if len(graph.links) <= limits.MAX_MERMAID_EDGES:
        return len(graph.nodes)
    ranks = {key: rank for rank, key in enumerate(graph.ranked())}
    later = sorted(max(ranks[it.edge.source], ranks[it.edge.target]) for it in graph.links)
    return later[limits.MAX_MERMAID_EDGES]


def _lines(graph: Graph) -> Iterator[str]:
    ids = {key: f"n{number}" for number, key in enumerate(graph.nodes)}
    members = graph.members
    yield "flowchart LR"
    for number, (mesh, state) in enumerate(graph.meshes.items()):
        yield f'  subgraph m{number}["{_encoded(mesh_title(mesh, state))}"]'
        yield "    direction LR"
        for node in members[mesh]:
            left, right = _SHAPES[node.key.kind]
            text = "<br/>".join(map(_encoded, box_lines(graph, node)))
            yield f'    {ids[node.key]}{left}"{text}"{right}'
        yield "  end"
    for link in graph.links:
        yield f"  {ids[link.edge.source]} {_arrow(link)} {ids[link.edge.target]}"
    for number, note in enumerate(filter(None, (legend(graph), hidden_text(graph)))):
        yield f'  note{number}["{_encoded(note)}"]'
    yield from _styles(graph, ids)


def _arrow(link: Link) -> str:
    label = _encoded(link_text(link))
    return ("-.->" if link.is_call else "-->") + (f'|"{label}"|' if label else "")


def _styles(graph: Graph, ids: Mapping[Key, str]) -> Iterator[str]:
    for state, (fill, stroke) in COLORS.items():
        dashes = ",stroke-dasharray:5 3" if state in DASHED else ""
        styled = [ids[key] for key, node in graph.nodes.items() if node.state is state]
        styled += [f"m{it}" for it, other in enumerate(graph.meshes.values()) if other is state]
        if styled:
            yield f"  classDef {state} fill:{fill},stroke:{stroke},color:#1f2328{dashes}"
            yield f"  class {_joined(styled)} {state}"
        links = [number for number, link in enumerate(graph.links) if link.state is state]
        if links:
            yield f"  linkStyle {_joined(links)} stroke:{stroke},stroke-width:3px{dashes}"


def _joined(items: Iterable[object]) -> str:
    return ",".join(map(str, items))


def _encoded(text: str) -> str:
    return _ENCODED.sub(_encode, text)


def _encode(found: re.Match[str]) -> str:
    before, after = _SEPARATORS.get(found[0], ("", ""))
    if found[0] == ":" and found.string.startswith("fa-", found.end()):
        after = _JOINER
    return "".join(f"#{ord(character)};" for character in f"{before}{found[0]}{after}")
