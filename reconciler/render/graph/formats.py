"""Table of the formats of graphs.

To add a format, add a row to `GRAPH_FORMATS`, and its name to `GRAPH_FORMATS` in
`reconciler.settings.options.output_group`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from reconciler.core.exit_codes import ExitCode
from reconciler.render.graph.dot import render_dot
from reconciler.render.graph.json_graph import render_json
from reconciler.render.graph.mermaid import render_mermaid
from reconciler.render.graph.model import Graph
from reconciler.render.graph.svg import render_svg
from reconciler.render.graph.text_tree import render_tree
from reconciler.render.terminal import Layout

GRAPH_FORMATS: Mapping[str, Callable[[Graph, ExitCode, Layout], str]] = MappingProxyType(
    {
        "text": lambda graph, _code, layout: render_tree(graph, layout),
        "mermaid": lambda graph, _code, _layout: render_mermaid(graph),
        "dot": lambda graph, _code, _layout: render_dot(graph),
        "svg": lambda graph, _code, _layout: render_svg(graph),
        "json": lambda graph, code, _layout: render_json(graph, code),
    }
)
"""Functions that return a graph in each format."""
