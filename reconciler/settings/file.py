"""The shape of reconciler.toml: common options at the top, a table a verb, a table a target."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.core.errors import UsageError
from reconciler.settings.knobs import EVERY_VERB, KNOBS, POLICIES

CONFIG_FILE = "reconciler.toml"
BUILT_IN = ("local", "aws")
# What a target's table says of it, and no option or variable does.
OF_TABLES_ALONE = frozenset({"endpoint_url", "role_arn", "account", "source"})
TARGET_FIELDS = OF_TABLES_ALONE | {"region", "profile", "owner", "policy"}


@dataclass(frozen=True, slots=True)
class File:
    """What reconciler.toml says.

    ``common`` holds the common options by field name, ``verbs`` each verb's own, ``targets`` the
    tables of targets.
    """

    common: Mapping[str, Any] = field(default_factory=dict)
    verbs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    targets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


def read_file(path: Path | None) -> File:
    """Return the settings in ``path``; None is reconciler.toml where there is one.

    UsageError where the file is missing, unreadable, broken or holds what we do not know: a
    mistyped guard must not pass for no guard.
    """
    chosen = path or Path(CONFIG_FILE)
    try:
        if path is None and not chosen.exists():
            return File()
        document = tomllib.loads(chosen.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"reading {chosen}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"reading {chosen}: {error}") from error
    targets = _tables(chosen, "targets", document.pop("targets", {}))
    verbs = {verb: document.pop(verb) for verb in EVERY_VERB if verb in document}
    standing = [knob for knob in KNOBS if knob.standing]
    _refuse_unknown(chosen, "", document, {knob.field for knob in standing if not knob.own})
    for verb, table in _tables(chosen, "", verbs).items():
        own = {knob.field for knob in standing if knob.own == verb}
        _refuse_unknown(chosen, f"{verb}.", table, own)
    for name, table in targets.items():
        _refuse_unknown(chosen, f"targets.{name}.", table, TARGET_FIELDS)
        if not all(isinstance(value, str) and value for value in table.values()):
            raise UsageError(f"{chosen}: targets.{name}: every value is a string, and not empty")
        if table.get("policy", "sync") not in POLICIES:
            raise UsageError(f"{chosen}: targets.{name}.policy is one of {', '.join(POLICIES)}")
        if name in BUILT_IN and "endpoint_url" in table:
            raise UsageError(f"{chosen}: targets.{name}.endpoint_url: {name} finds its own")
    return File(document, verbs, targets)


def _tables(file: Path, name: str, value: Any) -> dict[str, dict[str, Any]]:
    if isinstance(value, dict) and all(isinstance(table, dict) for table in value.values()):
        return value
    raise UsageError(f"{file}: {name or 'a verb'} holds tables, such as [targets.staging] or [run]")


def _refuse_unknown(
    file: Path, where: str, table: Mapping[str, Any], known: frozenset[str] | set[str]
) -> None:
    for name in table:
        if name not in known:
            choices = ", ".join(sorted(known))
            raise UsageError(f"{file}: {where}{name} is no setting; there are {choices}")
