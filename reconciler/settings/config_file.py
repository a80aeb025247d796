"""Reads reconciler.toml.

The top level holds the common options. There is one table for each command and one for each target.
"""

import re
import stat
import sys
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.known_secrets import shown
from reconciler.settings.lock_schemes import LOCK_USAGE
from reconciler.settings.name_defaults import parse_name_defaults
from reconciler.settings.options import ALL_COMMANDS, OPTIONS, POLICIES, OptionType, is_lock
from reconciler.settings.target_labels import LABELS, check_labels
from reconciler.settings.target_matrix import MATRIX_FIELDS, expand_all
from reconciler.settings.toml_lines import place_in

if TYPE_CHECKING:
    from reconciler.core.fleet.rollout import RolloutRules
    from reconciler.settings.notify_tables import NotifyConfig

CONFIG_FILE = "reconciler.toml"
BUILT_IN = ("local", "aws")
# Settings that only the table of a target can hold; no option or variable sets them.
SOURCE_FIELDS = ("source", "ref", "path", "verify")
TARGET_LISTS = frozenset({"exclude", "proxies_urls"})
TARGET_ONLY_FIELDS = (
    frozenset({"endpoint_url", "role_arn", "account", "variables", LABELS, *SOURCE_FIELDS})
    | TARGET_LISTS
)
TARGET_SWITCHES = frozenset({"allow_insecure_endpoint"})
TARGET_SECONDS = frozenset({"tag_index_lag"})
TARGET_FIELDS = (
    TARGET_ONLY_FIELDS
    | TARGET_SWITCHES
    | TARGET_SECONDS
    | {"region", "profile", "owner", "policy", "namespace"}
)


ACM_FIELDS = frozenset({"certificate_chain", "private_key", "secret_name"})


# TOML has one name for the option and for the table of the command.
_HISTORY_TWICE = tuple(re.compile(it, re.MULTILINE) for it in (r"^history\s*=", r"^\[history\]"))
_HISTORY_ADVICE = (
    "history = and [history] cannot both be in one file: remove [history], and set "
    "RECONCILER_HISTORY_FORMAT instead"
)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


_KEY_SEPARATORS = re.compile("[=,]")

# The check of a value in the file by the type of its option, and the words for a valid value.
TYPE_CHECKS: dict[OptionType, tuple[Callable[[Any], bool], str]] = {
    OptionType.TEXT: (lambda value: _is_text(value) or type(value) is int, "text"),
    OptionType.COUNT: (lambda value: type(value) is int and value >= 0, "a whole number"),
    OptionType.SECONDS: (
        lambda value: type(value) in (int, float) and 0 <= value <= sys.float_info.max,
        "a number of seconds",
    ),
    OptionType.FLAG: (lambda value: type(value) is bool, "true or false"),
    OptionType.TEXT_LIST: (
        lambda value: isinstance(value, list) and all(map(_is_text, value)),
        "a list of texts",
    ),
    OptionType.LOCK: (
        lambda value: _is_text(value) and is_lock(value),
        LOCK_USAGE,
    ),
}


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """Contents of reconciler.toml.

    Attributes:
        common: Common options by field name.
        commands: Options of each command by field name.
        targets: Tables of the targets; a matrix is expanded.
        acm: Places of certificates and authorities of ACM by their ARNs, for Envoys.
        path: The file, or None if there is none.
        name_defaults: The checked tables of ``[[defaults]]``.
        notify: The receivers of ``[[notify]]``.
        rollout: The waves of ``[rollout]``; None without the table.
    """

    common: Mapping[str, Any] = field(default_factory=dict)
    commands: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    targets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    path: Path | None = None
    acm: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    name_defaults: tuple[Mapping[str, Any], ...] = ()
    notify: "tuple[NotifyConfig, ...]" = ()
    rollout: "RolloutRules | None" = None


