"""Finds the line of a key in a TOML file, for messages, because tomllib has no positions."""

import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path


def place_in(file: Path, text: str, *path: str) -> str:
    """Return the file, the line and the name of the key or table at ``path``, for a message."""
    line = line_of(text, path)
    return f"{file}:{line}: {'.'.join(path)}" if line else f"{file}: {'.'.join(path)}"


def line_of(text: str, path: Sequence[str]) -> int | None:
    """Return the line that sets the key or table at ``path``, or else the table around it.

    Returns None if neither has a line of its own.
    """
    wanted = tuple(path)
    best: tuple[int, int] | None = None
    for number, found in _paths(text):
        if found[: len(wanted)] == wanted:
            return number
        if wanted[: len(found)] == found and (best is None or len(found) > best[0]):
            best = len(found), number
    return best[1] if best else None


def _paths(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield the lines that set a table or a key, with its whole path."""
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.split("\n"), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            header = _path_of(stripped)
            if header:
                table = header
                yield number, table
        elif "=" in stripped and (key := _path_of(f"{stripped.partition('=')[0]}= 0")):
            yield number, (*table, *key)


def _path_of(line: str) -> tuple[str, ...]:
    """Return the path that a line of TOML sets; empty if it is a part of a value."""
    try:
        value: object = tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ()
    path: list[str] = []
    while value:
        if isinstance(value, list):
            value = value[0]
            continue
        if not isinstance(value, dict):
            break
        ((key, value),) = value.items()
        path.append(key)
    return tuple(path)
