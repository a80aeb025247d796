"""Each constraint of the description, kept and broken."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.api import (
    Boolean,
    ListOf,
    Member,
    Number,
    Shape,
    Structure,
    Text,
    Timestamp,
    load,
    type_checker,
    violations,
)

WORD = Text("Word", 1, 4, re.compile("[a-z]*"), (), idempotency=False)
CHOICE = Text("Choice", None, None, None, ("ON", "OFF"), idempotency=False)
PORT = Number("Port", "integer", 1, 65535)
COUNT = Number("Count", "long", 0, None)
FREE = Number("Free", "long", None, None)
PAIR = ListOf("Pair", WORD, 2, 2)
SPEC = Structure(
    "Spec", {"name": Member(WORD, required=True), "on": Member(CHOICE, required=False)}
)
EITHER = Structure(
    "Either", {"a": Member(WORD, required=False), "b": Member(WORD, required=False)}, union=True
)


@pytest.mark.parametrize(
    ("shape", "value"),
    [
        (WORD, "abcd"),
        (CHOICE, "OFF"),
        (PORT, 65535),
        (COUNT, 0),
        (FREE, -1),
        (PAIR, ["a", "b"]),
        (SPEC, {"name": "a", "on": None}),
        (EITHER, {"b": "x"}),
        (EITHER, {"a": None, "b": "x"}),
        (Boolean("Flag"), False),
        (Timestamp("Time"), 1551295405.298),
    ],
)
def test_kept(shape: Shape, value: object) -> None:
    assert list(violations(shape, value)) == []
    assert type_checker(shape)(value)


@pytest.mark.parametrize(
    ("shape", "value", "constraint", "says"),
    [
        (WORD, "", "size", "the body: must have 1 to 4 characters, not 0"),
        (WORD, "abcde", "size", "the body: must have 1 to 4 characters, not 5"),
        (WORD, "ab1", "pattern", "the body: must match [a-z]*, not 'ab1'"),
        (WORD, 1, "type", "the body: must be a string, not 1"),
        (WORD, None, "type", "the body: must be a string, not null"),
        (CHOICE, "on", "values", "the body: must be ON or OFF, not 'on'"),
        (CHOICE, "o" * 50, "values", f"the body: must be ON or OFF, not '{'o' * 39}…"),
        (PORT, 0, "range", "the body: must be 1 to 65535, not 0"),
        (COUNT, -1, "range", "the body: must be 0 or more, not -1"),
        (PORT, True, "type", "the body: must be a whole number, not True"),
        (PORT, 1.0, "type", "the body: must be a whole number, not 1.0"),
        (PAIR, ["a"], "size", "the body: must have 2 items, not 1"),
        (PAIR, ["a", 7], "type", "1: must be a string, not 7"),
        (PAIR, {}, "type", "the body: must be a list, not an object"),
        (SPEC, [], "type", "the body: must be an object, not a list"),
        (SPEC, {"name": None}, "required", "name: is required"),
        (SPEC, {"name": "a", "off": 1}, "unknown", "off: is not a member of this API"),
        (EITHER, {}, "union", "the body: must have exactly one of a, b"),
        (EITHER, {"a": "x", "b": "y"}, "union", "the body: must have exactly one of a, b"),
        (Boolean("Flag"), 0, "type", "the body: must be true or false, not 0"),
        (Timestamp("Time"), "2026", "type", "the body: must be a number of seconds, not '2026'"),
        (Timestamp("Time"), True, "type", "the body: must be a number of seconds, not True"),
    ],
)
def test_broken(shape: Shape, value: object, constraint: str, says: str) -> None:
    (found,) = violations(shape, value)
    assert (found.constraint, str(found)) == (constraint, says)
    assert type_checker(shape)(value) == (constraint not in ("required", "type"))


def test_every_departure_is_found_with_its_place() -> None:
    request = load().operations["CreateMesh"].request
    body = {"spec": {"egressFilter": {"type": "NOPE"}}, "tags": [{"key": ""}]}
    assert [(each.path, each.constraint) for each in violations(request, body)] == [
        (("spec", "egressFilter", "type"), "values"),
        (("tags", 0, "key"), "size"),
        (("tags", 0, "value"), "required"),
        (("meshName",), "required"),
    ]


def complete(shape: Shape) -> Any:
    """Return a value with all members and only right types."""
    match shape:
        case Structure():
            return {name: complete(member.shape) for name, member in shape.members.items()}
        case ListOf():
            return [complete(shape.item)] * 2
        case Text():
            return "x"
        case Boolean():
            return False
        case _:
            return 1


def altered(value: Any) -> Iterator[Any]:
    """Yield ``value`` with each member, item or itself missing or of each type."""
    others: tuple[Any, ...] = (None, True, 0, 0.5, "", [], {})
    yield from (value, *others)
    if isinstance(value, dict):
        for name in value:
            yield {kept: value[kept] for kept in value if kept != name}
            yield from ({**value, name: other} for other in others)
    if isinstance(value, list):
        yield from ([*value, other] for other in others)


def test_the_short_check_finds_the_same_types_in_every_shape() -> None:
    api = load()
    shapes = [*api.shapes.values(), *(each.response for each in api.operations.values())]
    for shape in shapes:
        for value in altered(complete(shape)):
            found = {violation.constraint for violation in violations(shape, value)}
            assert type_checker(shape)(value) == found.isdisjoint({"required", "type"}), value
