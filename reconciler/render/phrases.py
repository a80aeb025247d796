"""Words of plans and reports that all output formats for people share.

Untrusted text is escaped here for terminals. A renderer adds the escaping of its own format.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler import limits
from reconciler.core.changes import (
    Adopt,
    Cause,
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
from reconciler.core.diff import MISSING, FieldChange, Missing, dotted_path, split_pointer
from reconciler.core.escaping import escaped
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Report, outcome_name
from reconciler.core.resources import OWNER_TAG, Json, canonical_json, shorten_list
from reconciler.core.source_revision import SourceRevision
from reconciler.core.traffic_shares import percent, share_changes
from reconciler.render.terminal import cell_width, plural

SYMBOLS: dict[type[Change], str] = {Create: "+", Update: "~", Adopt: "=", Delete: "-"}
OPERATIONS = ("create", "update", "adopt", "delete")
_DONE = {Create: "created", Update: "updated", Adopt: "adopted", Delete: "deleted"}
# Cells of the column of labels. A longer label moves only its own value to the right.
MAX_LABEL_WIDTH = 80
_OWNER = ["tags", OWNER_TAG]


@dataclass(frozen=True, slots=True)
class Field:
    """A field that differs, as text."""

    pointer: str
    before: str | None
    """None if the field is absent."""
    after: str | None
    """None if the field will be absent."""

    @property
    def label(self) -> str:
        """The path of the field with dots, as in `spec.listeners[80].tls`."""
        return label(self.pointer)


@dataclass(frozen=True, slots=True)
class DetachedRouteText:
    """A step of a change on another resource, and the fields that differ there afterwards."""

    title: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class ChangeGroup:
    """Changes of several resources that are equal except for the key."""

    changes: Sequence[Change]
    fields: tuple[Field, ...]
    effects: tuple[str, ...] = ()

    @property
    def example(self) -> Change:
        """The first change, which stands for all of them."""
        return self.changes[0]

    @property
    def titles(self) -> list[tuple[str, str]]:
        """Key and origin of each change that is listed; the origin is empty if it is unknown."""
        return [
            (escaped(str(change.key)), escaped(str(change.origin or "")))
            for change in self.changes[: self._listed]
        ]

    @property
    def traffic(self) -> list[str]:
        """The effects on traffic; without one, the shares that a change of a route moves."""
        if self.effects:
            return [escaped(effect) for effect in self.effects]
        difference = self.example.difference
        shares = ", ".join(
            f"{escaped(it.target)} {percent(it.before)} -> {percent(it.after)}"
            for it in share_changes(difference.before, difference.after)
        )
        return [shares] if shares else []

    @property
    def detached(self) -> tuple[DetachedRouteText, ...]:
        """The steps on other resources."""
        return detached_texts(self.example)

    @property
    def _listed(self) -> int:
        # List all deletes: a person who confirms the plan must see each of them.
        return len(self.changes) if isinstance(self.example, Delete) else limits.MAX_KEYS_LISTED

    @property
    def rest(self) -> str:
        """A line with the number of resources; empty if there is only one."""
        if len(self.changes) == 1:
            return ""
        text = f"same change on {len(self.changes)} resources"
        omitted = len(self.changes) - self._listed
        return f"and {omitted} more: {text}" if omitted > 0 else text


@dataclass(frozen=True, slots=True)
class WithheldGroup:
    """Withheld resources with the same reason."""

    reason_code: ReasonCode
    reason: str
    withheld: Sequence[Withheld]

    @property
    def keys(self) -> list[str]:
        """All keys, never shortened: a reader must see each resource that is not reconciled."""
        return [escaped(str(withheld.key)) for withheld in self.withheld]

    @property
    def pending(self) -> list[ChangeGroup]:
        """The withheld changes, except deletes, whose keys are shown elsewhere."""
        return groups(
            withheld.change
            for withheld in self.withheld
            if withheld.change and not isinstance(withheld.change, Delete)
        )


def groups(
    changes: Iterable[Change], traffic: Mapping[str, tuple[str, ...]] = {}
) -> list[ChangeGroup]:
    """Group changes that are equal except for the key.

    Args:
        changes: The changes.
        traffic: The effects of each change on traffic, by its key.
    """
    by_content: dict[Hashable, list[Change]] = {}
    for change in changes:
        fields = tuple(visible(change))
        effects = traffic.get(str(change.key), ())
        steps = detached_texts(change)
        content = (type(change), change.cause, change.traffic, fields, steps, effects)
        by_content.setdefault(content, []).append(change)
    return [
        ChangeGroup(group, tuple(visible(group[0])), traffic.get(str(group[0].key), ()))
        for group in by_content.values()
    ]


def detached_texts(change: Change) -> tuple[DetachedRouteText, ...]:
    """Return the steps of `change` on other resources: detached routes and updated nodes."""
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
            f"updates {escaped(str(link.before.key))} first (it is deleted later)",
            tuple(map(field_of, link.difference.fields)),
        )
        for link in unlinked(change)
    )
    return (*routes, *nodes)


def visible(change: Change) -> list[Field]:
    """Return the fields of `change` that are shown."""
    fields = change.difference.fields
    # The headline has the owner, so creates and deletes do not repeat it.
    if isinstance(change, Create | Delete):
        fields = tuple(field for field in fields if split_pointer(field.pointer) != _OWNER)
    return [field_of(field) for field in fields]


def label(pointer: str) -> str:
    """Return the path of `pointer` with dots, escaped."""
    return escaped(dotted_path(pointer))


def column_gaps(fields: Sequence[Field], max_width: int = MAX_LABEL_WIDTH) -> list[str]:
    """Return the spaces after each label that align the values in one column.

    Labels wider than `max_width` cells are not aligned.
    """
    widths = [cell_width(field.label) for field in fields]
    column = max((width for width in widths if width <= max_width), default=0)
    return [" " * (max(column - width, 0) + 2) for width in widths]


def reasons(withheld: Iterable[Withheld]) -> list[WithheldGroup]:
    """Group withheld resources that have the same reason."""
    by_reason: dict[tuple[ReasonCode, str], list[Withheld]] = {}
    for item in withheld:
        by_reason.setdefault((item.reason_code, item.reason), []).append(item)
    return [
        WithheldGroup(code, escaped(reason), items) for (code, reason), items in by_reason.items()
    ]


def commit_line(revision: SourceRevision) -> str:
    """Return the commit of the manifests, its author and its subject, in one line."""
    changes = " with local changes," if revision.dirty else ""
    return escaped(f"commit {revision.short}{changes} by {revision.author}: {revision.subject}")


def plan_counts(plan: Plan) -> str:
    """Return the numbers of changes, withheld resources and unread lists, in one line."""
    unchanged = len(plan.unchanged)
    unread = [_unread(plan)] if plan.unlisted else []
    renewals = ""
    if plan.renewals:
        renewals = f" {plural(len(plan.renewals), 'last-applied record')} to renew."
    if plan.changes:
        withheld = [f"{len(plan.withheld)} withheld"] if plan.withheld else []
        rest = ", ".join([f"{unchanged} unchanged", *withheld, *unread])
        return f"Plan: {_to_do(plan.changes, OPERATIONS)}; {rest}.{renewals}"
    predicate = "matches" if unchanged == 1 else "match"
    matching = f"{plural(unchanged, 'resource')} {predicate} the manifests."
    blocked = ", ".join(([_withheld(plan)] if plan.withheld else []) + unread)
    nothing = f"Nothing to apply: {blocked}." if blocked else "No changes."
    return f"{nothing} {matching}{renewals}"


def owner_note(plan: Plan) -> str:
    """Return a note if the owner id owns nothing and may be wrong; else an empty text."""
    others = Counter(withheld.owner for withheld in plan.withheld if withheld.owner)
    is_empty = not (plan.changes or plan.unchanged or plan.withheld)
    if plan.owned != 0 or not plan.is_complete or not (others or is_empty):
        return ""
    number = others.total()
    theirs = (
        f", but {plural(number, 'resource')} {'is' if number == 1 else 'are'} owned by "
        f"{escaped(shorten_list(sorted(others)))}"
    )
    note = f"No live resource is owned by {escaped(plan.owner)}"
    return f"{note}{theirs if others else ''}: check --owner."


def _withheld(plan: Plan) -> str:
    pending = [withheld.change for withheld in plan.withheld if withheld.change]
    names = [name for name in OPERATIONS if name in map(operation_name, pending)]
    return f"{len(plan.withheld)} withheld" + (f" ({_to_do(pending, names)})" if names else "")


def _to_do(changes: Iterable[Change], operations: Iterable[str]) -> str:
    counts = Counter(map(operation_name, changes))
    return ", ".join(f"{counts[name]} to {name}" for name in operations)


def _unread(plan: Plan) -> str:
    return f"{plural(len(plan.unlisted), 'list')} could not be read"


def done(change: Change) -> str:
    """Return the word for an applied change, such as `created`."""
    return "released" if change.cause is Cause.RELEASED else _DONE[type(change)]


def report_counts(report: Report) -> str:
    """Return the numbers of outcomes, withheld resources and unread lists, in one line."""
    counts = Counter(
        done(outcome.change) if isinstance(outcome, Applied) else outcome_name(outcome)
        for outcome in report.outcomes
    )
    if report.plan.withheld:
        counts["withheld"] = len(report.plan.withheld)
    text = [f"{count} {word}" for word, count in counts.items()]
    text += [_unread(report.plan)] if report.plan.unlisted else []
    if report.plan.renewals:
        renewals = plural(len(report.plan.renewals), "record")
        text.append(f"{report.renewed} of {renewals} renewed")
    return f"Applied: {', '.join(text) or 'nothing to do'}."


def call_counts(calls: Mapping[str, int]) -> str:
    """Return `12 API calls: 10 ListMeshes, 2 GetResources`, the largest number first."""
    most_first = sorted(calls.items(), key=lambda item: (-item[1], item[0]))
    text = ", ".join(f"{count} {escaped(operation)}" for operation, count in most_first)
    return f"{plural(sum(calls.values()), 'API call')}: {text}"


def field_of(field: FieldChange) -> Field:
    """Return `field` as text."""
    return Field(field.stable_pointer, value(field.before), value(field.after))


def value(side: Json | Missing) -> str | None:
    """Return one side of a field as JSON text, or None if it is absent."""
    return None if side is MISSING else escaped(canonical_json(side))
