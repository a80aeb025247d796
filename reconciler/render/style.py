"""How text is made safe to print, and coloured where a person reads it."""

from enum import StrEnum

RESET = "\x1b[0m"


class Colour(StrEnum):
    """The few colours in use, as ANSI sequences."""

    GREEN = "\x1b[32m"
    YELLOW = "\x1b[33m"
    RED = "\x1b[31m"
    CYAN = "\x1b[36m"
    BOLD = "\x1b[1m"
    DIM = "\x1b[2m"


def paint(text: str, *colours: Colour, on: bool) -> str:
    """Return ``text`` in ``colours`` where colour is ``on``, else unchanged."""
    return f"{''.join(colours)}{text}{RESET}" if on and colours else text


def span(seconds: float) -> str:
    """Return a time in its largest unit that fits: ``12 s``, ``3 min``, ``5 h``, ``2 d``."""
    for unit, size, last in (("s", 1, 60), ("min", 60, 3600), ("h", 3600, 172_800)):
        if seconds < last:
            return f"{max(0, seconds) / size:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def counted(number: int, word: str) -> str:
    """Return ``1 error`` or ``2 errors``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
