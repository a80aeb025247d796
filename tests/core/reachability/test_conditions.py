"""Conditions on texts: the answer to each class, and what follows from another condition."""

import re
from typing import Any

import pytest

from reconciler.core.reachability.conditions import (
    ABSENT,
    Operator,
    classes,
    condition_of,
    holds,
    implies,
)

MATCHES: tuple[Any, ...] = (
    {},
    {"exact": "a"},
    {"exact": "15"},
    {"prefix": "a"},
    {"prefix": "ab"},
    {"suffix": "b"},
    {"suffix": "ab"},
    {"regex": "a"},
    {"regex": "a.*"},
    {"regex": "[ab]+"},
    {"regex": "ab[0-9]"},
    {"regex": "1|2"},
    {"regex": "1?5"},
    {"range": {"start": 5, "end": 20}},
    {"range": {"start": 10, "end": 16}},
)
TEXTS = (
    "",
    "a",
    "ab",
    "abb",
    "ab1",
    "b",
    "bab",
    "aab",
    "1",
    "2",
    "5",
    "9",
    "15",
    "16",
    "+15",
    "25",
    "x",
)


def accepted(match: Any, text: str) -> bool:
    match match:
        case {"range": {"start": start, "end": end}}:
            return re.fullmatch("[+-]?[0-9]+", text) is not None and start <= int(text) < end
        case {"regex": regex}:
            return re.fullmatch(regex, text) is not None
        case _:
            return (
                text.startswith(match.get("prefix", ""))
                and text.endswith(match.get("suffix", ""))
                and match.get("exact", text) == text
            )


@pytest.mark.parametrize("narrow", MATCHES)
def test_an_implication_holds_for_every_text(narrow: Any) -> None:
    for wide in MATCHES:
        if implies(condition_of(narrow), condition_of(wide)):
            assert all(accepted(wide, text) for text in TEXTS if accepted(narrow, text)), wide
        elif "regex" not in repr((narrow, wide)) and wide != {"suffix": "b"}:
            others = (*TEXTS, f"{narrow.get('prefix', '')}~", f"~{narrow.get('suffix', '')}")
            assert not all(accepted(wide, it) for it in others if accepted(narrow, it)), wide


def test_inverted_conditions_imply_only_themselves() -> None:
    inverted = condition_of({"exact": "a"}, invert=True)
    assert implies(inverted, inverted)
    assert not implies(inverted, condition_of({}))
    assert not implies(condition_of({"exact": "a"}), inverted)


@pytest.mark.parametrize("first", MATCHES)
def test_each_text_is_in_a_class_with_its_answers(first: Any) -> None:
    for second in MATCHES:
        conditions = [condition_of(first), condition_of(second)]
        found = [[holds(it, value) for it in conditions] for value in classes(conditions)]
        for text in TEXTS:
            answers = [accepted(match, text) for match in (first, second)]
            assert any(
                all(said in (None, answer) for said, answer in zip(row, answers, strict=True))
                for row in found
            ), (second, text)


def test_a_regex_has_an_answer_only_if_it_is_certain() -> None:
    exact, regex = condition_of({"exact": "ab1"}), condition_of({"regex": "ab[0-9]"})
    other = condition_of({"regex": "b."})
    rows = {
        tuple(holds(it, value) for it in (exact, regex, other))
        for value in classes([exact, regex, other])
    }
    assert rows == {
        (True, None, False),
        (False, False, False),
        (False, True, False),
        (False, False, True),
    }
    assert holds(condition_of({"suffix": "1"}), [*classes([regex])][-1]) is None
    assert holds(condition_of({}), [*classes([regex])][-1]) is True
    assert holds(condition_of({"prefix": "ab"}), [*classes([regex])][-1]) is True
    assert holds(condition_of({"prefix": "ab1"}), [*classes([regex])][-1]) is None


def test_a_range_next_to_a_prefix_has_no_certain_answer() -> None:
    conditions = [condition_of({"range": {"start": 1, "end": 5}}), condition_of({"prefix": "1"})]
    (unknown,) = classes(conditions)
    assert [holds(it, unknown) for it in conditions] == [None, None]


@pytest.mark.parametrize(
    ("match", "invert", "answer"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"exact": "a"}, False, False),
        ({"exact": "a"}, True, None),
    ],
)
def test_an_absent_header_fulfills_only_an_inverted_presence(
    match: Any, invert: bool, answer: bool | None
) -> None:
    (absent, *_) = classes([condition_of(match)], optional=True)
    assert absent is ABSENT
    assert holds(condition_of(match, invert=invert), absent) is answer


@pytest.mark.parametrize(
    ("regex", "operator", "text"),
    [
        ("/pay", Operator.EXACT, "/pay"),
        ("^/pay$", Operator.EXACT, "/pay"),
        (r"/a\.b", Operator.EXACT, "/a.b"),
        ("/pay.*", Operator.PREFIX, "/pay"),
        (".*", Operator.PREFIX, ""),
        ("/v[12]", Operator.REGEX, "/v"),
        ("/pay?", Operator.REGEX, "/pa"),
        ("/a|/b", Operator.REGEX, ""),
        (r"\d+", Operator.REGEX, ""),
    ],
)
def test_a_regex_that_is_a_literal_or_begins_with_one_is_understood(
    regex: str, operator: Operator, text: str
) -> None:
    condition = condition_of({"regex": regex})
    assert condition.operator is operator
    assert (condition.literal if operator is Operator.REGEX else condition.text) == text


def test_an_expression_that_would_take_exponential_time_is_not_run() -> None:
    slow = condition_of({"regex": "a(a+)+b"})
    assert holds(slow, next(classes([condition_of({"exact": "a" * 255})]))) in (None, False)
