"""Conditions of matches on one text of a request, and the classes of texts that they tell apart.

Regular expressions are not run, because one may take exponential time. An expression that is a
literal or begins with one is understood. For any other one the answer is often None: not known.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

# No manifest can contain it, so a text with it equals no other text.
_OTHER = "\0"
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_ESCAPED = re.compile(r"\\(.)")
_LITERAL = re.compile(r"(?:[^\\.^$|?*+()\[\]{}]|\\[^0-9A-Za-z])*")


class Operator(Enum):
    """The comparison of a condition."""

    EXACT = "exact"
    PREFIX = "prefix"
    SUFFIX = "suffix"
    REGEX = "regex"
    RANGE = "range"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on one text of a request, such as its path or a header.

    Attributes:
        text: The text to compare with, for `REGEX` the expression.
        literal: The text that each match of a `REGEX` begins with.
        bounds: The first number of a `RANGE`, and the first one after it.
    """

    operator: Operator
    text: str = ""
    literal: str = ""
    bounds: tuple[int, int] = (0, 0)
    invert: bool = False


@dataclass(frozen=True, slots=True)
class TextClass:
    """Texts that no condition tells apart.

    Attributes:
        text: One of them; None if the header or parameter is absent.
        regex: The expression that all of them match; otherwise they match none.
        is_known: Whether they are known; if not, no condition has an answer.
    """

    text: str | None = None
    regex: Condition | None = None
    is_known: bool = True


ABSENT = TextClass()
_UNKNOWN = TextClass(is_known=False)


def condition_of(match: Mapping[str, Any], *, invert: bool = False) -> Condition:
    """Return the condition of a match method of the API; an empty one is for presence."""
    match match:
        case {"regex": regex}:
            return _regex(regex, invert)
        case {"range": {"start": start, "end": end}}:
            return Condition(Operator.RANGE, bounds=(start, end), invert=invert)
        case {"exact": text}:
            return Condition(Operator.EXACT, text, invert=invert)
        case {"prefix": text}:
            return Condition(Operator.PREFIX, text, invert=invert)
        case {"suffix": text}:
            return Condition(Operator.SUFFIX, text, invert=invert)
        case _:
            return Condition(Operator.PRESENT, invert=invert)


def _regex(regex: str, invert: bool) -> Condition:  # noqa: FBT001
    text = regex.removeprefix("^")
    found = _LITERAL.match(text)
    literal = found[0] if found else ""
    rest = text[len(literal) :]
    plain = _ESCAPED.sub(r"\1", literal)
    if rest in ("", "$"):
        return Condition(Operator.EXACT, plain, invert=invert)
    if rest in (".*", ".*$"):
        return Condition(Operator.PREFIX, plain, invert=invert)
    if "|" in rest:
        plain = ""
    elif rest[0] in "?*{":
        # The last character is repeated, or may be missing.
        plain = plain[:-1]
    return Condition(Operator.REGEX, regex, plain, invert=invert)


def holds(condition: Condition, value: TextClass) -> bool | None:
    """Whether the texts of ``value`` fulfill ``condition``; None if it is not known."""
    if not value.is_known:
        return None
    if value is ABSENT:
        # The API does not say whether an absent header is anything except the criteria.
        is_presence = condition.operator is Operator.PRESENT
        return (is_presence or None) if condition.invert else False
    answer = _holds_in_regex(condition, value.regex) if value.regex else _holds(condition, value)
    return answer if answer is None else answer != condition.invert


def _holds(condition: Condition, value: TextClass) -> bool | None:
    text = value.text or ""
    match condition.operator:
        case Operator.PRESENT:
            return True
        case Operator.EXACT:
            return text == condition.text
        case Operator.PREFIX:
            return text.startswith(condition.text)
        case Operator.SUFFIX:
            return text.endswith(condition.text)
        case Operator.RANGE:
            start, end = condition.bounds
            return bool(_INTEGER.fullmatch(text)) and start <= int(text) < end
        case _:
            is_possible = text.startswith(condition.literal) and _OTHER not in text
            return None if is_possible else False


def _holds_in_regex(condition: Condition, regex: Condition) -> bool | None:
    literal = regex.literal
    match condition.operator:
        case Operator.PRESENT:
            return True
        case Operator.EXACT:
            # Exact texts are classes of their own.
            return False
        case Operator.REGEX if condition.text == regex.text:
            return True
        case Operator.PREFIX if literal.startswith(condition.text):
            return True
        case Operator.PREFIX | Operator.REGEX:
            is_regex = condition.operator is Operator.REGEX
            begin = condition.literal if is_regex else condition.text
            return None if _overlap(literal, begin) else False
        case _:
            return None


def _overlap(first: str, second: str) -> bool:
    """Whether a text can begin with both."""
    return first.startswith(second) or second.startswith(first)


def classes(
    conditions: Collection[Condition], *, base: str = "", optional: bool = False
) -> Iterator[TextClass]:
    """Yield the classes of texts that ``conditions`` tell apart.

    Args:
        conditions: The conditions on one text.
        base: The text that all texts begin with.
        optional: Whether the text may be absent.
    """
    if optional:
        yield ABSENT
    regexes = {it.text: it for it in conditions if it.operator is Operator.REGEX}
    bounds = [it.bounds for it in conditions if it.operator is Operator.RANGE]
    exact = {it.text for it in conditions if it.operator is Operator.EXACT}
    prefixes = {it.text for it in conditions if it.operator is Operator.PREFIX and it.text != base}
    suffixes = {it.text for it in conditions if it.operator is Operator.SUFFIX}
    if bounds and (prefixes or suffixes or regexes):
        yield _UNKNOWN
        return
    # As many numbers from each bound that one of them is not among the exact texts.
    numbers = {
        str(number + step)
        for start, end in bounds
        for number in (start, end, start - len(exact) - 1)
        for step in range(len(exact) + 1)
    }
    pairs = {f"{first}{_OTHER}{last}" for first in prefixes | {base} for last in suffixes | {""}}
    for text in sorted(exact | numbers | pairs):
        if text.startswith(base):
            yield TextClass(text)
    for regex in regexes.values():
        if _overlap(regex.literal, base):
            yield TextClass("", Condition(Operator.REGEX, regex.text, regex.literal))


def implies(narrow: Condition, wide: Condition) -> bool:
    """Whether each text that fulfills ``narrow`` certainly fulfills ``wide``."""
    if narrow == wide or narrow.invert or wide.invert:
        return narrow == wide
    match wide.operator:
        case Operator.PRESENT:
            return True
        case Operator.RANGE if narrow.operator is Operator.RANGE:
            return wide.bounds[0] <= narrow.bounds[0] and narrow.bounds[1] <= wide.bounds[1]
        case Operator.PREFIX if narrow.operator in (Operator.PREFIX, Operator.REGEX):
            begin = narrow.literal if narrow.operator is Operator.REGEX else narrow.text
            return begin.startswith(wide.text)
        case Operator.SUFFIX if narrow.operator is Operator.SUFFIX:
            return narrow.text.endswith(wide.text)
        case _:
            return narrow.operator is Operator.EXACT and bool(_holds(wide, TextClass(narrow.text)))
