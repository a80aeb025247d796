"""Places of boxes and lines in a picture of a graph, in pixels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from operator import mul

from reconciler.core.escaping import escaped
from reconciler.core.resources import Key
from reconciler.render.graph.labels import box_lines, link_text, marked
from reconciler.render.graph.layout import Grid, place
from reconciler.render.graph.model import Graph, Link, Node
from reconciler.render.terminal import cell_width

# Pixels. A cell is as wide as in the widest common monospaced font, so that text stays in its box.
CELL = 7.3
LABEL_CELL = 6.7
LINE = 16
PADDING = 9
MARGIN = 16
ROW_GAP = 14
COLUMN_GAP = 48
# A longer text ends with an ellipsis; the tooltip of the box has all of it.
MAX_CELLS = 44


@dataclass(frozen=True, slots=True)
class Box:
    """The place of a node in pixels, and its lines of text."""

    left: float
    top: float
    width: float
    height: float
    lines: Sequence[str]

    @property
    def right(self) -> float:
        """The right side."""
        return self.left + self.width

    @property
    def middle(self) -> float:
        """Half of the height."""
        return self.top + self.height / 2


@dataclass(frozen=True, slots=True)
class Curve:
    """The line of an edge.

    Attributes:
        bend: How far it runs to the right at both ends; negative if to the left.
        rise: How far it bends upwards.
        label_at: The place of the label, from 0 at the start to 1.
    """

    x1: float
    y1: float
    x2: float
    y2: float
    bend: float
    rise: float = 0.0
    label_at: float = 0.5

    @property
    def path(self) -> str:
        """The line as an SVG path."""
        start, end = self.x1 + self.bend, self.x2 - self.bend
        points = (start, self.y1 - self.rise, end, self.y2 - self.rise, self.x2, self.y2)
        return f"M{self.x1:.1f} {self.y1:.1f}C{' '.join(f'{it:.1f}' for it in points)}"

    @property
    def label(self) -> tuple[float, float]:
        """The middle of the label, a point on the line."""
        at, rest = self.label_at, 1 - self.label_at
        shares = (rest**3, 3 * at * rest**2, 3 * at**2 * rest, at**3)
        xs = (self.x1, self.x1 + self.bend, self.x2 - self.bend, self.x2)
        ys = (self.y1, self.y1 - self.rise, self.y2 - self.rise, self.y2)
        return sum(map(mul, shares, xs)), sum(map(mul, shares, ys))


@dataclass(frozen=True, slots=True)
class Picture:
    """The places of all parts of a graph.

    Attributes:
        curves: The line of each edge, in the order of the edges.
        bands: Top and height of the frame of each mesh.
        width: The right end of all boxes.
        height: The lower end of all frames.
    """

    boxes: Mapping[Key, Box]
    curves: Sequence[tuple[Link, Curve]]
    bands: Mapping[Key, tuple[float, float]]
    width: float
    height: float


def arrange(graph: Graph) -> Picture:
    """Return the places of all parts of ``graph``."""
    grid = place(graph)
    texts = {key: _lines(graph, node) for key, node in graph.nodes.items()}
    pitch = max(map(len, texts.values()), default=1) * LINE + PADDING + ROW_GAP
    widths = dict.fromkeys(grid.columns, 0.0)
    for key, lines in texts.items():
        width = max(map(cell_width, lines)) * CELL + PADDING * 2
        widths[key.kind] = max(widths[key.kind], width)
    lefts, right = _columns(graph, widths)
    boxes = {}
    for key, lines in texts.items():
        height = len(lines) * LINE + PADDING
        top = MARGIN + grid.rows[key] * pitch + (pitch - ROW_GAP - height) / 2
        boxes[key] = Box(lefts[key.kind], top, widths[key.kind], height, lines)
    curves = [(link, _curve(link, graph, grid, boxes, pitch)) for link in graph.links]
    bands = {
        mesh: (MARGIN + first * pitch, (last - first) * pitch - ROW_GAP / 2)
        for mesh, (first, last) in grid.bands.items()
    }
    end = MARGIN + pitch * max((last for _, last in grid.bands.values()), default=0)
    return Picture(boxes, curves, bands, right, end)


def _columns(graph: Graph, widths: Mapping[str, float]) -> tuple[Mapping[str, float], float]:
    """Return the left side of the column of each kind, and the right side of the last one."""
    labels = dict.fromkeys(widths, 0.0)
    for link in graph.links:
        if not link.is_call:
            kind, width = link.edge.source.kind, cell_width(cut(link_text(link))) * LABEL_CELL
            labels[kind] = max(labels[kind], width)
    lefts, right, gap = {}, MARGIN * 2.0, 0.0
    for kind, width in widths.items():
        lefts[kind] = right + gap
        right, gap = lefts[kind] + width, COLUMN_GAP + labels[kind]
    return lefts, right


def _curve(link: Link, graph: Graph, grid: Grid, boxes: Mapping[Key, Box], pitch: float) -> Curve:
    source, target = link.edge.source, link.edge.target
    start, end = boxes[source], boxes[target]
    if link.is_call:
        # To the left, below the edges that lead to the right.
        low = start.top + start.height - 5
        return Curve(start.left, low, end.right, end.middle + 7, -60, label_at=0.2)
    columns = grid.columns.index(target.kind) - grid.columns.index(source.kind)
    branches = sum(not other.is_call for other in graph.outgoing[source])
    bend = max((end.left - start.right) / 2, 24)
    curve = Curve(start.right, start.middle, end.left, end.middle, bend)
    if columns > 1 and branches > 1:
        # Boxes of the other branches may be between: pass through the gap above their row.
        return replace(curve, rise=pitch * 2 / 3, label_at=0.1)
    return curve


def _lines(graph: Graph, node: Node) -> list[str]:
    _, *facts = box_lines(graph, node)
    kind = marked(node.state, node.key.kind)
    return [cut(line) for line in (kind, escaped(node.key.name), *facts)]


def cut(text: str) -> str:
    """Return ``text``, or its beginning and an ellipsis if it is long."""
    if cell_width(text) <= MAX_CELLS:
        return text
    while cell_width(text) >= MAX_CELLS:
        text = text[: len(text) * 9 // 10]
    return f"{text}\u2026"
