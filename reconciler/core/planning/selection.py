"""The keys that a run is about, chosen by patterns."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.resources import Key, Unlisted


@dataclass(frozen=True, slots=True)
class Selection:
    """Selects a key that a pattern of each group of ``included`` matches, unless it is excluded.

    An empty group matches every key.
    """

    included: tuple[Sequence[str], ...] = ()
    excluded: Sequence[str] = ()

    def has(self, key: Key) -> bool:
        """Whether ``key`` is selected."""
        return all(
            not patterns or any(map(key.matches, patterns)) for patterns in self.included
        ) and not any(map(key.matches, self.excluded))

    def may_have(self, unlisted: Unlisted) -> bool:
        """Whether one of ``unlisted`` may be selected: if that is unknown, it may."""
        return all(
            not patterns or any(map(unlisted.may_match, patterns)) for patterns in self.included
        ) and not any(map(unlisted.all_match, self.excluded))


EVERYTHING = Selection()
