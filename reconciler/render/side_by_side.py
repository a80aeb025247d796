"""Output of the command `diff`: two YAML documents side by side, or as a unified diff."""

import difflib
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from reconciler.core.changes import Difference
from reconciler.core.escaping import escaped
from reconciler.core.resources import Json, Key
from reconciler.render.terminal import Layout, Style, break_word, cell_width, styled
from reconciler.render.yaml_text import yaml_lines

# With less, most lines of a spec do not fit into half of it.
MIN_WIDTH = 80
_STYLES = {"<": Style.RED, ">": Style.GREEN, "|": Style.YELLOW}
_UNIFIED_STYLES = {"-": Style.RED, "+": Style.GREEN, "@": Style.CYAN}
_ABSENT = "(absent)"


def render_sides(key: Key, difference: Difference, layout: Layout) -> str:
    """Return both sides: live, which is `before`, and desired, which is `after`."""
    before, after = _lines(difference.before), _lines(difference.after)
    if layout.width is None or layout.width < MIN_WIDTH:
        lines = _unified(escaped(str(key)), before, after, layout)
    else:
        lines = _side_by_side(before, after, layout.width, color=layout.color)
    return "".join(f"{line}\n" for line in lines)


def _lines(side: Json) -> list[str]:
    return [] if side is None else yaml_lines(side)


def _unified(
    key: str, before: Sequence[str], after: Sequence[str], layout: Layout
) -> Iterator[str]:
    longest = max(len(before), len(after))
    names = f"live/{key}", f"desired/{key}"
    for line in difflib.unified_diff(before, after, *names, lineterm="", n=longest):
        style = _UNIFIED_STYLES.get(line[0])
        yield styled(line, style, on=layout.color) if style else line


def _side_by_side(
    before: Sequence[str], after: Sequence[str], width: int, *, color: bool
) -> Iterator[str]:
    column = (width - len(" | ")) // 2
    head = _padded("live" if before else f"live {_ABSENT}", column)
    yield styled(f"{head}   {'desired' if after else f'desired {_ABSENT}'}", Style.BOLD, on=color)
    for symbol, left, right in _pairs(before, after):
        style = _STYLES.get(symbol)
        pieces = zip_longest(break_word(left, column), break_word(right, column), fillvalue="")
        for first, second in pieces:
            row = f"{_padded(first, column)} {symbol} {second}".rstrip(" ")
            yield styled(row, style, on=color) if style else row


def _pairs(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield a symbol and both lines of each row: `|` changed, `<` only live, `>` only desired."""
    matcher = difflib.SequenceMatcher(a=before, b=after)
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        lines = zip_longest(before[start:end], after[other_start:other_end])
        for left, right in lines:
            if tag == "equal":
                symbol = " "
            elif right is None:
                symbol = "<"
            else:
                symbol = ">" if left is None else "|"
            yield symbol, left or "", right or ""


def _padded(text: str, width: int) -> str:
    return text + " " * (width - cell_width(text))