def read_bounded(path: Path) -> bytes:
    """Return the content of ``path``.

    Raises:
        UsageError: If the file cannot be read or is larger than 1 MiB.
    """
    try:
        with path.open("rb") as file:
            content = file.read(limits.MAX_CONFIG_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"reading {path}: {error.strerror}") from error
    if len(content) > limits.MAX_CONFIG_FILE_BYTES:
        raise UsageError(
            f"reading {path}: it is larger than {limits.MAX_CONFIG_FILE_BYTES >> 20} MiB"
        )
    return content


def _require_regular(path: Path) -> None:
    """Raise UsageError if ``path`` is a pipe or a device, whose end could be awaited forever."""
    try:
        mode = path.stat().st_mode
    except OSError:
        # The read reports it.
        return
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise UsageError(f"reading {path}: it is not a regular file; pass --config to read a pipe")


def read_file(path: Path | None) -> ConfigFile:
    """Return the settings in ``path``.

    Args:
        path: None for reconciler.toml, which may be missing.

    Raises:
        UsageError: If the file is missing, unreadable or invalid, or holds an unknown setting. A
            mistyped guard must not be ignored.
    """
    chosen = path or Path(CONFIG_FILE)
    try:
        if path is None:
            _require_regular(chosen)
        text = read_bounded(chosen).decode()
        _reject_long_keys(chosen, text)
        document = _parse_toml(text)
    except UsageError as error:
        if path is None and isinstance(error.__cause__, FileNotFoundError):
            return ConfigFile()
        raise
    except (ValueError, RecursionError) as error:
        raise UsageError(f"reading {chosen}: {error}") from error
    targets = _tables(chosen, "targets", document.pop("targets", {}))
    acm = _tables(chosen, "acm", document.pop("acm", {}))
    for arn, table in acm.items():
        _check_stored_certificate(chosen, arn, table)
    name_defaults = parse_name_defaults(chosen, document.pop("defaults", []))
    notify = _parse_notify(chosen, document.pop("notify", []))
    rollout = document.pop("rollout", None)
    # An option and a command have the name history: text is of the option.
    commands = {
        name: document.pop(name)
        for name in ALL_COMMANDS
        if name in document and not (name == "history" and _is_text(document[name]))
    }
    _check_options(chosen, "", document, None)
    for command, table in _tables(chosen, "", commands).items():
        _check_options(chosen, f"{command}.", table, command)
    place = partial(place_in, chosen, text)
    for name, table in targets.items():
        _check_target(chosen, name, table, place)
    expanded = expand_all(targets, partial(place, "targets"), BUILT_IN)
    rules = _parse_rollout(place, rollout, expanded)
    return ConfigFile(document, commands, expanded, chosen, acm, name_defaults, notify, rules)


