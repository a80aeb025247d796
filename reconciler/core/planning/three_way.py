"""What a change of the manifests does, beside what happened to the live side since its base.

Base is what the manifests said before the change, head what they say with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.changes import Adopt, Change, Create, Delete, Update
from reconciler.core.diff import MISSING, FieldChange, Missing, field_changes, value_at
from reconciler.core.planning.plan import Canonical, Plan, managed_spec, view
from reconciler.core.resources import Desired, Json, Key


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """The fields of one resource that differ; the pointer of a whole resource is empty."""

    key: Key
    fields: tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """A field that the change moves, and that was moved on the live side too."""

    key: Key
    pointer: str
    base: Json | Missing
    live: Json | Missing
    head: Json | Missing


@dataclass(frozen=True, slots=True)
class ThreeWay:
    """Base, head and live compared.

    ``proposed`` leads from base to head. ``reverted`` leads from live to head where head is as
    base: applying it undoes what was done to the live side, or was left undone there.
    """

    proposed: tuple[FieldDiff, ...]
    reverted: tuple[FieldDiff, ...]
    conflicts: tuple[MergeConflict, ...]


def compare(
    base: Iterable[Desired], head: Iterable[Desired], plan: Plan, canonical: Canonical
) -> ThreeWay:
    """Return what of ``plan``, made for ``head``, is due to the change from ``base``."""
    before, after = (_views(desired, canonical) for desired in (base, head))
    changes = {change.key: change for change in plan.changes}
    proposed: list[FieldDiff] = []
    reverted: list[FieldDiff] = []
    conflicts: list[MergeConflict] = []
    for key in sorted(plan.keys):
        moved = _fields(before.get(key), after.get(key))
        proposed += [FieldDiff(key, moved)] if moved else []
        if key in changes and (key in before or key not in after):
            back, clashing = _since_base(changes[key], before.get(key), moved)
            reverted += [FieldDiff(key, back)] if back else []
            conflicts += clashing
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


def _since_base(
    change: Change, base: Json, moved: tuple[FieldChange, ...]
) -> tuple[tuple[FieldChange, ...], list[MergeConflict]]:
    """Return the fields of ``change`` that the manifests did not move, and those that both did."""
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
            return _split_by_cause(change, moved)


def _split_by_cause(
    change: Update | Adopt, moved: tuple[FieldChange, ...]
) -> tuple[tuple[FieldChange, ...], list[MergeConflict]]:
    back: list[FieldChange] = []
    conflicts: list[MergeConflict] = []
    for field in change.difference.fields:
        near = [move for move in moved if _overlaps(move.pointer, field.pointer)]
        if not near:
            back.append(field)
        elif near != [field]:
            clash = MergeConflict(
                change.key, field.pointer, near[0].before, field.before, field.after
            )
            conflicts.append(clash)
    return tuple(back), conflicts


def _overlaps(pointer: str, other: str) -> bool:
    return f"{pointer}/".startswith(f"{other}/") or f"{other}/".startswith(f"{pointer}/")
