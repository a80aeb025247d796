"""What a plan and a report say to people, whatever the marks around it.

All text from outside is escaped here; what else a medium could take for its own is not.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler import limits
from reconciler.core.changes import (
    Adopt,
    Change,
    Create,
    Delete,
    ReasonCode,
    Update,
    Withheld,
    detached_routes,
    operation_name,
    unlinked,
)
from reconciler.core.diff import MISSING, FieldChange, Missing, split_pointer
from reconciler.core.escaping import escaped
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Report, outcome_name
from reconciler.core.resources import OWNER_TAG, Json, canonical_json, shorten_list
from reconciler.render.terminal import cell_width, plural

SYMBOLS: dict[type[Change], str] = {Create: "+", Update: "~", Adopt: "=", Delete: "-"}
VERBS = ("create", "update", "adopt", "delete")
DONE = {Create: "created", Update: "updated", Adopt: "adopted", Delete: "deleted"}
# In cells; above it a label moves its own value only, not the column of all.
MAX_LABEL_WIDTH = 60
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
class DetachedRouteText:
    """A step of a change on another resource, in words, and the ``fields`` that then differ."""

    title: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class ChangeGroup:
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
            for change in self.changes[: self._labels]
        ]

    @property
    def detached(self) -> tuple[DetachedRouteText, ...]:
        """The steps of the change on other resources."""
        return detached_texts(self.example)

    @property
    def _labels(self) -> int:
        # Whoever agrees to a delete has read its name.
        return len(self.changes) if isinstance(self.example, Delete) else limits.MAX_KEYS_LISTED

    @property
    def rest(self) -> str:
        """How many resources it is about, beside those named; empty for a single one."""
        if len(self.changes) == 1:
            return ""
        text = f"same change on {len(self.changes)} resources"
        unnamed = len(self.changes) - self._labels
        return f"and {unnamed} more: {text}" if unnamed > 0 else text


@dataclass(frozen=True, slots=True)
class WithheldGroup:
    """What is withheld for one reason in the same words."""

    reason: ReasonCode
    why: str
    withheld: Sequence[Withheld]

    @property
    def keys(self) -> list[str]:
        """All keys: a reader has to see each resource that is not as the manifests say."""
        return [escaped(str(withheld.key)) for withheld in self.withheld]

    @property
    def pending(self) -> list[ChangeGroup]:
        """The changes that are withheld, except deletes, of which the key tells all."""
        return groups(
            withheld.change
            for withheld in self.withheld
            if withheld.change and not isinstance(withheld.change, Delete)
        )


def groups(changes: Iterable[Change]) -> list[ChangeGroup]:
    """Return ``changes`` with those together that a reader could tell by their keys alone."""
    alike: dict[Hashable, list[Change]] = {}
    for change in changes:
        fields = tuple(visible(change))
        same = (type(change), change.cause, change.traffic, fields, detached_texts(change))
        alike.setdefault(same, []).append(change)
    return [ChangeGroup(together, tuple(visible(together[0]))) for together in alike.values()]


def detached_texts(change: Change) -> tuple[DetachedRouteText, ...]:
    """Return the steps of ``change`` on other resources: on routes in its way, or on nodes."""
    routes = (
        DetachedRouteText(
            f"temporarily detaches {escaped(str(route.detach.key))}"
            + (f" ({route.cause})" if route.cause else ""),
            tuple(map(field_of, route.attach.difference.fields)),
        )
        for route in detached_routes(change)
    )
    nodes = (
        DetachedRouteText(
            f"updates {escaped(str(link.before.key))} first, which is deleted later",
            tuple(map(field_of, link.difference.fields)),
        )
        for link in unlinked(change)
    )
    return (*routes, *nodes)


def visible(change: Change) -> list[Field]:
    """Return the fields of ``change`` that say something."""
    fields = change.difference.fields
    # The owner stands in the headline; repeating it with every create says nothing.
    if isinstance(change, Create | Delete):
        fields = tuple(field for field in fields if split_pointer(field.pointer) != _OWNER)
    return [field_of(field) for field in fields]


def label(pointer: str) -> str:
    """Return the place that ``pointer`` leads to, as people write it."""
    return escaped(".".join(split_pointer(pointer)))


def column_gaps(fields: Sequence[Field], max_width: int = MAX_LABEL_WIDTH) -> list[str]:
    """Return what stands after each label so that the values begin in one column.

    Labels of more than ``max_width`` cells stand out of it.
    """
    widths = [cell_width(field.label) for field in fields]
    column = max((width for width in widths if width <= max_width), default=0)
    return [" " * (max(column - width, 0) + 2) for width in widths]


def reasons(withheld: Iterable[Withheld]) -> list[WithheldGroup]:
    """Return ``withheld`` with those together that have the same reason in the same words."""
    alike: dict[tuple[ReasonCode, str], list[Withheld]] = {}
    for item in withheld:
        alike.setdefault((item.reason_code, item.reason), []).append(item)
    return [WithheldGroup(reason, escaped(text), item) for (reason, text), item in alike.items()]


def plan_counts(plan: Plan) -> str:
    """Return how much there is to do, in a sentence or two; what is blocked comes first."""
    same = len(plan.unchanged)
    unread = [_unread(plan)] if plan.unlisted else []
    if plan.changes:
        withheld = [f"{len(plan.withheld)} withheld"] if plan.withheld else []
        rest = ", ".join([f"{same} unchanged", *withheld, *unread])
        return f"Plan: {_to_do(plan.changes, VERBS)}; {rest}."
    agreeing = f"{plural(same, 'resource')} {'is' if same == 1 else 'are'} as the manifests say."
    blocked = ", ".join(([_withheld(plan)] if plan.withheld else []) + unread)
    return f"Nothing to apply: {blocked}. {agreeing}" if blocked else f"No changes. {agreeing}"


def owner_note(plan: Plan) -> str:
    """Return that the owner id owns nothing, if it may be a wrong one; else an empty text."""
    others = Counter(withheld.owner for withheld in plan.withheld if withheld.owner)
    is_empty = not (plan.changes or plan.unchanged or plan.withheld)
    if plan.owned != 0 or not plan.is_complete or not (others or is_empty):
        return ""
    number = others.total()
    theirs = (
        f", but {plural(number, 'resource')} {'is' if number == 1 else 'are'} owned by "
        f"{escaped(shorten_list(sorted(others)))}"
    )
    return (
        f"Nothing here is owned by {escaped(plan.owner)}{theirs if others else ''}: check --owner."
    )


def _withheld(plan: Plan) -> str:
    pending = [withheld.change for withheld in plan.withheld if withheld.change]
    text = [word for word in VERBS if word in map(operation_name, pending)]
    return f"{len(plan.withheld)} withheld" + (f" ({_to_do(pending, text)})" if text else "")


def _to_do(changes: Iterable[Change], words: Iterable[str]) -> str:
    counts = Counter(map(operation_name, changes))
    return ", ".join(f"{counts[word]} to {word}" for word in words)


def _unread(plan: Plan) -> str:
    return f"{plural(len(plan.unlisted), 'list')} could not be read"


def report_counts(report: Report) -> str:
    """Return how much was done, in one sentence."""
    counts = Counter(
        DONE[type(outcome.change)] if isinstance(outcome, Applied) else outcome_name(outcome)
        for outcome in report.outcomes
    )
    if report.plan.withheld:
        counts["withheld"] = len(report.plan.withheld)
    text = [f"{count} {word}" for word, count in counts.items()]
    text += [_unread(report.plan)] if report.plan.unlisted else []
    return f"Applied: {', '.join(text) or 'nothing to do'}."


def call_counts(calls: Mapping[str, int]) -> str:
    """Return ``12 API calls: 10 ListMeshes, 2 GetResources``, most of one kind first."""
    most_first = sorted(calls.items(), key=lambda item: (-item[1], item[0]))
    text = ", ".join(f"{count} {escaped(operation)}" for operation, count in most_first)
    return f"{plural(sum(calls.values()), 'API call')}: {text}"


def field_of(field: FieldChange) -> Field:
    """Return a field that differs as people read it."""
    return Field(field.pointer, value(field.before), value(field.after))


def value(side: Json | Missing) -> str | None:
    """Return one side of a field as JSON, None where it is not there."""
    return None if side is MISSING else escaped(canonical_json(side))
