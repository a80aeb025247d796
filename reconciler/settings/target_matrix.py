"""Expands a target of reconciler.toml with several accounts and regions to one table for each.

A matrix is a table with ``accounts``, ``regions`` or both. All its texts are templates: they may
contain ``{account}``, ``{account_name}`` and ``{region}``.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.known_secrets import shown
from reconciler.settings.target_labels import LABELS

Table = Mapping[str, Any]
# Returns the file, the line and the name of a field of the matrix, to begin a message with.
Place = Callable[[str], str]

MATRIX_FIELDS = frozenset({"accounts", "regions", "names"})
_ACCOUNT = re.compile("[0-9]{12}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def is_matrix(table: Table) -> bool:
    """Whether the table of a target has a field that only a matrix has."""
    return not MATRIX_FIELDS.isdisjoint(table)


def expand_all(
    tables: Mapping[str, Table], place: Callable[..., str], built_in: Collection[str]
) -> dict[str, Table]:
    """Return the tables of all targets.

    Args:
        tables: The tables of the file, some of them matrices.
        place: Returns the file, the line and the name of a field of a table, for a message.
        built_in: Names that no target of a matrix may have.

    Raises:
        UsageError: If a matrix is invalid, two targets have one name, or there are too many.
    """
    targets: dict[str, Table] = {}
    written_as: dict[str, str] = {}
    for name, table in tables.items():
        found = expand(name, table, partial(place, name)) if is_matrix(table) else {name: table}
        for target, target_table in found.items():
            if target in written_as or (target in built_in and is_matrix(table)):
                other = written_as.get(target)
                reason = f"targets.{other} has it too" if other else "it is built in"
                raise UsageError(f"{place(name)}: the name {shown(target)} is taken: {reason}")
            targets[target], written_as[target] = target_table, name
        if len(targets) > limits.MAX_TARGETS:
            raise UsageError(
                f"{place(name)}: with it the file has {len(targets):,} targets, and it may have"
                f" {limits.MAX_TARGETS:,}"
            )
    return targets


def expand(name: str, table: Table, place: Place) -> dict[str, dict[str, Any]]:
    """Return the tables of the targets of a matrix by their names.

    Raises:
        UsageError: If a field is invalid, two targets have one name, or there are too many.
    """
    accounts, regions = _accounts(table, place), _regions(table, place)
    if not accounts and not regions:
        raise UsageError(f"{place('names')} is only for a target with accounts or regions")
    count = max(1, len(accounts)) * max(1, len(regions))
    if count > limits.MAX_TARGETS:
        field = "accounts" if accounts else "regions"
        raise UsageError(
            f"{place(field)}: these are {count:,} targets, and a file may have"
            f" {limits.MAX_TARGETS:,}"
        )
    template = table.get("names", _default_names(name, table))
    if not isinstance(template, str) or not template:
        raise UsageError(f"{place('names')} must be text, such as {_default_names(name, table)}")
    targets: dict[str, dict[str, Any]] = {}
    for values in _combinations(table, accounts, regions):
        target = _substitute(template, values, "names", place)
        if target in targets:
            raise UsageError(
                f"{place('names')}: two targets have the name {shown(target)}: each name must"
                f" contain {' and '.join(_placeholders(table))}"
            )
        targets[target] = _target(table, values, place)
    return targets


def _accounts(table: Table, place: Place) -> Mapping[str, str]:
    """Return the ids of the accounts by their names; an account of a list has its id as name."""
    given = table.get("accounts", {})
    accounts = dict(zip(given, given, strict=True)) if _are_texts(given) else given
    valid = isinstance(accounts, dict) and all(
        name and isinstance(account, str) and _ACCOUNT.fullmatch(account)
        for name, account in accounts.items()
    )
    if not valid or ("accounts" in table and not accounts):
        raise UsageError(
            f'{place("accounts")} must be account ids in quotes: ["111122223333"], or with a name'
            ' for each, { dev = "111122223333" }'
        )
    _require_unique("accounts", given if isinstance(given, list) else [*accounts.values()], place)
    if accounts and "account" in table:
        raise UsageError(f"{place('account')}: remove it, accounts sets it")
    return accounts


def _regions(table: Table, place: Place) -> list[str]:
    regions = table.get("regions", [])
    if not _are_texts(regions) or ("regions" in table and not regions):
        raise UsageError(f'{place("regions")} must be a list of regions, such as ["eu-west-1"]')
    _require_unique("regions", regions, place)
    if regions and "region" in table:
        raise UsageError(f"{place('region')}: remove it, regions sets it")
    return list(regions)


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and all(
        isinstance(value, str) and value and "\0" not in value for value in values
    )


def _require_unique(field: str, values: list[str], place: Place) -> None:
    repeated = [value for value in values if values.count(value) > 1]
    if repeated:
        raise UsageError(f"{place(field)} contains {shown(repeated[0])} twice")


def _placeholders(table: Table) -> list[str]:
    names = {"accounts": "{account_name}", "regions": "{region}"}
    return [names[field] for field in names if field in table]


def _default_names(name: str, table: Table) -> str:
    return "-".join((name, *_placeholders(table)))


def _combinations(
    table: Table, accounts: Mapping[str, str], regions: list[str]
) -> Iterator[dict[str, str]]:
    """Yield the values of the placeholders of each target."""
    fixed = {field: table[field] for field in ("account", "region") if field in table}
    rows = [{"account": account, "account_name": name} for name, account in accounts.items()] or [
        {}
    ]
    columns = [{"region": region} for region in regions] or [{}]
    for row, column in product(rows, columns):
        yield {**fixed, **row, **column}


def _target(table: Table, values: Mapping[str, str], place: Place) -> dict[str, Any]:
    target = {
        field: _substitute_all(value, values, field, place)
        for field, value in table.items()
        if field not in MATRIX_FIELDS
    }
    if "account_name" in values:
        target[LABELS] = {"account_name": values["account_name"], **target.get(LABELS, {})}
    return target | {name: values[name] for name in ("account", "region") if name in values}


def _substitute_all(value: Any, values: Mapping[str, str], field: str, place: Place) -> Any:
    if isinstance(value, list):
        return [_substitute_all(item, values, field, place) for item in value]
    if isinstance(value, dict):
        return {name: _substitute_all(item, values, field, place) for name, item in value.items()}
    return _substitute(value, values, field, place) if isinstance(value, str) else value


def _substitute(template: str, values: Mapping[str, str], field: str, place: Place) -> str:
    """Return ``template`` with its placeholders replaced.

    Raises:
        UsageError: If a placeholder has no value.
    """

    def value_of(found: re.Match[str]) -> str:
        if found[1] not in values:
            known = ", ".join(f"{{{name}}}" for name in sorted(values))
            raise UsageError(f"{place(field)} contains {shown(found[0])}; use {known}")
        return values[found[1]]

    return _PLACEHOLDER.sub(value_of, template)
