"""Bytes to text: encodings and characters."""

import pytest

from reconciler.manifest.parsing.decoding import decode
from reconciler.manifest.parsing.diagnostics import Diagnostic
from reconciler.manifest.parsing.nodes import SourceText


@pytest.mark.parametrize(
    "content", [b"a\r\nb\n", b"\xef\xbb\xbfa\nb", "caf\u00e9\n\ud55c\t".encode()]
)
def test_text_that_is_taken(content: bytes) -> None:
    page = decode("f", content)
    assert isinstance(page, SourceText)
    assert page.text == content.decode("utf-8-sig")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\nb\xff", ("2:2", "ENCODING", "is not valid UTF-8: byte 0xff is invalid")),
        (
            "\u00e9x".encode()[:1],
            ("1:1", "ENCODING", "is not valid UTF-8: byte 0xc3 is invalid"),
        ),
        ("a".encode("utf-16"), ("1:1", "ENCODING", "is encoded as UTF-16 or UTF-32")),
        (b"\xfe\xff\x00a", ("1:1", "ENCODING", "is encoded as UTF-16 or UTF-32")),
        (
            "a".encode("utf-16-le"),
            ("1:2", "CHARACTER", "contains the invisible character U+0000"),
        ),
        (b"a\rb", ("1:2", "CHARACTER", "contains the invisible character U+000D")),
        (b"a\r\r\n", ("1:2", "CHARACTER", "contains the invisible character U+000D")),
    ],
)
def test_i17_encodings_that_are_refused(content: bytes, expected: tuple[str, str, str]) -> None:
    found = decode("f", content)
    assert isinstance(found, Diagnostic)
    assert (
        f"{found.origin.line}:{found.origin.column}",
        found.code.name,
        found.message,
    ) == expected


@pytest.mark.parametrize(
    "character",
    [
        "\x00",
        "\x07",
        "\x1b",
        "\x7f",
        "\x85",
        "\u061c",
        "\u200e",
        "\u2028",
        "\u202a",
        "\u202e",
        "\u2066",
        "\ufeff",
        "\uffff",
    ],
)
def test_i17_characters_that_are_refused(character: str) -> None:
    found = decode("f", f"caf\u00e9: 1\n\u00e9: {character}\n".encode())
    assert isinstance(found, Diagnostic)
    assert (found.origin.line, found.origin.column, found.code.name) == (2, 4, "CHARACTER")


def test_e11_a_file_name_cannot_steer_a_terminal() -> None:
    page = decode("a\x1b[31m\n.yaml", b"")
    assert isinstance(page, SourceText)
    assert page.file == "a\\x1b[31m\\n.yaml"
