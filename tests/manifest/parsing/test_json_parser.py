"""JSON to the letter, with places."""

import pytest

from reconciler.manifest.parsing.decoding import decode
from reconciler.manifest.parsing.json_parser import parse_json
from reconciler.manifest.parsing.nodes import (
    KeyValue,
    ListNode,
    MappingNode,
    Position,
    ScalarNode,
    SourceText,
)


def page(text: str) -> SourceText:
    found = decode("m.json", text.encode())
    assert isinstance(found, SourceText)
    return found


def complaints(text: str) -> list[tuple[str, str, str]]:
    return [
        (f"{item.origin.line}:{item.origin.column}", item.code.name, item.message)
        for document in parse_json(page(text))
        for item in document.diagnostics.found
    ]


def test_values_keep_their_places() -> None:
    (document,) = parse_json(page('{\r\n  "a": [1, -2.5, true],\n  "\\u0062": "x\\/y"}\n'))
    assert document.diagnostics.found == []
    items = [
        ScalarNode(Position(2, 9, 1), "1", 1),
        ScalarNode(Position(2, 12, 4), "-2.5", -2.5),
        ScalarNode(Position(2, 18, 4), "true", value=True),
    ]
    assert document.root == MappingNode(
        Position(1, 1),
        {
            "a": KeyValue(Position(2, 3, 3), ListNode(Position(2, 8), items)),  # type: ignore[arg-type]
            "b": KeyValue(Position(3, 3, 8), ScalarNode(Position(3, 13, 6), "x/y", "x/y")),
        },
    )


def test_values_may_stand_one_behind_the_other() -> None:
    assert len(list(parse_json(page('{} []\n"a" 1 null {"a": {}}')))) == 6


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"a": NaN}',
            ("1:7", "JSON", 'is not valid JSON: expected a value, found "NaN"'),
        ),
        (
            "[-Infinity]",
            ("1:2", "JSON", 'is not valid JSON: expected a value, found "-Infinity"'),
        ),
        ("[010]", ("1:2", "JSON", 'is not valid JSON: expected a value, found "010"')),
        ("[1.]", ("1:2", "JSON", 'is not valid JSON: expected a value, found "1."')),
        ("[]]", ("1:3", "JSON", 'is not valid JSON: expected a value, found "]"')),
        ("[,]", ("1:2", "JSON", 'is not valid JSON: expected a value, found ","')),
        (
            "[1,]",
            (
                "1:4",
                "JSON",
                'is not valid JSON: expected another item after the comma, found "]"',
            ),
        ),
        ("[1 2]", ("1:4", "JSON", 'is not valid JSON: expected a comma or ], found "2"')),
        (
            "{a: 1}",
            (
                "1:2",
                "JSON",
                'is not valid JSON: expected a key in quotation marks, found "a"',
            ),
        ),
        ('{"a" 1}', ("1:6", "JSON", 'is not valid JSON: expected a colon, found "1"')),
        ('{"a": 1', ("1:8", "JSON", "is not valid JSON: the text ends too early")),
        ('["a', ("1:2", "JSON", 'is not valid JSON: expected text, found "\\""')),
        (
            '["\\x"]',
            ("1:2", "JSON", 'is not valid JSON: expected text, found "\\"\\\\x\\""'),
        ),
        (
            '["a\tb"]',
            ("1:2", "JSON", 'is not valid JSON: expected text, found "\\"a\\tb\\""'),
        ),
        ("// x", ("1:1", "JSON", 'is not valid JSON: expected a value, found "//"')),
        ('["\\ud800"]', ("1:2", "CHARACTER", "contains the invisible character U+D800")),
        ('["\\u202e"]', ("1:2", "CHARACTER", "contains the invisible character U+202E")),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(
    text: str, expected: tuple[str, str, str]
) -> None:
    assert complaints(text) == [expected]


def test_e29_numbers_beyond_64_bits_are_refused() -> None:
    assert complaints("[" + "9" * 18 + "]") == []
    assert [code for _, code, _ in complaints("[" + "9" * 5_000 + "]")] == ["JSON"]


def test_i19_duplicate_keys_are_refused() -> None:
    assert complaints('{"a": 1,\n "\\u0061": 2}') == [
        ("2:2", "DUPLICATE_KEY", "is a duplicate key: first defined on line 1")
    ]


def test_i16_depth_and_number_of_nodes_are_limited() -> None:
    assert complaints("[" * 32 + "1" + "]" * 32) == []
    deep = "is nested more than 32 levels deep"
    assert complaints("[" * 60_000) == [("1:34", "DOCUMENT_LIMIT", deep)]
    many = "is a document of more than 20,000 nodes"
    assert complaints("[" + "1," * 30_000) == [("1:40000", "DOCUMENT_LIMIT", many)]
