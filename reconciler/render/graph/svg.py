"""A graph as an SVG picture without scripts, fonts or links; it follows light and dark themes."""

from collections.abc import Iterator
from html import escape

from reconciler.core.escaping import escaped
from reconciler.render.graph.colors import COLORS, DARK_COLORS, DASHED
from reconciler.render.graph.geometry import (
    LABEL_CELL,
    LINE,
    MARGIN,
    PADDING,
    Box,
    Curve,
    Picture,
    arrange,
    cut,
)
from reconciler.render.graph.labels import counts, legend, link_text, mesh_title
from reconciler.render.graph.model import Graph, Link, Node, State
from reconciler.render.terminal import cell_width

_FONT = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
_STYLE = f"""
text {{ font: 12px {_FONT}; fill: #1f2328 }}
.small {{ font-size: 11px; fill: #59636e }}
.name, .mesh {{ font-weight: 600 }}
.page {{ fill: #ffffff }}
.band {{ fill: none; stroke: #d1d9e0 }}
.box {{ fill: #f6f8fa; stroke: #818b98 }}
.line {{ fill: none; stroke: #818b98 }}
.head {{ fill: #818b98 }}
.label {{ fill: #ffffff }}
.call {{ stroke-dasharray: 2 4 }}
.dashed {{ stroke-dasharray: 6 4 }}
"""
_DARK = """
text { fill: #f0f6fc }
.small { fill: #9198a1 }
.page, .label { fill: #0d1117 }
.band { stroke: #3d444d }
.box { fill: #151b23; stroke: #656c76 }
.line { stroke: #656c76 }
.head { fill: #656c76 }
"""


def render_svg(graph: Graph) -> str:
    """Return the graph as an SVG document."""
    picture = arrange(graph)
    foot = [*filter(None, (legend(graph), counts(graph)))]
    texts = [MARGIN * 2 + cell_width(line) * LABEL_CELL for line in foot]
    width = max(*texts, picture.width + MARGIN * 2)
    height = picture.height + MARGIN + LINE * len(foot)
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="Graph of meshes">',
        f"<style>{_style()}</style>",
        '<rect class="page" width="100%" height="100%"/>',
        *_bands(graph, picture, width),
        *(line for link, curve in picture.curves for line in _line(link, curve)),
        *(line for key, box in picture.boxes.items() for line in _node(graph.nodes[key], box)),
        *(line for link, curve in picture.curves for line in _label(link, curve)),
        *(
            _text(MARGIN, picture.height + LINE * number, line, "small")
            for number, line in enumerate(foot, 1)
        ),
        "</svg>",
    ]
    return "".join(f"{line}\n" for line in lines)


def _bands(graph: Graph, picture: Picture, width: float) -> Iterator[str]:
    for mesh, (top, height) in picture.bands.items():
        state = graph.meshes[mesh]
        place = f'x="{MARGIN}" y="{top:.1f}" width="{width - 2 * MARGIN:.1f}"'
        yield f'<rect class="band {state}" {place} height="{height:.1f}" rx="8"/>'
        yield _text(MARGIN + PADDING, top + LINE + 2, mesh_title(mesh, state), f"mesh {state}")


def _line(link: Link, curve: Curve) -> Iterator[str]:
    names = f"{link.state}{' call' * link.is_call}{' dashed' * (link.state in DASHED)}"
    yield f'<path class="line {names}" d="{curve.path}"/>'
    back = 7 if link.is_call else -7
    head = f"M{curve.x2:.1f} {curve.y2:.1f}l{back} -4v8z"
    yield f'<path class="head {names}" d="{head}"/>'


def _label(link: Link, curve: Curve) -> Iterator[str]:
    if label := cut(link_text(link)):
        half = cell_width(label) * LABEL_CELL / 2 + 2
        x, y = curve.label
        yield (
            f'<rect class="label" x="{x - half:.1f}" y="{y - 8:.1f}" '
            f'width="{half * 2:.1f}" height="16"/>'
        )
        yield _text(x - half + 2, y + 4, label, f"small {link.state}")


def _node(node: Node, box: Box) -> Iterator[str]:
    dashed = " dashed" * (node.state in DASHED)
    yield f"<g><title>{_xml(str(node.key))}</title>"
    yield (
        f'<rect class="box {node.state}{dashed}" x="{box.left:.1f}" y="{box.top:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}" rx="{_radius(node.key.kind)}"/>'
    )
    styles = [f"small {node.state}", "name", *["small"] * (len(box.lines) - 2)]
    for number, (line, style) in enumerate(zip(box.lines, styles, strict=True), 1):
        yield _text(box.left + PADDING, box.top + number * LINE, line, style)
    yield "</g>"


def _radius(kind: str) -> int:
    return 14 if kind in ("virtual-service", "virtual-gateway") else 4


def _text(left: float, base: float, text: str, style: str) -> str:
    return f'<text class="{style}" x="{left:.1f}" y="{base:.1f}">{_xml(text)}</text>'


def _xml(text: str) -> str:
    return escape(escaped(text))


def _style() -> str:
    dark = _DARK + "".join(_state_style(state, *both) for state, both in DARK_COLORS.items())
    light = _STYLE + "".join(_state_style(state, *both) for state, both in COLORS.items())
    return f"{light}@media (prefers-color-scheme: dark) {{{dark}}}"


def _state_style(state: State, fill: str, stroke: str) -> str:
    return (
        f".box.{state} {{ fill: {fill}; stroke: {stroke}; stroke-width: 2 }}\n"
        f".line.{state}, .band.{state} {{ stroke: {stroke}; stroke-width: 2 }}\n"
        f".head.{state}, text.{state} {{ fill: {stroke} }}\n"
    )
