"""Colors of the states in pictures. A mark shows the same, and so do dashes for a delete."""

from collections.abc import Mapping
from types import MappingProxyType

from reconciler.render.graph.model import State

COLORS: Mapping[State, tuple[str, str]] = MappingProxyType(
    {
        State.CREATE: ("#dafbe1", "#1a7f37"),
        State.UPDATE: ("#fff8c5", "#9a6700"),
        State.ADOPT: ("#ddf4ff", "#0969da"),
        State.DELETE: ("#ffebe9", "#cf222e"),
        State.WITHHELD: ("#fff1e5", "#bc4c00"),
        State.UNREADABLE: ("#ffebe9", "#cf222e"),
        State.ABSENT: ("#f6f8fa", "#59636e"),
    }
)
"""Fill and stroke of each state that is marked, on a light background."""

DARK_COLORS: Mapping[State, tuple[str, str]] = MappingProxyType(
    {
        State.CREATE: ("#12261e", "#3fb950"),
        State.UPDATE: ("#272115", "#d29922"),
        State.ADOPT: ("#121d2f", "#4493f8"),
        State.DELETE: ("#25171c", "#f85149"),
        State.WITHHELD: ("#221a14", "#db6d28"),
        State.UNREADABLE: ("#25171c", "#f85149"),
        State.ABSENT: ("#151b23", "#9198a1"),
    }
)

DASHED = frozenset({State.DELETE, State.ABSENT})
