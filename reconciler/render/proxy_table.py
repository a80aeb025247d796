"""The Envoys of an endpoint as a table, and their problems."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.core.escaping import escaped
from reconciler.render.terminal import Layout, Span, Style, format_duration, plural, wrap_words

_HEADINGS = ("proxy", "client", "connected", "revision", "state")


def render_proxies(scopes: Iterable[Mapping[str, Any]], layout: Layout) -> str:
    """Return a table for each account and region, as ``/_endpoint/proxies`` describes them."""
    lines: list[str] = []
    for scope in scopes:
        lines += [layout.write(line) for line in _scope(scope)]
    return "\n".join(lines or ["No Envoy has connected."]) + "\n"


def _scope(scope: Mapping[str, Any]) -> Iterator[list[Span]]:
    heading = f"account {scope['account']}, region {scope['region']}, revision {scope['revision']}"
    yield wrap_words(escaped(heading), Style.BOLD)
    if not scope["is_current"]:
        yield wrap_words("! the state cannot be read, proxies keep their configuration", Style.RED)
    if scope["instances_error"]:
        text = f"! the instances cannot be read, the last ones are kept: {scope['instances_error']}"
        yield wrap_words(escaped(text), Style.RED)
    for mesh in scope["held_meshes"]:
        text = f"! mesh {mesh['mesh']} stays at an older revision: {mesh['reason']}"
        yield wrap_words(escaped(text), Style.RED)
    yield from _table(scope["proxies"])
    for proxy in scope["proxies"]:
        yield from _problems(proxy)
    if scope["without_proxy"]:
        count = plural(len(scope["without_proxy"]), "resource")
        yield wrap_words(escaped(f"{count} without a proxy: {', '.join(scope['without_proxy'])}"))


def _table(proxies: Sequence[Mapping[str, Any]]) -> Iterator[list[Span]]:
    if not proxies:
        yield wrap_words("no Envoy is connected")
        return
    rows = [_HEADINGS, *map(_row, proxies)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(_HEADINGS))]
    for number, row in enumerate(rows):
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        style = _style(row[-1]) if number else Style.DIM
        yield [*wrap_words("  ".join(cells) + "  "), *wrap_words(row[-1], style)]


def _row(proxy: Mapping[str, Any]) -> tuple[str, ...]:
    if not proxy["exists"]:
        state = "its resource does not exist"
    elif any(part["error"] for part in proxy["types"].values()):
        state = "rejected"
    elif proxy["is_behind"]:
        seconds = proxy["behind_seconds"]
        state = "behind" if seconds is None else f"behind for {format_duration(seconds)}"
    else:
        state = "in sync"
    return (
        escaped(proxy["key"]),
        escaped(proxy["client"]),
        format_duration(proxy["connected_seconds"]),
        str(proxy["revision"]),
        state,
    )


def _problems(proxy: Mapping[str, Any]) -> Iterator[list[Span]]:
    for name, part in proxy["types"].items():
        if part["error"]:
            text = f"! {proxy['key']} rejected its {name}: {part['error']}"
            yield wrap_words(escaped(text), Style.RED)
    for loss in proxy["losses"]:
        if loss["grade"] != "info":
            text = f"{loss['grade']}: {loss['key']} {loss['path']}: {loss['words']}"
            yield wrap_words(escaped(text), Style.YELLOW)


def _style(state: str) -> Style:
    if state == "in sync":
        return Style.GREEN
    return Style.RED if state == "rejected" else Style.YELLOW
