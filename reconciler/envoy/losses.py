"""Losses: the parts of a spec that an Envoy gets differently or not at all."""

from dataclasses import dataclass
from enum import Enum
from functools import reduce
from typing import NamedTuple

from reconciler.core.diff import join_pointer
from reconciler.core.resources import Key


class Grade(Enum):
    """The weight of a loss."""

    REFUSE = "refuse"
    """The part is left out and fails closed: the port or the connection does not exist."""

    WARN = "warn"
    """The part is translated, but not as the manifest says."""

    INFO = "info"
    """The part has no effect, or an effect that a reader may not expect."""


@dataclass(frozen=True, slots=True)
class Loss:
    """One loss: ``path`` is the JSON pointer to its field in the spec of ``key``."""

    key: Key
    path: str
    grade: Grade
    words: str


class RefusedError(Exception):
    """A part cannot be translated; its loss is recorded, and the caller leaves it out."""


class Place(NamedTuple):
    """A position in the spec of a resource, which records the losses there.

    There is one for each backend of each proxy, so its path is joined only for a loss.
    """

    losses: list[Loss]
    key: Key
    steps: tuple[str | int, ...] = ()

    def __truediv__(self, step: str | int) -> "Place":
        """Return the position of a member or an item."""
        return Place(self.losses, self.key, (*self.steps, step))

    def info(self, words: str) -> None:
        """Record a loss of grade info."""
        self._record(Grade.INFO, words)

    def warn(self, words: str) -> None:
        """Record a loss of grade warn."""
        self._record(Grade.WARN, words)

    def refuse(self, words: str) -> None:
        """Record a loss of grade refuse."""
        self._record(Grade.REFUSE, words)

    def refusal(self, words: str) -> RefusedError:
        """Record a loss of grade refuse, and return the error to raise."""
        self.refuse(words)
        return RefusedError(words)

    def _record(self, grade: Grade, words: str) -> None:
        path = reduce(join_pointer, self.steps, "")
        self.losses.append(Loss(self.key, path, grade, words))
