"""The selection of the keys of a run, by patterns."""

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.resources import Key, Unlisted


@dataclass(frozen=True, slots=True)
class Selection:
    """Selects keys that match a pattern of each included group and no excluded pattern.

    An empty group matches all keys.
    """

    included: tuple[Sequence[str], ...] = ()
    excluded: Sequence[str] = ()

    def has(self, key: Key) -> bool:
        """Whether ``key`` is selected."""
        return all(
            not patterns or any(map(key.matches, patterns)) for patterns in self.included
        ) and not any(map(key.matches, self.excluded))

    def may_have(self, unlisted: Unlisted) -> bool:
        """Whether a resource in ``unlisted`` may be selected; true if that is unknown."""
        return all(
            not patterns or any(map(unlisted.may_match, patterns)) for patterns in self.included
        ) and not any(map(unlisted.all_match, self.excluded))


EVERYTHING = Selection()
