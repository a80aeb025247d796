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


SHARDS = ConfigFile(
    targets={
        "dev-eu": {"region": "eu", "labels": {"tier": "gold"}},
        "prod-eu": {"region": "eu", "account": "111122223333"},
        "prod-us": {"region": "us", "labels": {"tier": "gold"}},
    }
)


@pytest.mark.parametrize(
    ("shards", "names"),
    [
        ((), ("dev-eu", "prod-eu", "prod-us")),
        (("region=eu",), ("dev-eu", "prod-eu")),
        (("tier=gold",), ("dev-eu", "prod-us")),
        (("account=111122223333",), ("prod-eu",)),
        (("region=eu", "tier=gold"), ("dev-eu",)),
    ],
)
def test_a_shard_leaves_the_targets_with_its_label(
    shards: tuple[str, ...], names: tuple[str, ...]
) -> None:
    assert select("*", file=SHARDS, shard=shards) == names


@pytest.mark.parametrize(
    ("shard", "message"),
    [
        ("region", 'invalid --shard "region": use KEY=VALUE, such as region=eu-west-1'),
        ("=eu", 'invalid --shard "=eu": use KEY=VALUE'),
        ("region=ap", "--shard region=ap selects none of the targets: their region is one of eu"),
        ("zone=a", "zone=a selects none of the targets: their labels are account, region, tie"),
    ],
)
def test_a_shard_that_selects_nothing_is_an_error(shard: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        select("*", file=SHARDS, shard=(shard,))


def test_targets_without_labels_are_told() -> None:
    with pytest.raises(UsageError, match="they have no labels"):
        select("*", shard=("region=eu",))


def test_a_shard_is_of_several_targets() -> None:
    with pytest.raises(UsageError, match="--shard is for several targets"):
        select("dev-eu", file=SHARDS, shard=("region=eu",))


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
