"""Output of the command `get`: live resources as a table, or whole as YAML and JSON.

To add a format, add a row to `LIVE_FORMATS` and the name to the tuple of the same name in
`reconciler.settings.options.output_group`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TypeAlias

from reconciler.core.escaping import escaped
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import (
    Json,
    LiveResource,
    TargetId,
    Unreadable,
    canonical_json,
    shorten_list,
)
from reconciler.render.json_output import SCHEMA
from reconciler.render.terminal import (
    Layout,
    Span,
    Style,
    cell_width,
    format_duration,
    plural,
    wrap_words,
)
from reconciler.render.text import target_line
from reconciler.render.yaml_text import yaml_lines

NO_OWNER = "none"
_COLUMNS = ("KEY", "OWNER", "VERSION", "AGE")
_WIDE_COLUMNS = ("ACCOUNT", "CREATED", "UID", "ARN")


@dataclass(frozen=True, slots=True)
class LiveList:
    """The resources that `get` shows, sorted by key."""

    target: TargetId
    resources: Sequence[LiveResource | Unreadable]
    now: float
    """The time to which ages refer, in seconds since 1970."""

    @property
    def code(self) -> ExitCode:
        """The exit code of the command."""
        is_complete = all(isinstance(resource, LiveResource) for resource in self.resources)
        return ExitCode.OK if is_complete else ExitCode.ERROR


def render_table(live: LiveList, layout: Layout, *, wide: bool = False) -> str:
    """Return the target, a row for each resource, and counts."""
    columns = _COLUMNS + (_WIDE_COLUMNS if wide else ())
    rows = [_cells(resource, live.now)[: len(columns)] for resource in live.resources]
    whole = [row for row in rows if len(row) == len(columns)]
    widths = [max(map(cell_width, column)) for column in zip(columns, *whole, strict=True)]
    styles = [
        () if isinstance(resource, LiveResource) else (Style.RED,) for resource in live.resources
    ]
    lines = [layout.write(wrap_words(target_line(live.target)))]
    if rows:
        lines.append(layout.write(_row(columns, widths, (Style.BOLD,))))
        pairs = zip(rows, styles, strict=True)
        lines += [layout.write(_row(row, widths, style)) for row, style in pairs]
    lines.append(layout.write(wrap_words(_counts(live.resources), Style.BOLD)))
    return "".join(f"{line}\n" for line in lines)


def render_yaml(live: LiveList) -> str:
    """Return one YAML document for each resource."""
    documents = ["\n".join(yaml_lines(_document(resource))) for resource in live.resources]
    return "".join(f"---\n{document}\n" for document in documents)


def render_json(live: LiveList) -> str:
    """Return all resources as one line of JSON."""
    resources: list[Json] = [_document(resource) for resource in live.resources]
    document: Json = {
        "schema": SCHEMA,
        "exit_code": int(live.code),
        "exit_name": live.code.word,
        "resources": resources,
    }
    return canonical_json(document) + "\n"


LiveRenderer: TypeAlias = Callable[[LiveList, Layout], str]
LIVE_FORMATS: Mapping[str, LiveRenderer] = MappingProxyType(
    {
        "text": render_table,
        "wide": lambda live, layout: render_table(live, layout, wide=True),
        "yaml": lambda live, _: render_yaml(live),
        "json": lambda live, _: render_json(live),
    }
)
"""The renderer of each format of `get`."""


def _document(resource: LiveResource | Unreadable) -> dict[str, Json]:
    if isinstance(resource, Unreadable):
        return {"key": str(resource.key), "error": resource.message}
    return {
        "key": str(resource.key),
        "owner": resource.owner,
        "account": resource.account,
        "arn": resource.arn,
        "uid": resource.uid,
        "version": resource.version,
        "created": _time(resource.created_at),
        "tags": dict(resource.tags),
        "spec": resource.spec,
    }


def _cells(resource: LiveResource | Unreadable, now: float) -> tuple[str, ...]:
    """Return the cells of a row; a resource that could not be read has only two."""
    if isinstance(resource, Unreadable):
        return escaped(str(resource.key)), escaped(resource.message)
    cells = (
        str(resource.key),
        resource.owner or NO_OWNER,
        str(resource.version),
        format_duration(now - resource.created_at),
        resource.account,
        _time(resource.created_at),
        resource.uid,
        resource.arn,
    )
    return tuple(map(escaped, cells))


def _row(cells: Sequence[str], widths: Sequence[int], styles: tuple[Style, ...]) -> list[Span]:
    *padded, last = (
        cell + " " * (width - cell_width(cell)) for cell, width in zip(cells, widths, strict=False)
    )
    spans = [Span(cell, styles) for cell in (*padded, last.rstrip(" "))]
    return [spans[0]._replace(gap=""), *spans[1:]]


def _counts(resources: Iterable[LiveResource | Unreadable]) -> str:
    owners: Counter[str | None] = Counter()
    unreadable = 0
    for resource in resources:
        if isinstance(resource, LiveResource):
            owners[resource.owner] += 1
        else:
            unreadable += 1
    unowned = owners.pop(None, 0)
    parts = [f"{owners.total()} owned by {escaped(shorten_list(sorted(filter(None, owners))))}"]
    parts = parts if owners else []
    parts += [f"{unowned} without an owner"] if unowned else []
    parts += [f"{unreadable} could not be read"] if unreadable else []
    total = plural(owners.total() + unowned + unreadable, "resource")
    return f"{total}{': ' if parts else ''}{', '.join(parts)}."


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
