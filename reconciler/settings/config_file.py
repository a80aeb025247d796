"""The shape of reconciler.toml: common options at the top, a table a verb, a table a target."""

import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.known_secrets import shown
from reconciler.settings.options import ALL_COMMANDS, OPTIONS, POLICIES, OptionType, is_lock

CONFIG_FILE = "reconciler.toml"
BUILT_IN = ("local", "aws")
# What a target's table says of it, and no option or variable does.
TARGET_ONLY_FIELDS = frozenset({"endpoint_url", "role_arn", "account", "source"})
TARGET_SWITCHES = frozenset({"allow_insecure_endpoint"})
TARGET_FIELDS = TARGET_ONLY_FIELDS | TARGET_SWITCHES | {"region", "profile", "owner", "policy"}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


_AROUND_KEYS = re.compile("[=,]")

# What each sort of option takes in the file, and what it is called there.
TYPE_CHECKS: dict[OptionType, tuple[Callable[[Any], bool], str]] = {
    OptionType.TEXT: (lambda it: _is_text(it) or type(it) is int, "text"),
    OptionType.COUNT: (lambda it: type(it) is int and it >= 0, "a whole number"),
    OptionType.SECONDS: (lambda it: type(it) in (int, float) and it >= 0, "a number of seconds"),
    OptionType.FLAG: (lambda it: type(it) is bool, "true or false"),
    OptionType.TEXT_LIST: (
        lambda it: isinstance(it, list) and all(map(_is_text, it)),
        "a list of texts",
    ),
    OptionType.LOCK: (lambda it: _is_text(it) and is_lock(it), "file:PATH or dynamodb:TABLE"),
}


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What reconciler.toml says.

    ``common`` holds the common options by field name, ``commands`` each verb's own, ``targets`` the
    tables of targets.
    """

    common: Mapping[str, Any] = field(default_factory=dict)
    commands: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    targets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def read_bounded(path: Path) -> bytes:
    """Return what is in ``path``; UsageError where it cannot be read or is over 1 MiB."""
    try:
        with path.open("rb") as file:
            content = file.read(limits.MAX_CONFIG_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"reading {path}: {error.strerror}") from error
    if len(content) > limits.MAX_CONFIG_FILE_BYTES:
        raise UsageError(f"reading {path}: is larger than {limits.MAX_CONFIG_FILE_BYTES >> 20} MiB")
    return content


def read_file(path: Path | None) -> ConfigFile:
    """Return the settings in ``path``; None is reconciler.toml where there is one.

    UsageError where the file is missing, unreadable, broken or holds what we do not know: a
    mistyped guard must not pass for no guard.
    """
    chosen = path or Path(CONFIG_FILE)
    try:
        text = read_bounded(chosen).decode()
        _refuse_long_keys(chosen, text)
        document = tomllib.loads(text)
    except UsageError as error:
        if path is None and isinstance(error.__cause__, FileNotFoundError):
            return ConfigFile()
        raise
    except (ValueError, RecursionError) as error:
        raise UsageError(f"reading {chosen}: {error}") from error
    targets = _tables(chosen, "targets", document.pop("targets", {}))
    commands = {command: document.pop(command) for command in ALL_COMMANDS if command in document}
    _check_options(chosen, "", document, None)
    for command, table in _tables(chosen, "", commands).items():
        _check_options(chosen, f"{command}.", table, command)
    for name, table in targets.items():
        _check_names(chosen, f"targets.{name}.", table, TARGET_FIELDS)
        switches = {field: table[field] for field in table.keys() & TARGET_SWITCHES}
        if not all(type(value) is bool for value in switches.values()):
            raise UsageError(f"{chosen}: targets.{name}.{min(switches)} takes true or false")
        texts = [value for field, value in table.items() if field not in switches]
        if not all(isinstance(value, str) and value for value in texts):
            raise UsageError(
                f"{chosen}: targets.{name}: every other value is a string, and not empty"
            )
        if table.get("policy", "sync") not in POLICIES:
            raise UsageError(f"{chosen}: targets.{name}.policy is one of {', '.join(POLICIES)}")
        if name in BUILT_IN and "endpoint_url" in table:
            raise UsageError(f"{chosen}: targets.{name}.endpoint_url: {name} finds its own")
    return ConfigFile(document, commands, targets)


def _refuse_long_keys(file: Path, text: str) -> None:
    """Refuse keys of many parts, for which tomllib takes quadratic time."""
    for number, line in enumerate(text.split("\n"), 1):
        is_comment = line.lstrip().startswith("#")
        if not is_comment and any(
            item.count(".") > limits.MAX_CONFIG_KEY_PARTS for item in _AROUND_KEYS.split(line)
        ):
            raise UsageError(
                f"{file}:{number}: a key must not have more than {limits.MAX_CONFIG_KEY_PARTS} dots"
            )


def _tables(file: Path, name: str, value: Any) -> dict[str, dict[str, Any]]:
    if isinstance(value, dict) and all(isinstance(table, dict) for table in value.values()):
        return value
    raise UsageError(f"{file}: {name or 'a verb'} holds tables, such as [targets.staging] or [run]")


def _check_options(file: Path, where: str, table: Mapping[str, Any], command: str | None) -> None:
    """Refuse what is no option of ``command``, or a common one, and what no option takes."""
    options = {
        option.field: option
        for option in OPTIONS
        if option.configurable and option.command == command
    }
    _check_names(file, where, table, options.keys())
    for name, value in table.items():
        option = options[name]
        fits, expected = TYPE_CHECKS[option.type]
        if option.choices:
            fits, expected = option.choices.__contains__, f"one of {', '.join(option.choices)}"
        if not fits(value):
            raise UsageError(f"{file}: {where}{name} takes {expected}, not {shown(repr(value))}")


def _check_names(file: Path, where: str, table: Mapping[str, Any], known: Collection[str]) -> None:
    for name in table:
        if name not in known:
            choices = ", ".join(sorted(known))
            raise UsageError(f"{file}: {where}{name} is no setting; there are {choices}")
