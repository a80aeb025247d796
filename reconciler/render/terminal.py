"""Layout of text for a terminal: width, line breaks, colors and units."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

RESET = "\x1b[0m"
# Continued lines are indented deeper than any line of a plan, so that no value looks like one.
HANGING_INDENT = 8
MIN_WIDTH = 3 * HANGING_INDENT


class Style(StrEnum):
    """ANSI escape sequences."""

    GREEN = "\x1b[32m"
    YELLOW = "\x1b[33m"
    RED = "\x1b[31m"
    CYAN = "\x1b[36m"
    BOLD = "\x1b[1m"
    DIM = "\x1b[2m"


class Span(NamedTuple):
    """A part of a line that is not broken if it fits on one line."""

    text: str
    styles: tuple[Style, ...] = ()
    gap: str = "  "
    """Text before the part; dropped at the start of a continuation line."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Properties of the terminal or file to which text is written."""

    color: bool
    width: int | None = None
    """Width in terminal cells; None if lines may have any length."""

    def write(self, parts: Iterable[Span]) -> str:
        """Return `parts` as one line, or as several if the width is too small. Nothing is cut."""
        rows = [list(parts)] if self.width is None else _rows(parts, max(self.width, MIN_WIDTH))
        return "\n".join(map(self._row, rows))

    def _row(self, parts: Iterable[Span]) -> str:
        row = ""
        for styles, run in groupby(parts, key=lambda part: part.styles):
            first, *rest = run
            text = first.text + "".join(part.gap + part.text for part in rest)
            row += first.gap + styled(text, *styles, on=self.color)
        return row


def wrap_words(text: str, *styles: Style, gap: str = "") -> list[Span]:
    """Return the words of `text` as spans, so that lines can break between them."""
    first, *rest = text.split(" ")
    return [Span(first, styles, gap), *(Span(word, styles, " ") for word in rest)]


def cell_width(text: str) -> int:
    """Return the width of printable `text` in terminal cells."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def styled(text: str, *styles: Style, on: bool) -> str:
    """Return `text` in `styles` if `on` is set, else unchanged."""
    return f"{''.join(styles)}{text}{RESET}" if on and styles else text


def format_duration(seconds: float) -> str:
    """Return a duration in the largest fitting unit: `12 s`, `3 min`, `5 h`, `2 d`."""
    for unit, size, end in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 172_800)):
        if seconds < end:
            return f"{max(0, seconds) / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def plural(number: int, word: str) -> str:
    """Return `1 error` or `2 errors`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _rows(parts: Iterable[Span], width: int) -> Iterator[list[Span]]:
    row: list[Span] = []
    used = 0
    for part in parts:
        gap = part.gap
        if row and used + cell_width(gap + part.text) > width:
            yield row
            row, used, gap = [], 0, " " * HANGING_INDENT
        first, *rest = break_word(part.text, width - HANGING_INDENT, width - used - cell_width(gap))
        row.append(Span(first, part.styles, gap))
        used += cell_width(gap + first)
        for piece in rest:
            yield row
            row = [Span(piece, part.styles, " " * HANGING_INDENT)]
            used = HANGING_INDENT + cell_width(piece)
    yield row


def break_word(text: str, width: int, first_width: int | None = None) -> list[str]:
    """Return `text` in pieces of at most `width` cells, the first of at most `first_width`."""
    available = width if first_width is None else first_width
    if cell_width(text) <= available:
        return [text]
    pieces = [""]
    for character in text:
        if _character_width(character) > available:
            pieces.append("")
            available = width
        pieces[-1] += character
        available -= _character_width(character)
    return pieces


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
