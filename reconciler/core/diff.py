"""Differences of two JSON values, field by field."""

import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final, TypeAlias

from reconciler.core.resources import Json, Spec


class Missing(Enum):
    """The value of an absent field, which differs from null."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING


# Members that identify the items of a list, in the order in which they are looked for.
_IDENTITIES = (
    ("virtualNode",),
    ("name",),
    ("key",),
    ("portMapping", "port"),
    ("virtualService", "virtualServiceName"),
)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs.

    Attributes:
        pointer: Its RFC 6901 pointer, into the new value if the field is in both.
        named_pointer: The pointer with ``[name]`` instead of the index of each item of a list that
            a name identifies; empty if there is no such item.
    """

    pointer: str
    before: Json | Missing
    after: Json | Missing
    named_pointer: str = ""

    @property
    def stable_pointer(self) -> str:
        """The pointer by names, which does not depend on the positions of items in their lists."""
        return self.named_pointer or self.pointer

    @property
    def path(self) -> str:
        """The path for people, as in ``spec.weightedTargets[cart-v1].weight``."""
        return dotted_path(self.stable_pointer)

    @property
    def document(self) -> dict[str, Json]:
        """The change as a JSON object, in which an absent side has no member."""
        sides = {"before": self.before, "after": self.after}
        present = {name: side for name, side in sides.items() if not isinstance(side, Missing)}
        path: dict[str, Json] = {"path": self.path} if self.named_pointer else {}
        return {"pointer": self.pointer, **path, **present}


def dotted_path(pointer: str) -> str:
    """Return the path of a pointer with dots; names of items stay in brackets."""
    steps = (step if step.startswith("[") else f".{step}" for step in split_pointer(pointer))
    return "".join(steps).removeprefix(".")


def field_changes(before: Json, after: Json) -> tuple[FieldChange, ...]:
    """Return the leaf fields that differ, ordered by pointer.

    Items of lists are compared with those of the same name, if each has a name of its own: the
    target of a route, the name of a header, the port of a listener. Others are compared by index.
    """
    return tuple(_walk("", "", before, after))


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


def _walk(
    pointer: str, named: str, before: Json | Missing, after: Json | Missing
) -> Iterator[FieldChange]:
    """Yield the fields that differ below ``pointer``; ``named`` is the same with names of items."""
    match before, after:
        case dict(), dict():
            for name in sorted(before.keys() | after.keys()):
                old, new = before.get(name, MISSING), after.get(name, MISSING)
                inner = join_pointer(pointer, name)
                inner_named = inner if named == pointer else join_pointer(named, name)
                yield from _walk(inner, inner_named, old, new)
        case list(), list():
            for index, step, old, new in _pairs(before, after):
                yield from _walk(join_pointer(pointer, index), join_pointer(named, step), old, new)
        case dict(), Missing() if before:
            yield from _walk(pointer, named, before, {})
        case Missing(), dict() if after:
            yield from _walk(pointer, named, {}, after)
        case list(), Missing() if before:
            yield from _walk(pointer, named, before, [])
        case Missing(), list() if after:
            yield from _walk(pointer, named, [], after)
        case _:
            # True == 1 in Python, but not in JSON.
            if type(before) is not type(after) or before != after:
                yield FieldChange(pointer, before, after, "" if named == pointer else named)


_Pair: TypeAlias = tuple[int, int | str, Json | Missing, Json | Missing]
"""The index of an item, its name or index, and its values."""


def _pairs(before: list[Json], after: list[Json]) -> list[_Pair]:
    old, new = _by_name(before), _by_name(after)
    if old is not None and new is not None:
        named: list[_Pair] = [
            (index, f"[{name}]", before[old[name]] if name in old else MISSING, after[index])
            for name, index in new.items()
        ]
        gone = [(old[name], name) for name in old if name not in new]
        named += [(index, f"[{name}]", before[index], MISSING) for index, name in gone]
        if any(one is MISSING or other is MISSING or one != other for _, _, one, other in named):
            return named
    length = range(max(len(before), len(after)))
    return [(index, index, _item(before, index), _item(after, index)) for index in length]


def _by_name(items: list[Json]) -> dict[str, int] | None:
    """Return the index of each item by its name; None if one has no name of its own."""
    found: dict[str, int] = {}
    for index, item in enumerate(items):
        name = _name_of(item)
        if name is None or name in found:
            return None
        found[name] = index
    return found


def _name_of(item: Json) -> str | None:
    for steps in _IDENTITIES:
        value: Any = item
        for step in steps:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str | int):
            # A route may have two ports of one node as targets.
            port = item.get("port") if isinstance(item, dict) else None
            return str(value) if port is None else f"{value}:{port}"
    return None


def _item(items: list[Json], index: int) -> Json | Missing:
    return items[index] if index < len(items) else MISSING
