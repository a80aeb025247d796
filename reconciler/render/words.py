"""What a plan and a report say to people, whatever the marks around it.

All text from outside is escaped here; what else a medium could take for its own is not.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.changes import (
    Adopt,
    Change,
    Create,
    Delete,
    Reason,
    Update,
    Withheld,
    detached,
    unlinked,
    verb,
)
from reconciler.core.diff import MISSING, FieldChange, Missing, split_pointer
from reconciler.core.escaping import escaped
from reconciler.core.plan import Plan
from reconciler.core.report import Applied, Report, outcome_name
from reconciler.core.resources import MOST_NAMED, OWNER_TAG, Json, canonical_json
from reconciler.render.style import cells, counted

SYMBOLS: dict[type[Change], str] = {Create: "+", Update: "~", Adopt: "=", Delete: "-"}
VERBS = ("create", "update", "adopt", "delete")
DONE = {Create: "created", Update: "updated", Adopt: "adopted", Delete: "deleted"}
# In cells; above it a label moves its own value only, not the column of all.
WIDEST_LABEL = 60
_OWNER = ["tags", OWNER_TAG]


@dataclass(frozen=True, slots=True)
class Field:
    """One field that differs; None is the side that is not there."""

    pointer: str
    before: str | None
    after: str | None

    @property
    def label(self) -> str:
        """Its place, as people write it."""
        return label(self.pointer)


@dataclass(frozen=True, slots=True)
class Way:
    """A step of a change on another resource, in words, and the ``fields`` that then differ."""

    told: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """The same change, of the same ``fields``, on one resource or many."""

    changes: Sequence[Change]
    fields: tuple[Field, ...]

    @property
    def example(self) -> Change:
        """The first of the changes, which says for all what they have in common."""
        return self.changes[0]

    @property
    def titles(self) -> list[tuple[str, str]]:
        """The key and the origin of each change that is named; the origin is empty if unknown."""
        return [
            (escaped(str(change.key)), escaped(str(change.origin or "")))
            for change in self.changes[: self._named]
        ]

    @property
    def ways(self) -> tuple[Way, ...]:
        """The steps of the change on other resources."""
        return ways_made(self.example)

    @property
    def _named(self) -> int:
        # Whoever agrees to a delete has read its name.
        return len(self.changes) if isinstance(self.example, Delete) else MOST_NAMED

    @property
    def rest(self) -> str:
        """How many resources it is about, beside those named; empty for a single one."""
        if len(self.changes) == 1:
            return ""
        told = f"same change on {len(self.changes)} resources"
        unnamed = len(self.changes) - self._named
        return f"and {unnamed} more: {told}" if unnamed > 0 else told


def groups(changes: Iterable[Change]) -> list[Group]:
    """Return ``changes`` with those together that a reader could tell by their keys alone."""
    alike: dict[Hashable, list[Change]] = {}
    for change in changes:
        fields = tuple(shown(change))
        same = (type(change), change.cause, change.traffic, fields, ways_made(change))
        alike.setdefault(same, []).append(change)
    return [Group(together, tuple(shown(together[0]))) for together in alike.values()]


def ways_made(change: Change) -> tuple[Way, ...]:
    """Return the steps of ``change`` on other resources: on routes in its way, or on nodes."""
    routes = (
        Way(
            f"detaches {escaped(str(way.detach.key))} and attaches it again"
            + (f" ({way.cause})" if way.cause else ""),
            tuple(map(field_of, way.attach.difference.fields)),
        )
        for way in detached(change)
    )
    nodes = (
        Way(
            f"updates {escaped(str(link.before.key))} first, which is deleted later",
            tuple(map(field_of, link.difference.fields)),
        )
        for link in unlinked(change)
    )
    return (*routes, *nodes)


def shown(change: Change) -> list[Field]:
    """Return the fields of ``change`` that say something."""
    fields = change.difference.fields
    # The owner stands in the headline; repeating it with every create says nothing.
    if isinstance(change, Create | Delete):
        fields = tuple(field for field in fields if split_pointer(field.pointer) != _OWNER)
    return [field_of(field) for field in fields]


def label(pointer: str) -> str:
    """Return the place that ``pointer`` leads to, as people write it."""
    return escaped(".".join(split_pointer(pointer)))


def gaps(fields: Sequence[Field], most: int = WIDEST_LABEL) -> list[str]:
    """Return what stands after each label so that the values begin in one column.

    Labels of more than ``most`` cells stand out of it.
    """
    widths = [cells(field.label) for field in fields]
    column = max((width for width in widths if width <= most), default=0)
    return [" " * (max(column - width, 0) + 2) for width in widths]


def reasons(withheld: Iterable[Withheld]) -> list[tuple[Reason, str, list[str]]]:
    """Return every reason, its words, and the keys that were left alone for it."""
    alike: dict[tuple[Reason, str], list[str]] = {}
    for held in withheld:
        alike.setdefault((held.reason, held.why), []).append(escaped(str(held.key)))
    return [(reason, escaped(why), keys) for (reason, why), keys in alike.items()]


def plan_counts(plan: Plan) -> str:
    """Return how much there is to do, in one sentence."""
    held = f", {len(plan.withheld)} left alone" if plan.withheld else ""
    same = len(plan.unchanged)
    if not plan.changes:
        verb_of_same = "is" if same == 1 else "are"
        return f"No changes. {counted(same, 'resource')} {verb_of_same} as the manifests say{held}."
    counts = Counter(verb(change) for change in plan.changes)
    told = ", ".join(f"{counts[word]} to {word}" for word in VERBS)
    return f"Plan: {told}; {same} unchanged{held}."


def report_counts(report: Report) -> str:
    """Return how much was done, in one sentence."""
    counts = Counter(
        DONE[type(outcome.change)] if isinstance(outcome, Applied) else outcome_name(outcome)
        for outcome in report.outcomes
    )
    if report.plan.withheld:
        counts["withheld"] = len(report.plan.withheld)
    told = ", ".join(f"{count} {word}" for word, count in counts.items())
    return f"Applied: {told or 'nothing to do'}."


def calls_told(calls: Mapping[str, int]) -> str:
    """Return ``12 API calls: 10 ListMeshes, 2 GetResources``, most of one kind first."""
    most_first = sorted(calls.items(), key=lambda item: (-item[1], item[0]))
    told = ", ".join(f"{count} {escaped(operation)}" for operation, count in most_first)
    return f"{counted(sum(calls.values()), 'API call')}: {told}"


def field_of(field: FieldChange) -> Field:
    """Return a field that differs as people read it."""
    return Field(field.pointer, value(field.before), value(field.after))


def value(side: Json | Missing) -> str | None:
    """Return one side of a field as JSON, None where it is not there."""
    return None if side is MISSING else escaped(canonical_json(side))