def _parse_toml(text: str) -> dict[str, Any]:
    """Return the document in ``text``.

    Raises:
        ValueError: It is not valid TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        if all(pattern.search(text) for pattern in _HISTORY_TWICE):
            raise ValueError(f"{error}; {_HISTORY_ADVICE}") from error
        raise


def _parse_notify(file: Path, tables: Any) -> "tuple[NotifyConfig, ...]":
    if not tables:
        return ()
    # Most runs have no receivers.
    from reconciler.settings.notify_tables import parse_notify_tables  # noqa: PLC0415

    return parse_notify_tables(file, tables)


def _parse_rollout(
    place: Callable[..., str], table: Any, targets: Collection[str]
) -> "RolloutRules | None":
    if table is None:
        return None
    # Most files have no waves.
    from reconciler.settings.rollout_table import parse_rollout  # noqa: PLC0415

    return parse_rollout(place, table, [name for name in targets if name not in BUILT_IN])


def _check_target(
    file: Path, name: str, table: Mapping[str, Any], place: Callable[..., str]
) -> None:
    _check_names(file, f"targets.{name}.", table, TARGET_FIELDS | MATRIX_FIELDS)
    switches = {field: table[field] for field in table.keys() & TARGET_SWITCHES}
    if not all(type(value) is bool for value in switches.values()):
        raise UsageError(f"{file}: targets.{name}.{min(switches)} must be true or false")
    check_labels(file, name, table)
    checked = switches.keys() | MATRIX_FIELDS | {LABELS}
    for fields, type_ in (
        (TARGET_SECONDS, OptionType.SECONDS),
        (TARGET_LISTS, OptionType.TEXT_LIST),
    ):
        is_valid, expected = TYPE_CHECKS[type_]
        found = {field: table[field] for field in table.keys() & fields}
        if not all(map(is_valid, found.values())):
            raise UsageError(f"{file}: targets.{name}.{min(found)} must be {expected}")
        checked |= found.keys()
    variables = table.get("variables", {})
    is_valid, _ = TYPE_CHECKS[OptionType.TEXT]
    if not isinstance(variables, dict) or not all(map(is_valid, variables.values())):
        raise UsageError(
            f"{place('targets', name, 'variables')} must be texts or whole numbers by name, such as"
            ' { stage = "test", weight = 5 }: put other values in quotes'
        )
    checked |= {"variables"}
    texts = [value for field, value in table.items() if field not in checked]
    if not all(isinstance(value, str) and value for value in texts):
        raise UsageError(f"{file}: targets.{name}: all other values must be non-empty strings")
    if table.get("policy", "sync") not in POLICIES:
        choices = ", ".join(POLICIES)
        raise UsageError(f"{file}: targets.{name}.policy must be one of {choices}")
    if name in BUILT_IN and "endpoint_url" in table:
        raise UsageError(
            f"{file}: targets.{name}.endpoint_url: remove it, {name} finds its own endpoint"
        )


def _check_stored_certificate(file: Path, arn: str, table: Mapping[str, Any]) -> None:
    """Reject the place of a certificate that is incomplete."""
    prefix = f"acm.{arn}"
    _check_names(file, f"{prefix}.", table, ACM_FIELDS)
    if not all(_is_text(value) and value for value in table.values()):
        raise UsageError(f"{file}: {prefix}: all values must be non-empty strings")
    if ("secret_name" in table) == ("certificate_chain" in table) or (
        "secret_name" in table and "private_key" in table
    ):
        raise UsageError(
            f"{file}: {prefix} must have either secret_name, or certificate_chain and, for a "
            "certificate, private_key"
        )


def _reject_long_keys(file: Path, text: str) -> None:
    """Reject keys of many parts, because tomllib takes quadratic time for them."""
    for number, line in enumerate(text.split("\n"), 1):
        is_comment = line.lstrip().startswith("#")
        if not is_comment and any(
            part.count(".") > limits.MAX_CONFIG_KEY_PARTS for part in _KEY_SEPARATORS.split(line)
        ):
            raise UsageError(
                f"{file}:{number}: a key must not have more than {limits.MAX_CONFIG_KEY_PARTS} dots"
            )


def _tables(file: Path, name: str, value: Any) -> dict[str, dict[str, Any]]:
    if isinstance(value, dict) and all(isinstance(table, dict) for table in value.values()):
        return value
    raise UsageError(
        f"{file}: {name or 'commands'} must be tables, such as [targets.staging] or [run]"
    )


def _check_options(file: Path, prefix: str, table: Mapping[str, Any], command: str | None) -> None:
    """Reject unknown options and invalid values; ``command`` is None for common options."""
    options = {
        option.field: option
        for option in OPTIONS
        if option.configurable and option.command == command
    }
    _check_names(file, prefix, table, options.keys())
    for name, value in table.items():
        option = options[name]
        fits, expected = TYPE_CHECKS[option.type]
        if option.choices:
            fits, expected = option.choices.__contains__, f"one of {', '.join(option.choices)}"
        if not fits(value):
            raise UsageError(f"{file}: {prefix}{name} must be {expected}, not {shown(repr(value))}")


def _check_names(file: Path, prefix: str, table: Mapping[str, Any], known: Collection[str]) -> None:
    for name in table:
        if name not in known:
            choices = ", ".join(sorted(known))
            raise UsageError(f"{file}: {prefix}{name} is not a setting; use one of {choices}")
