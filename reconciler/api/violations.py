"""Where a JSON value departs from a shape of the description.

Pure: it finds and words the departures and leaves it to the caller which of them matter. A member
whose value is null counts as absent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True, slots=True)
class Violation:
    """One departure: where, of which constraint, and in words that follow the place."""

    path: Path
    constraint: Constraint
    message: str

    def __str__(self) -> str:
        """Say it as ``spec.egressFilter.type: is required``."""
        return f"{'.'.join(map(str, self.path)) or 'the body'}: {self.message}"


def violations(shape: Shape, value: object, path: Path = ()) -> Iterator[Violation]:
    """Yield every departure of ``value`` from ``shape``, in the order of the value's members.

    Args:
        shape: What the value should be.
        value: JSON as Python has it; numbers are ``int`` or ``float``.
        path: Where the value stands, for the messages.
    """
    match shape:
        case Structure():
            yield from _of_structure(shape, value, path)
        case ListOf():
            yield from _of_list(shape, value, path)
        case Text():
            yield from _of_text(shape, value, path)
        case Number():
            yield from _of_number(shape, value, path)
        case Boolean():
            if not isinstance(value, bool):
                yield _mistyped(path, "true or false", value)
        case Timestamp():
            if isinstance(value, bool) or not isinstance(value, int | float):
                yield _mistyped(path, "a number of seconds", value)


def _of_structure(shape: Structure, value: object, path: Path) -> Iterator[Violation]:
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


def _of_list(shape: ListOf, value: object, path: Path) -> Iterator[Violation]:
    if not isinstance(value, list):
        yield _mistyped(path, "a list", value)
        return
    if not _is_within(len(value), shape.min_items, shape.max_items):
        words = f"must have {_range_text(shape.min_items, shape.max_items)} items, not {len(value)}"
        yield Violation(path, "size", words)
    for index, item in enumerate(value):
        yield from violations(shape.item, item, (*path, index))


def _of_text(shape: Text, value: object, path: Path) -> Iterator[Violation]:
    if not isinstance(value, str):
        yield _mistyped(path, "a string", value)
        return
    if not _is_within(len(value), shape.min_length, shape.max_length):
        words = f"must have {_range_text(shape.min_length, shape.max_length)} characters, not {len(value)}"
        yield Violation(path, "size", words)
    if shape.values and value not in shape.values:
        words = f"must be {' or '.join(shape.values)}, not {_excerpt(value)}"
        yield Violation(path, "values", words)
    if shape.pattern and not shape.pattern.fullmatch(value):
        words = f"must match {shape.pattern.pattern}, unlike {_excerpt(value)}"
        yield Violation(path, "pattern", words)


def _of_number(shape: Number, value: object, path: Path) -> Iterator[Violation]:
    if isinstance(value, bool) or not isinstance(value, int):
        yield _mistyped(path, "a whole number", value)
    elif not _is_within(value, shape.minimum, shape.maximum):
        words = f"must be {_range_text(shape.minimum, shape.maximum)}, not {_excerpt(value)}"
        yield Violation(path, "range", words)


def _mistyped(path: Path, expected: str, value: object) -> Violation:
    return Violation(path, "type", f"must be {expected}, not {_excerpt(value)}")


def _is_within(figure: int, minimum: int | None, maximum: int | None) -> bool:
    return (minimum is None or minimum <= figure) and (maximum is None or figure <= maximum)


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
