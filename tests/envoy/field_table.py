"""The table of all fields: their place in Envoy, and the rule."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from manual import rows_of

FIELDS = Path(__file__).with_name("fields.txt")
LOSS = "loss"


class Row(NamedTuple):
    """A row of the table."""

    kind: str
    pattern: str
    effect: str
    rule: str

    def matches(self, leaf: tuple[str, ...]) -> bool:
        path = "/".join(leaf[1:])
        return fnmatchcase(leaf[0], self.kind) and fnmatchcase(path, self.pattern)


def read_table() -> list[Row]:
    return [Row(*(column.strip() for column in row)) for row in rows_of(FIELDS)]


def row_for(leaf: tuple[str, ...], table: list[Row]) -> Row | None:
    """Return the row of a leaf: the first one for its own kind, else the first for all."""
    matching = [row for row in table if row.matches(leaf)]
    return next((row for row in [*(it for it in matching if it.kind != "*"), *matching]), None)
