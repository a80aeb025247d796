"""Validation of a JSON value against a shape of the API description.

A member with the value null counts as absent.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from reconciler.api.description import (
    Boolean,
    ListOf,
    Number,
    Shape,
    Structure,
    Text,
    Timestamp,
)

Constraint = Literal["required", "unknown", "union", "type", "size", "range", "pattern", "values"]
Path = tuple[str | int, ...]

_EXCERPT_CHARACTERS = 40
_TYPES: dict[type, tuple[type, ...]] = {
    Text: (str,),
    Number: (int,),
    Boolean: (bool,),
    Timestamp: (int, float),
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation of a constraint at ``path``; the message is printed after the path."""

    path: Path
    constraint: Constraint
    message: str

    def __str__(self) -> str:
        """Return a line such as ``spec.egressFilter.type: is required``."""
        return f"{'.'.join(map(str, self.path)) or 'the body'}: {self.message}"


def violations(shape: Shape, value: object, path: Path = ()) -> Iterator[Violation]:
    """Yield every violation of ``shape`` in ``value``, in the order of the value's members.

    Args:
        shape: The expected shape.
        value: Parsed JSON; numbers are ``int`` or ``float``.
        path: The path of the value, for the messages.
    """
    match shape:
        case Structure():
            yield from _check_structure(shape, value, path)
        case ListOf():
            yield from _check_list(shape, value, path)
        case Text():
            yield from _check_text(shape, value, path)
        case Number():
            yield from _check_number(shape, value, path)
        case Boolean():
            if not isinstance(value, bool):
                yield _mistyped(path, "true or false", value)
        case Timestamp():
            if isinstance(value, bool) or not isinstance(value, int | float):
                yield _mistyped(path, "a number of seconds", value)


def _check_structure(shape: Structure, value: object, path: Path) -> Iterator[Violation]:
    if not isinstance(value, dict):
        yield _mistyped(path, "an object", value)
        return
    present = {name: member for name, member in value.items() if member is not None}
    for name, member in present.items():
        known = shape.members.get(name)
        if known is None:
            yield Violation((*path, name), "unknown", "is not a member of this API")
        else:
            yield from violations(known.shape, member, (*path, name))
    for name, known in shape.members.items():
        if known.required and name not in present:
            yield Violation((*path, name), "required", "is required")
    if shape.union and len(present) != 1:
        choices = ", ".join(shape.members)
        yield Violation(path, "union", f"must have exactly one of {choices}")


def _check_list(shape: ListOf, value: object, path: Path) -> Iterator[Violation]:
    if not isinstance(value, list):
        yield _mistyped(path, "a list", value)
        return
    if not _is_within(len(value), shape.min_items, shape.max_items):
        allowed = _range_text(shape.min_items, shape.max_items)
        yield Violation(path, "size", f"must have {allowed} items, not {len(value)}")
    for index, item in enumerate(value):
        yield from violations(shape.item, item, (*path, index))


def _check_text(shape: Text, value: object, path: Path) -> Iterator[Violation]:
    if not isinstance(value, str):
        yield _mistyped(path, "a string", value)
        return
    if not _is_within(len(value), shape.min_length, shape.max_length):
        allowed = _range_text(shape.min_length, shape.max_length)
        yield Violation(path, "size", f"must have {allowed} characters, not {len(value)}")
    if shape.values and value not in shape.values:
        message = f"must be {' or '.join(shape.values)}, not {_excerpt(value)}"
        yield Violation(path, "values", message)
    if shape.pattern and not shape.pattern.fullmatch(value):
        message = f"must match {shape.pattern.pattern}, not {_excerpt(value)}"
        yield Violation(path, "pattern", message)


def _check_number(shape: Number, value: object, path: Path) -> Iterator[Violation]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield _mistyped(path, "a whole number", value)
    elif not _is_within(value, shape.minimum, shape.maximum):
        allowed = _range_text(shape.minimum, shape.maximum)
        yield Violation(path, "range", f"must be {allowed}, not {_excerpt(value)}")


def _mistyped(path: Path, expected: str, value: object) -> Violation:
    return Violation(path, "type", f"must be {expected}, not {_excerpt(value)}")


def _is_within(number: int, minimum: int | None, maximum: int | None) -> bool:
    return (minimum is None or minimum <= number) and (maximum is None or number <= maximum)


def _range_text(minimum: int | None, maximum: int | None) -> str:
    if maximum is None:
        return f"{minimum} or more"
    return f"{minimum}" if minimum == maximum else f"{minimum or 0} to {maximum}"


def _excerpt(value: object) -> str:
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case None:
            return "null"
        case _:
            text = repr(value)
            cut = len(text) > _EXCERPT_CHARACTERS
            return f"{text[:_EXCERPT_CHARACTERS]}…" if cut else text


@cache
def type_checker(shape: Shape) -> Callable[[Any], bool]:
    """Return a function that tells whether a value has all required members and no wrong type.

    It is False for the values in which `violations` finds "required" or "type", and takes an eighth
    of the time. The value is parsed JSON.
    """
    match shape:
        case Structure():
            return _structure_checker(shape)
        case ListOf():
            is_valid = type_checker(shape.item)
            return lambda value: type(value) is list and all(map(is_valid, value))
        case _:
            types = _TYPES[type(shape)]
            return lambda value: type(value) in types


def _structure_checker(shape: Structure) -> Callable[[Any], bool]:
    members = [
        (name, type_checker(member.shape), member.required)
        for name, member in shape.members.items()
    ]

    def check(value: Any) -> bool:
        if type(value) is not dict:
            return False
        for name, is_valid, is_required in members:
            member = value.get(name)
            if is_required if member is None else not is_valid(member):
                return False
        return True

    return check
