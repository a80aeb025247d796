"""Lines of outcomes as they become known, with equal ones folded as in plans."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from reconciler import limits
from reconciler.core.changes import Change, Delete
from reconciler.core.report import Applied, Outcome, Skipped
from reconciler.render.text import render_outcome

# The operation, the kind of the resource, and why it was skipped; None if it was applied.
_Same: TypeAlias = tuple[type[Change], str, str | None]


@dataclass(slots=True)
class OutcomeLines:
    """The lines of one report.

    After a few equal outcomes of resources of one kind, further ones are only counted. Deletes and
    failures are all listed.
    """

    color: bool
    _examples: dict[_Same, Outcome] = field(default_factory=dict)
    _counts: Counter[_Same] = field(default_factory=Counter)

    def add(self, outcome: Outcome) -> str:
        """Return the line of ``outcome``, or an empty text if it is only counted."""
        line = f"{render_outcome(outcome, color=self.color)}\n"
        if isinstance(outcome.change, Delete) or not isinstance(outcome, Applied | Skipped):
            return line
        reason = outcome.reason if isinstance(outcome, Skipped) else None
        same = type(outcome.change), outcome.change.key.kind, reason
        self._examples.setdefault(same, outcome)
        self._counts[same] += 1
        return line if self._counts[same] <= limits.MAX_KEYS_LISTED else ""

    def rest(self) -> Iterator[str]:
        """Yield a line for each kind of outcome that was only counted."""
        for same, count in self._counts.items():
            if count > limits.MAX_KEYS_LISTED:
                more = f"and {count - limits.MAX_KEYS_LISTED} more of kind {same[1]}"
                yield f"{render_outcome(self._examples[same], color=self.color, title=more)}\n"


def outcome_lines(outcomes: Iterable[Outcome], *, color: bool) -> str:
    """Return the lines of all ``outcomes``."""
    lines = OutcomeLines(color)
    return "".join([*map(lines.add, outcomes), *lines.rest()])
