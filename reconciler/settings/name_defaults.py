"""Checks the ``[[defaults]]`` tables of reconciler.toml: names for requests that lack them."""

import re
from pathlib import Path
from typing import Any

from reconciler.api import load
from reconciler.core.errors import UsageError
from reconciler.known_secrets import shown

_FILES = "files"
_PLACEHOLDER = re.compile(r"\{(?!stem\})[^{}]*\}")


def parse_name_defaults(file: Path, tables: Any) -> tuple[dict[str, Any], ...]:
    """Return each table as its glob ``files`` and its ``names``.

    Raises:
        UsageError: A table has an unknown name, no glob, no name or an invalid value.
    """
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{file}: defaults must be tables, each below a line [[defaults]]")
    return tuple(_parse(f"{file}: defaults[{index}]", row) for index, row in enumerate(tables))


def _parse(place: str, table: dict[str, Any]) -> dict[str, Any]:
    known = {name for kind in load().kinds.values() for name in kind.path} | {"meshOwner"}
    for name, value in table.items():
        if name not in known | {_FILES}:
            choices = ", ".join((_FILES, *sorted(known)))
            raise UsageError(f"{place}.{name} is not a setting; use one of {choices}")
        if not isinstance(value, str) or not value:
            raise UsageError(f"{place}.{name} must be text, not {shown(repr(value))}")
        if name != _FILES and (wrong := _PLACEHOLDER.search(value)):
            raise UsageError(f"{place}.{name} contains {shown(wrong[0])}; use {{stem}}")
    names = {name: value for name, value in table.items() if name != _FILES}
    if _FILES not in table or not names:
        raise UsageError(f"{place} must have {_FILES} and at least one name, such as meshName")
    return {"files": table[_FILES], "names": names}
