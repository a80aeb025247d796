"""Texts that a pattern may take long for, made of the pattern's own pieces."""

import importlib
import re
from collections.abc import Iterator
from itertools import product
from typing import Any, NamedTuple

# The parser of the standard library, which has no public name.
_parser: Any = importlib.import_module("re._parser")

_POOL = "a0Z_-./: \t\n\"'\\{}[]<>=,@$%~#!éx1"
_TAILS = ("", "\0", "\n!")
_MAX_UNITS = 12


class Text(NamedTuple):
    """A text of any size: a unit repeated, with a text before and a text after it."""

    before: str
    unit: str
    tail: str

    def of_size(self, size: int) -> str:
        """Return the text with about ``size`` characters."""
        return self.before + self.unit * (size // len(self.unit)) + self.tail


def hostile_texts(pattern: re.Pattern[str]) -> list[Text]:
    """Return texts whose units match a beginning of ``pattern`` or of a part of it.

    Examples are an opener that is never closed, one character of a class, or all but the end.
    """
    tree = _parser.parse(pattern.pattern, pattern.flags)
    units = list(dict.fromkeys(filter(None, _beginnings(tree))))[:_MAX_UNITS]
    return [Text(*each) for each in product(("", *units), units, _TAILS)]


def _beginnings(tree: Any) -> Iterator[str]:
    """Yield a text for each beginning of a sequence in ``tree``, the inner sequences included."""
    for end in range(1, len(tree) + 1):
        yield "".join(_sample(node) for node in tree[:end])
    for node in tree:
        yield from _characters(node)
        for inner in _inner(node):
            yield from _beginnings(inner)


def _inner(node: Any) -> list[Any]:
    """Return the sequences in ``node``."""
    name, argument = str(node[0]), node[1]
    if name == "BRANCH":
        return list(argument[1])
    if name in {"SUBPATTERN", "MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
        return [argument[-1]]
    return [argument] if name == "ATOMIC_GROUP" else []


def _sample(node: Any) -> str:
    """Return a short text that ``node`` matches."""
    name, argument = str(node[0]), node[1]
    if name == "LITERAL":
        return chr(argument)
    if name.endswith("_REPEAT"):
        return "".join(map(_sample, argument[2])) * max(int(argument[0]), 1)
    for inner in _inner(node)[:1]:
        return "".join(map(_sample, inner))
    return next(_characters(node), "")


def _characters(node: Any) -> Iterator[str]:
    """Yield up to three characters that the single place ``node`` takes."""
    name, argument = str(node[0]), node[1]
    if name == "NOT_LITERAL":
        yield from [it for it in _POOL if ord(it) != argument][:3]
    elif name == "ANY":
        yield "a"
    elif name == "IN":
        yield from [it for it in _POOL if _takes(argument, it)][:3]


def _takes(items: Any, character: str) -> bool:
    found = negated = False
    for kind, argument in items:
        match str(kind):
            case "NEGATE":
                negated = True
            case "LITERAL":
                found |= ord(character) == argument
            case "RANGE":
                found |= argument[0] <= ord(character) <= argument[1]
            case "CATEGORY":
                found |= bool(_CATEGORIES[str(argument)].match(character))
    return found != negated


_CATEGORIES = {
    "CATEGORY_DIGIT": re.compile(r"\d"),
    "CATEGORY_SPACE": re.compile(r"\s"),
    "CATEGORY_WORD": re.compile(r"\w"),
    "CATEGORY_NOT_DIGIT": re.compile(r"\D"),
    "CATEGORY_NOT_SPACE": re.compile(r"\S"),
    "CATEGORY_NOT_WORD": re.compile(r"\W"),
}
