"""Differences of two JSON values: an RFC 6902 patch for programs, changed fields for people."""

import copy
import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import jsonpatch

from reconciler.core.resources import Json, Spec, canonical_json


class Missing(Enum):
    """The value of an absent field, which differs from null."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs; ``pointer`` is its RFC 6901 pointer."""

    pointer: str
    before: Json | Missing
    after: Json | Missing

    @property
    def document(self) -> dict[str, Json]:
        """The change as a JSON object, in which an absent side has no member."""
        sides = {"before": self.before, "after": self.after}
        present = {name: side for name, side in sides.items() if not isinstance(side, Missing)}
        return {"pointer": self.pointer, **present}


def patch(before: Json, after: Json) -> list[dict[str, Any]]:
    """Return the RFC 6902 operations that turn ``before`` into ``after``, in a stable order.

    Only add, remove and replace are used. jsonpatch also moves equal values between unrelated
    fields, which would mislead readers.
    """
    # The patch of jsonpatch depends on the order of members, which has no meaning in JSON.
    document, target = (json.loads(canonical_json(side)) for side in (before, after))
    operations: list[dict[str, Any]] = []
    for operation in jsonpatch.JsonPatch.from_diff(document, target).patch:
        steps = _without_move(document, operation)
        # In place, because a copy for each operation takes quadratic time. The steps are copied,
        # because later operations change the values that they put into the document.
        document = jsonpatch.apply_patch(document, copy.deepcopy(steps), in_place=True)
        operations += steps
    return operations


def field_changes(before: Json, after: Json) -> tuple[FieldChange, ...]:
    """Return the leaf fields that differ, ordered by pointer."""
    return tuple(_walk("", before, after))


def overlay(base: Spec, source: Spec, pointers: Collection[str]) -> Spec:
    """Return ``base`` with the values of ``source`` at ``pointers``.

    Values that ``source`` does not have are removed. Pointers lead to members of objects. Without
    pointers, ``base`` itself is returned: most resources have none, and a copy of each is slow.
    """
    if not pointers:
        return base
    result = copy.deepcopy(base)
    for pointer in pointers:
        *parents, last = split_pointer(pointer)
        value = value_at(source, pointer)
        parent: Any = result
        for name in parents:
            if name not in parent and value is MISSING:
                break
            parent = parent.setdefault(name, {})
            if not isinstance(parent, dict):
                break
        else:
            if value is MISSING:
                parent.pop(last, None)
            else:
                parent[last] = copy.deepcopy(value)
    return result


def value_at(document: Json, pointer: str) -> Json | Missing:
    """Return the value at ``pointer``, or MISSING. The pointer leads through objects only."""
    value: Json = document
    for name in split_pointer(pointer):
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value


def split_pointer(pointer: str) -> list[str]:
    """Return the member names of an RFC 6901 pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def join_pointer(parent: str, name: object) -> str:
    """Return the pointer to member ``name`` of the value at ``parent``."""
    return f"{parent}/{str(name).replace('~', '~0').replace('/', '~1')}"


def _without_move(document: Json, operation: dict[str, Any]) -> list[dict[str, Any]]:
    if operation["op"] != "move":
        return [operation]
    moved = jsonpatch.JsonPointer(operation["from"]).resolve(document)
    return [
        {"op": "remove", "path": operation["from"]},
        {"op": "add", "path": operation["path"], "value": copy.deepcopy(moved)},
    ]


def _walk(pointer: str, before: Json | Missing, after: Json | Missing) -> Iterator[FieldChange]:
    match before, after:
        case dict(), dict():
            for name in sorted(before.keys() | after.keys()):
                inner = join_pointer(pointer, name)
                yield from _walk(inner, before.get(name, MISSING), after.get(name, MISSING))
        case list(), list():
            for index in range(max(len(before), len(after))):
                inner = join_pointer(pointer, index)
                yield from _walk(inner, _item(before, index), _item(after, index))
        case dict(), Missing() if before:
            yield from _walk(pointer, before, {})
        case Missing(), dict() if after:
            yield from _walk(pointer, {}, after)
        case list(), Missing() if before:
            yield from _walk(pointer, before, [])
        case Missing(), list() if after:
            yield from _walk(pointer, [], after)
        case _:
            # True == 1 in Python, but not in JSON.
            if type(before) is not type(after) or before != after:
                yield FieldChange(pointer, before, after)


def _item(items: list[Json], index: int) -> Json | Missing:
    return items[index] if index < len(items) else MISSING
