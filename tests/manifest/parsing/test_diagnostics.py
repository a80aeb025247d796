"""How values and places are shown."""

import pytest

from reconciler.core.escaping import escaped
from reconciler.manifest.parsing.diagnostics import SourceExcerpt, did_you_mean, one_of, quote_value
from reconciler.manifest.parsing.nodes import Position, SourceText, format_path


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a b", "a b"), ("a\x1b[0m", "a\\x1b[0m"), ("\u202e", "\\u202e"), ("\ud800", "\\ud800")],
)
def test_e11_what_could_steer_a_terminal_is_spelled_out(text: str, expected: str) -> None:
    assert escaped(text) == expected


def test_e23_values_are_shown_short() -> None:
    assert quote_value("a" * 80) == f'"{"a" * 80}"'
    assert quote_value("a" * 81) == f'"{"a" * 79}…"'
    assert quote_value('a"\n') == '"a\\"\\n"'


def test_lists_of_words() -> None:
    assert [one_of(["A"]), one_of(["A", "B"]), one_of(["A", "B", "C"])] == [
        "A",
        "A or B",
        "A, B or C",
    ]
    words = [str(number) for number in range(20)]
    assert one_of(words) == f"{', '.join(words[:-1])} or 19"
    assert one_of([*words, "20", "21"]) == f"{', '.join(words)} or others"


def test_suggestions() -> None:
    assert did_you_mean("ALOW", ["ALLOW", "DROP"]) == "did you mean ALLOW?"
    assert did_you_mean("x", ["ALLOW", "DROP"]) == ""
    assert did_you_mean("", ["DROP"]) == ""
    names = [f"virtual-node/payments/checkout-{number}" for number in range(50)]
    assert did_you_mean("virtual-node/payments/chekout-31", names) == f"did you mean {names[31]}?"
    assert did_you_mean("a" * 500, ["a" * 500, "a" * 79]) == f"did you mean {'a' * 79}?"


def test_paths() -> None:
    assert format_path(()) == ""
    assert format_path(("spec", "tags", 0, "key")) == "spec.tags[0].key"
    assert format_path(("metadata", "tags", "cost-center")) == "metadata.tags.cost-center"
    assert format_path(("tags", "a.b")) == 'tags["a.b"]'
    assert format_path(("a" * 80, "b" * 81)) == f'{"a" * 80}["{"b" * 79}…"]'


def quote(line: str, mark: Position) -> SourceExcerpt | None:
    return SourceText("f", line, line.split("\n")).quote(mark)


def test_a_quote_says_which_characters_are_meant() -> None:
    assert quote("a: bc\r", Position(1, 4, 2)) == SourceExcerpt("a: bc", 3, 2)
    assert quote("a: |", Position(1, 4, 80)) == SourceExcerpt("a: |", 3, 1)
    assert quote("a:", Position(1, 3)) == SourceExcerpt("a:", 2, 1)
    assert quote("a", Position(2, 1)) is None


def test_e23_a_quote_is_a_window_of_a_long_line() -> None:
    line = "".join(chr(ord("a") + number % 26) for number in range(300))
    assert quote(line, Position(1, 11, 3)) == SourceExcerpt(line[:80], 10, 3)
    assert quote(line, Position(1, 151, 3)) == SourceExcerpt(line[120:200], 30, 3)
    assert quote(line, Position(1, 299, 9)) == SourceExcerpt(line[220:], 78, 2)
