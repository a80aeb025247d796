"""The targets that names, globs and --all-targets select."""

from typing import Any

import pytest

from reconciler.core.errors import UsageError
from reconciler.settings.config_file import ConfigFile
from reconciler.settings.target_config import OptionValues
from reconciler.settings.target_selection import select_targets

FILE = ConfigFile(targets={"prod-eu": {}, "prod-us": {}, "dev": {}, "we[i]rd": {}, "aws": {}})


def select(
    *patterns: str, file: ConfigFile = FILE, flags: tuple[str, ...] = ("target",), **more: Any
) -> tuple[str, ...]:
    values = {"target": patterns, "endpoint_url": None, **more}
    return select_targets(OptionValues(values, frozenset(flags), frozenset()), file)


@pytest.mark.parametrize(
    ("patterns", "names"),
    [
        ((), ()),
        (("dev",), ()),
        (("unknown",), ()),
        (("we[i]rd",), ()),
        (("d*",), ("dev",)),
        (("dev", "prod-us"), ("dev", "prod-us")),
        (("dev", "local"), ("dev", "local")),
        (("dev", "dev"), ("dev",)),
        (("prod-us", "prod-*"), ("prod-us", "prod-eu")),
        (("prod-[eu]u",), ("prod-eu",)),
        (("*",), ("prod-eu", "prod-us", "dev", "we[i]rd")),
    ],
)
def test_names_and_globs_select_each_target_once(
    patterns: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert select(*patterns) == names


def test_all_targets_are_those_of_the_file_without_the_built_in_ones() -> None:
    names = ("prod-eu", "prod-us", "dev", "we[i]rd")
    assert select(all_targets=True, flags=("all_targets",)) == names


def test_a_url_by_flag_precedes_a_glob_in_the_file() -> None:
    assert select("prod-*", endpoint_url="http://u", flags=("endpoint_url",)) == ()


@pytest.mark.parametrize(
    ("patterns", "more", "message"),
    [
        (("nothing-*",), {}, r'unknown target "nothing-\*": use one of local, aws, prod-eu'),
        (("dev", "proud-eu"), {}, r'unknown target "proud-eu" \(did you mean prod-eu\?\)'),
        (("dev",), {"all_targets": True}, "--all-targets selects the targets: remove --target"),
        (
            (),
            {"all_targets": True, "flags": ("all_targets", "endpoint_url")},
            "--all-targets selects the targets: remove --endpoint-url",
        ),
        (
            (),
            {"all_targets": True, "flags": (), "file": ConfigFile(targets={"aws": {}})},
            "--all-targets selects nothing: reconciler.toml has no table of a target",
        ),
    ],
)
def test_a_selection_of_nothing_is_an_error(
    patterns: tuple[str, ...], more: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        select(*patterns, **more)
