"""Checks the ``[[notify]]`` tables of reconciler.toml: receivers of notifications."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reconciler.core.errors import UsageError
from reconciler.core.state.findings import FindingKind
from reconciler.known_secrets import shown

DEFAULT_KINDS = ("failed", "drift", "withheld", "source", "recovered")
DEFAULT_REMIND_SECONDS = 14_400
_TYPES = ("webhook", "slack")
_TEXTS = ("type", "url", "url_file", "secret_file")
_LISTS = ("on", "targets")
_NAMES = (*_TEXTS, *_LISTS, "remind")


@dataclass(frozen=True, slots=True)
class NotifyConfig:
    """A receiver of notifications.

    Attributes:
        type: ``webhook`` or ``slack``.
        url: Its URL; None if it is in ``url_file``.
        secret_file: A file with the key of the signatures of a webhook.
        on: The kinds of findings that it gets.
        targets: The names of the targets whose findings it gets; empty for all.
        remind_seconds: After this time findings that are not over are sent again; 0 never.
    """

    type: str
    url: str | None
    url_file: str | None
    secret_file: str | None
    on: tuple[FindingKind, ...]
    targets: tuple[str, ...]
    remind_seconds: float


def parse_notify_tables(file: Path, tables: Any) -> tuple[NotifyConfig, ...]:
    """Return the receivers.

    Raises:
        UsageError: A table has an unknown name, or an invalid or missing value.
    """
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise UsageError(f"{file}: notify must be tables, each below a line [[notify]]")
    return tuple(_parse(f"{file}: notify[{index}]", table) for index, table in enumerate(tables))


def _parse(place: str, table: Mapping[str, Any]) -> NotifyConfig:
    _check_types(place, table)
    kind = table.get("type")
    if kind not in _TYPES:
        raise UsageError(f"{place}.type must be one of {', '.join(_TYPES)}")
    if ("url" in table) == ("url_file" in table):
        raise UsageError(f"{place} must have either url or url_file")
    if "url" in table:
        check_url(f"{place}.url", table["url"])
    if kind == "slack" and "secret_file" in table:
        raise UsageError(f"{place}.secret_file: slack takes no signature; its URL is the secret")
    known = [it.value for it in FindingKind]
    for name in table.get("on", ()):
        if name not in known:
            raise UsageError(f"{place}.on must be some of {', '.join(known)}")
    return NotifyConfig(
        type=kind,
        url=table.get("url"),
        url_file=table.get("url_file"),
        secret_file=table.get("secret_file"),
        on=tuple(map(FindingKind, table.get("on", DEFAULT_KINDS))),
        targets=tuple(table.get("targets", ())),
        remind_seconds=table.get("remind", DEFAULT_REMIND_SECONDS),
    )


def check_url(name: str, url: str) -> None:
    """Raise UsageError if `url` is not an HTTP URL; it may be a secret, so it is not shown."""
    try:
        parts = urlsplit(url)
        is_valid = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable()
        # Only this property checks the port.
        _ = parts.port
    except ValueError:
        is_valid = False
    if not is_valid or " " in url:
        raise UsageError(f"{name} must be an http or https URL")


def _check_types(place: str, table: Mapping[str, Any]) -> None:
    for name, value in table.items():
        if name not in _NAMES:
            raise UsageError(f"{place}.{name} is not a setting; use one of {', '.join(_NAMES)}")
        if name in _TEXTS and not (isinstance(value, str) and value):
            raise UsageError(f"{place}.{name} must be non-empty text")
        if name in _LISTS and not (
            isinstance(value, list) and value and all(isinstance(it, str) for it in value)
        ):
            raise UsageError(f"{place}.{name} must be a list of texts")
        is_number = type(value) in (int, float) and 0 <= value <= sys.float_info.max
        if name == "remind" and not is_number:
            raise UsageError(f"{place}.remind must be a number of seconds, not {shown(value)}")
