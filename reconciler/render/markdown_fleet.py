"""The plans or reports of many targets as one comment: equal results are shown once."""

import html
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.core.resources import shorten_list
from reconciler.render.fleet import Section, counts
from reconciler.render.graph.model import Graph
from reconciler.render.markdown import (
    GRAPH_TITLE,
    MAX_HEADLINE_LENGTH,
    RESERVED_CHARACTERS,
    Block,
    code_span,
    fit,
    graph_details,
    size_of,
)
from reconciler.render.terminal import plural

# A graph that is cut to less is not worth its space.
MIN_GRAPH_BYTES = 2_000


class Part(NamedTuple):
    """The part of one target: its section, the blocks with its changes, and their graph."""

    section: Section
    blocks: list[Block]
    graph: Graph | None = None


def render_fleet(marker: str, parts: Sequence[Part], fingerprint: str, note: str = "") -> str:
    """Return the comment; ``note`` is shown before everything else."""
    head = [f"{marker}\n### {counts([part.section for part in parts])}"]
    head += [f"**Note:** {code_span(escaped(note), MAX_HEADLINE_LENGTH)}"] if note else []
    foot = [f"<sub>{code_span(f'fingerprint {fingerprint}')}</sub>"]
    available = limits.MAX_COMMENT_BYTES - RESERVED_CHARACTERS - size_of(head) - size_of(foot)
    # The table may take half of the comment.
    table = list(fit(_rows(parts), available // 2, "target"))
    available -= size_of(table)
    changes = list(fit(_changes(parts), available))
    graphs = list(_graphs(parts, available - size_of(changes)))
    return "\n\n".join([*head, *table, *changes, *graphs, *foot]) + "\n"


def _rows(parts: Iterable[Part]) -> Iterator[Block]:
    """Yield a line for each result, with the names of its targets."""
    names: dict[tuple[str, str], list[str]] = {}
    for section, *_ in parts:
        names.setdefault((section.code.word, section.summary), []).append(section.target)
    for (word, summary), targets in names.items():
        text = code_span(escaped(summary), MAX_HEADLINE_LENGTH)
        yield Block(f"- **{word}** {_names(targets)}: {text}", len(targets))


def _changes(parts: Iterable[Part]) -> Iterator[Block]:
    """Yield the changes of each group of targets that have the same."""
    names: dict[tuple[Block, ...], list[str]] = {}
    for section, blocks, _ in parts:
        if blocks:
            names.setdefault(tuple(blocks), []).append(section.target)
    for group, targets in names.items():
        # A heading without its changes would pass for a target without changes.
        text = "\n\n".join([f"#### {_names(targets)}", *(block.text for block in group)])
        yield Block(text, len(targets) * sum(block.resources for block in group))


def _graphs(parts: Iterable[Part], available: int) -> Iterator[str]:
    """Yield each graph once, with the names of its targets, as far as they fit."""
    groups: dict[Hashable, tuple[Graph, list[str]]] = {}
    for section, _, graph in parts:
        if graph and graph.nodes:
            content = frozenset(graph.nodes.values()), frozenset(graph.links)
            groups.setdefault(content, (graph, []))[1].append(section.target)
    hidden = 0
    for index, (graph, names) in enumerate(groups.values()):
        codes = [f"<code>{html.escape(escaped(name))}</code>" for name in names]
        # A graph that needs less leaves the rest to later ones.
        share = max(available // (len(groups) - index), MIN_GRAPH_BYTES)
        title = f"{GRAPH_TITLE}: {shorten_list(codes)}"
        text = graph_details(title, graph, min(share, available))
        available -= size_of([text]) if text else 0
        hidden += 0 if text else len(names)
        yield from filter(None, [text])
    if hidden:
        names_hidden = plural(hidden, "target")
        yield f"**Not shown: the graph of {names_hidden}**: the comment would be too long."


def _names(targets: Sequence[str]) -> str:
    spans = [code_span(escaped(target)) for target in targets]
    total = f" ({plural(len(spans), 'target')})" if len(spans) > limits.MAX_KEYS_LISTED else ""
    return shorten_list(spans) + total
