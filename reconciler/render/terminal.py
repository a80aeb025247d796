"""How text is laid out on a page of some width, and styled where a person reads it."""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

RESET = "\x1b[0m"
# Continued lines are indented deeper than any line of a plan, so that no value can pass for one.
HANGING_INDENT = 8
MIN_WIDTH = 3 * HANGING_INDENT


class Style(StrEnum):
    """The few styles in use, as ANSI sequences."""

    GREEN = "\x1b[32m"
    YELLOW = "\x1b[33m"
    RED = "\x1b[31m"
    CYAN = "\x1b[36m"
    BOLD = "\x1b[1m"
    DIM = "\x1b[2m"


class Span(NamedTuple):
    """A piece of a line that stays on one line where it can; ``gap`` stands before it."""

    text: str
    styles: tuple[Style, ...] = ()
    gap: str = "  "


@dataclass(frozen=True, slots=True)
class Layout:
    """What text is written on: colored or not, ``width`` cells wide, None for endless."""

    color: bool
    width: int | None = None

    def write(self, parts: Iterable[Span]) -> str:
        """Return ``parts`` as one line, or several where the page is too narrow: none is cut."""
        rows = [list(parts)] if self.width is None else _rows(parts, max(self.width, MIN_WIDTH))
        return "\n".join(map(self._row, rows))

    def _row(self, parts: Iterable[Span]) -> str:
        row = ""
        for styles, alike in groupby(parts, key=lambda part: part.styles):
            first, *others = alike
            text = first.text + "".join(part.gap + part.text for part in others)
            row += first.gap + styled(text, *styles, on=self.color)
        return row


def wrap_words(text: str, *styles: Style, gap: str = "") -> list[Span]:
    """Return ``text`` as parts that may go to a line each, word by word."""
    first, *others = text.split(" ")
    return [Span(first, styles, gap), *(Span(word, styles, " ") for word in others)]


def cell_width(text: str) -> int:
    """Return the number of terminal cells that printable ``text`` fills."""
    return len(text) if text.isascii() else sum(map(_character_width, text))


def styled(text: str, *styles: Style, on: bool) -> str:
    """Return ``text`` in ``styles`` where styles are ``on``, else unchanged."""
    return f"{''.join(styles)}{text}{RESET}" if on and styles else text


def format_duration(seconds: float) -> str:
    """Return a time in its largest unit that fits: ``12 s``, ``3 min``, ``5 h``, ``2 d``."""
    for unit, size, last in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 172_800)):
        if seconds < last:
            return f"{max(0, seconds) / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def plural(number: int, word: str) -> str:
    """Return ``1 error`` or ``2 errors``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _rows(parts: Iterable[Span], width: int) -> Iterator[list[Span]]:
    row: list[Span] = []
    used = 0
    for part in parts:
        gap = part.gap
        if row and used + cell_width(gap + part.text) > width:
            yield row
            row, used, gap = [], 0, " " * HANGING_INDENT
        first, *others = _break_word(
            part.text, width - used - cell_width(gap), width - HANGING_INDENT
        )
        row.append(Span(first, part.styles, gap))
        used += cell_width(gap + first)
        for piece in others:
            yield row
            row = [Span(piece, part.styles, " " * HANGING_INDENT)]
            used = HANGING_INDENT + cell_width(piece)
    yield row


def _break_word(text: str, first: int, others: int) -> list[str]:
    """Return ``text`` in pieces, the first of at most ``first`` cells."""
    if cell_width(text) <= first:
        return [text]
    pieces, room = [""], first
    for character in text:
        if _character_width(character) > room:
            pieces.append("")
            room = others
        pieces[-1] += character
        room -= _character_width(character)
    return pieces


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
