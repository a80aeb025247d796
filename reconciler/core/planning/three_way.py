"""A three-way comparison of the manifests before a change, after it, and the live state.

Base is the desired state before the change, head the desired state after it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.changes import Adopt, Change, Create, Delete, Update
from reconciler.core.diff import (
    MISSING,
    FieldChange,
    Missing,
    field_changes,
    split_pointer,
    value_at,
)
from reconciler.core.planning.managed import Canonical, managed_spec
from reconciler.core.planning.plan import Plan
from reconciler.core.planning.verdicts import view
from reconciler.core.resources import Desired, Json, Key


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """The fields of one resource that differ. The pointer of the whole resource is empty."""

    key: Key
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """A field that differs between base and head, and was also changed on the target."""

    key: Key
    pointer: str
    base: Json | Missing
    live: Json | Missing
    head: Json | Missing


@dataclass(frozen=True, slots=True)
class ThreeWay:
    """The result of the comparison.

    Attributes:
        proposed: Differences between base and head.
        reverted: Differences between live and head in fields that are equal in base and head.
            An apply reverts these changes of the live state, or makes up for a missing apply.
        conflicts: Fields that changed both in the manifests and on the target.
    """

    proposed: tuple[FieldDiff, ...]
    reverted: tuple[FieldDiff, ...]
    conflicts: tuple[MergeConflict, ...]


def compare(
    base: Iterable[Desired], head: Iterable[Desired], plan: Plan, canonical: Canonical
) -> ThreeWay:
    """Return how the changes of ``plan`` relate to the change of the manifests.

    Args:
        base: The desired resources before the change.
        head: The desired resources after the change.
        plan: The plan that was made for ``head``.
        canonical: As in `PlanInput`.
    """
    before, after = (_views(desired, canonical) for desired in (base, head))
    changes = {change.key: change for change in plan.changes}
    proposed: list[FieldDiff] = []
    reverted: list[FieldDiff] = []
    conflicts: list[MergeConflict] = []
    for key in sorted(plan.keys):
        changed = _fields(before.get(key), after.get(key))
        proposed += [FieldDiff(key, changed)] if changed else []
        if key in changes and (key in before or key not in after):
            undone, conflicting = _compare_with_base(changes[key], before.get(key), changed)
            reverted += [FieldDiff(key, undone)] if undone else []
            conflicts += conflicting
    return ThreeWay(tuple(proposed), tuple(reverted), tuple(conflicts))


def _views(desired: Iterable[Desired], canonical: Canonical) -> Mapping[Key, Json]:
    return {resource.key: _view(resource, canonical) for resource in desired}


def _view(desired: Desired, canonical: Canonical) -> Json:
    return view(managed_spec(desired, canonical), desired.tags, protect=desired.options.protect)


def _fields(before: Json, after: Json) -> tuple[FieldChange, ...]:
    if before is None or after is None:
        whole = FieldChange("", before or MISSING, after or MISSING)
        return () if before is after else (whole,)
    return field_changes(before, after)


def _compare_with_base(
    change: Change, base: Json, changed: tuple[FieldChange, ...]
) -> tuple[tuple[FieldChange, ...], list[MergeConflict]]:
    """Return the fields of ``change`` that are equal in base and head, and the conflicts."""
    match change:
        case Create():
            return _fields(None, change.difference.after), []
        case Delete() if base is None:
            return _fields(change.difference.before, None), []
        case Delete():
            was, live = (value_at(side, "/spec") for side in (base, change.difference.before))
            return (), [] if was == live else [
                MergeConflict(change.key, "/spec", was, live, MISSING)
            ]
        case _:
            return _split_fields(change, changed)


def _split_fields(
    change: Update | Adopt, changed: tuple[FieldChange, ...]
) -> tuple[tuple[FieldChange, ...], list[MergeConflict]]:
    reverted: list[FieldChange] = []
    conflicts: list[MergeConflict] = []
    for field in change.difference.fields:
        overlapping = [
            item for item in changed if _overlaps(item.stable_pointer, field.stable_pointer)
        ]
        if not overlapping:
            reverted.append(field)
        elif overlapping != [field]:
            conflict = MergeConflict(
                change.key, field.stable_pointer, overlapping[0].before, field.before, field.after
            )
            conflicts.append(conflict)
    return tuple(reverted), conflicts


def _overlaps(place: str, other: str) -> bool:
    """Whether one place is in the other; an item by name may be any item by index."""
    steps = zip(split_pointer(place), split_pointer(other), strict=False)
    return all(one == two or one.startswith("[") != two.startswith("[") for one, two in steps)
