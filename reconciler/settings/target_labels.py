"""Labels of targets, by which --shard selects some of them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reconciler.core.errors import UsageError
from reconciler.core.resources import shorten_list
from reconciler.known_secrets import shown

LABELS = "labels"
Tables = Mapping[str, Mapping[str, Any]]


def check_labels(file: Path, name: str, table: Mapping[str, Any]) -> None:
    """Reject labels that are not a table of texts.

    Raises:
        UsageError: The message has the place in the file.
    """
    labels = table.get(LABELS, {})
    if not isinstance(labels, dict) or not all(isinstance(it, str) for it in labels.values()):
        raise UsageError(
            f'{file}: targets.{name}.{LABELS} must be a table of texts, such as {{ tier = "gold" }}'
        )


def select_shard(shard: str, names: tuple[str, ...], targets: Tables) -> tuple[str, ...]:
    """Return those of ``names`` that have the label ``shard``, which is KEY=VALUE.

    Raises:
        UsageError: If no target has it; the message has the known ones.
    """
    key, separator, value = shard.partition("=")
    if not key or not separator:
        example = "use KEY=VALUE, such as region=eu-west-1"
        raise UsageError(f'invalid --shard "{shown(shard)}": {example}')
    labels = {name: _labels_of(targets.get(name, {})) for name in names}
    found = tuple(name for name in names if labels[name].get(key) == value)
    if not found:
        known = _known_labels(key, [*labels.values()])
        raise UsageError(f"--shard {shown(shard)} selects none of the targets: {known}")
    return found


def _known_labels(key: str, labels: Sequence[Mapping[str, str]]) -> str:
    values = sorted({known[key] for known in labels if key in known})
    if values:
        return f"their {shown(key)} is one of {shorten_list(values)}"
    keys = sorted({known for of_target in labels for known in of_target})
    return f"their labels are {shorten_list(keys)}" if keys else "they have no labels"


def _labels_of(table: Mapping[str, Any]) -> dict[str, str]:
    """Return the account, the region and the labels of the table of a target."""
    own = {field: table[field] for field in ("account", "region") if field in table}
    return {**own, **table.get(LABELS, {})}
