"""Places the nodes of a graph in columns: one for each kind, in the order of requests.

Nodes to which a path leads for the first time are its branches: each leaf has a row of its own, and
a node is next to the middle of its branches. So no two boxes overlap, and the result depends only
on the graph.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.resources import Key
from reconciler.render.graph.model import KIND_ORDER, Graph, walk

# Rows that the title of a mesh takes.
TITLE_ROWS = 0.5


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows and columns of nodes.

    Attributes:
        columns: The kinds in use, from left to right.
        rows: The row of each node, counted from 0; it may be between two rows.
        bands: The rows at which the title of each mesh begins and its last row ends.
    """

    columns: Sequence[str]
    rows: Mapping[Key, float]
    bands: Mapping[Key, tuple[float, float]]


def place(graph: Graph) -> Grid:
    """Return the grid of ``graph``."""
    branches = _branches(graph)
    rows: dict[Key, float] = {}
    bands: dict[Key, tuple[float, float]] = {}
    end = 0.0
    for key, below in branches.items():
        mesh = key.mesh
        if mesh not in bands:
            bands[mesh] = end, end
            end += TITLE_ROWS
        if not below:
            rows[key] = end
            end += 1
        bands[mesh] = bands[mesh][0], end
    for mesh in graph.meshes:
        if mesh not in bands:
            bands[mesh] = end, end + TITLE_ROWS
            end += TITLE_ROWS
    # Branches come after their node, so their rows are known first in the reverse order.
    for key, below in reversed(branches.items()):
        if below:
            rows[key] = (rows[below[0]] + rows[below[-1]]) / 2
    used = {key.kind for key in graph.nodes}
    return Grid([kind for kind in KIND_ORDER if kind in used], rows, bands)


def _branches(graph: Graph) -> dict[Key, list[Key]]:
    branches: dict[Key, list[Key]] = {}
    for step in walk(graph):
        if not step.repeated:
            branches[step.node.key] = []
            if step.link is not None:
                branches[step.link.edge.source].append(step.node.key)
    return branches
