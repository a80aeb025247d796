"""The plans or reports of many targets as one comment: equal results are shown once."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.core.resources import shorten_list
from reconciler.render.fleet import Section, counts
from reconciler.render.markdown import (
    MAX_HEADLINE_LENGTH,
    RESERVED_CHARACTERS,
    Block,
    code_span,
    fit,
    size_of,
)
from reconciler.render.terminal import plural


class Part(NamedTuple):
    """The part of one target: its section, and the blocks with its changes."""

    section: Section
    blocks: list[Block]


def render_fleet(marker: str, parts: Sequence[Part], fingerprint: str, note: str = "") -> str:
    """Return the comment; ``note`` is shown before everything else."""
    head = [f"{marker}\n### {counts([part.section for part in parts])}"]
    head += [f"**Note:** {code_span(escaped(note), MAX_HEADLINE_LENGTH)}"] if note else []
    foot = [f"<sub>{code_span(f'fingerprint {fingerprint}')}</sub>"]
    available = limits.MAX_COMMENT_BYTES - RESERVED_CHARACTERS - size_of(head) - size_of(foot)
    # The table may take half of the comment.
    table = list(fit(_rows(parts), available // 2, "target"))
    changes = list(fit(_changes(parts), available - size_of(table)))
    return "\n\n".join([*head, *table, *changes, *foot]) + "\n"


def _rows(parts: Iterable[Part]) -> Iterator[Block]:
    """Yield a line for each result, with the names of its targets."""
    names: dict[tuple[str, str], list[str]] = {}
    for section, _ in parts:
        names.setdefault((section.code.word, section.summary), []).append(section.target)
    for (word, summary), targets in names.items():
        text = code_span(escaped(summary), MAX_HEADLINE_LENGTH)
        yield Block(f"- **{word}** {_names(targets)}: {text}", len(targets))


def _changes(parts: Iterable[Part]) -> Iterator[Block]:
    """Yield the changes of each group of targets that have the same."""
    names: dict[tuple[Block, ...], list[str]] = {}
    for section, blocks in parts:
        if blocks:
            names.setdefault(tuple(blocks), []).append(section.target)
    for group, targets in names.items():
        # A heading without its changes would pass for a target without changes.
        text = "\n\n".join([f"#### {_names(targets)}", *(block.text for block in group)])
        yield Block(text, len(targets) * sum(block.resources for block in group))


def _names(targets: Sequence[str]) -> str:
    spans = [code_span(escaped(target)) for target in targets]
    total = f" ({plural(len(spans), 'target')})" if len(spans) > limits.MAX_KEYS_LISTED else ""
    return shorten_list(spans) + total
