"""The way in which a store runs an SQL statement."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol


class Rows(Protocol):
    """The result of a statement."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def __iter__(self) -> Iterator[Any]:
        """Return an iterator over the rows."""


Execute = Callable[[str, Sequence[str | int]], Rows]
