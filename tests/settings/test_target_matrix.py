"""A matrix in reconciler.toml: the targets that it yields, and the line of each mistake."""

from pathlib import Path
from typing import Any

import pytest

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.settings.config_file import read_file

DEV, PROD = "111111111111", "222222222222"
TOO_MANY = [f"r{number}" for number in range(limits.MAX_TARGETS + 1)]


def read(directory: Path, text: str) -> dict[str, dict[str, Any]]:
    file = directory / "reconciler.toml"
    file.write_text(text)
    return {name: dict(table) for name, table in read_file(file).targets.items()}


def test_a_matrix_yields_a_target_for_each_account_and_region(tmp_path: Path) -> None:
    targets = read(
        tmp_path,
        f"""
[targets.before]
[targets.shop]
accounts = {{ dev = "{DEV}", prod = "{PROD}" }}
regions = ["eu-west-1", "us-east-1"]
role_arn = "arn:aws:iam::{{account}}:role/mesh"
source = "manifests/{{account_name}}"
exclude = ["{{region}}-only/"]
variables = {{ stage = "{{account_name}}", replicas = 3 }}
owner = "shop"
tag_index_lag = 5
labels = {{ tier = "{{account_name}}-{{region}}" }}
[targets.after]
""",
    )
    assert list(targets) == [
        "before",
        "shop-dev-eu-west-1",
        "shop-dev-us-east-1",
        "shop-prod-eu-west-1",
        "shop-prod-us-east-1",
        "after",
    ]
    assert targets["shop-prod-us-east-1"] == {
        "account": PROD,
        "region": "us-east-1",
        "role_arn": f"arn:aws:iam::{PROD}:role/mesh",
        "source": "manifests/prod",
        "exclude": ["us-east-1-only/"],
        "variables": {"stage": "prod", "replicas": 3},
        "owner": "shop",
        "tag_index_lag": 5,
        "labels": {"account_name": "prod", "tier": "prod-us-east-1"},
    }


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (f'accounts = ["{DEV}", "{PROD}"]', [f"t-{DEV}", f"t-{PROD}"]),
        ('regions = ["eu-west-1"]', ["t-eu-west-1"]),
        (f'regions = ["r"]\naccount = "{DEV}"\nnames = "{{account}}.{{region}}"', [f"{DEV}.r"]),
        (
            f'accounts = {{ d = "{DEV}" }}\nregion = "r"\nnames = "{{account_name}}@{{region}}"',
            ["d@r"],
        ),
    ],
)
def test_the_names_follow_the_template(tmp_path: Path, text: str, names: list[str]) -> None:
    assert list(read(tmp_path, f"[targets.t]\n{text}")) == names


MISTAKES = {
    "no account": ("accounts = []", 3, "accounts must be account ids in quotes"),
    "no region": ("regions = []", 3, "regions must be a list of regions"),
    "a number": ("accounts = [111122223333]", 3, "accounts must be account ids in quotes"),
    "a short id": ('accounts = ["1"]', 3, "accounts must be account ids in quotes"),
    "a short id with a name": ('accounts = { a = "1" }', 3, "accounts must be account ids"),
    "an empty name": (f'accounts = {{ "" = "{DEV}" }}', 3, "accounts must be account ids"),
    "one region": ('regions = "eu-west-1"', 3, "regions must be a list of regions"),
    "an account twice": (f'accounts = ["{DEV}", "{DEV}"]', 3, f"accounts contains {DEV} twice"),
    "a region twice": ('regions = ["r", "r"]', 3, "regions contains r twice"),
    "two names for an account": (
        f'accounts = {{ a = "{DEV}", b = "{DEV}" }}',
        3,
        f"accounts contains {DEV} twice",
    ),
    "an account too": (
        f'accounts = ["{DEV}"]\naccount = "{DEV}"',
        4,
        "account: remove it, accounts sets it",
    ),
    "a region too": ('regions = ["r"]\nregion = "r"', 4, "region: remove it, regions sets it"),
    "names alone": ('names = "a"', 3, "names is only for a target with accounts or regions"),
    "names of another type": (
        'regions = ["r"]\nnames = 1',
        4,
        "names must be text, such as t-{region}",
    ),
    "equal names": (
        f'accounts = ["{DEV}"]\nregions = ["r", "s"]\nnames = "a"',
        5,
        "two targets have the name a: each name must contain {account_name} and {region}",
    ),
    "an unknown placeholder": (
        'regions = ["r"]\nsource = "{acount}"',
        4,
        "source contains {acount}; use {region}",
    ),
    "a placeholder in a list": (
        'regions = ["r"]\nproxies_urls = ["http://{zone}"]',
        4,
        "proxies_urls contains {zone}; use {region}",
    ),
    "the name of a table": (
        'regions = ["r"]\nnames = "other"',
        2,
        "the name other is taken: targets.other has it too",
    ),
    "a built-in name": (
        'regions = ["r"]\nnames = "aws"',
        2,
        "the name aws is taken: it is built in",
    ),
    "too many": (
        f"regions = {TOO_MANY}",
        3,
        "regions: these are 1,001 targets, and a file may have 1,000",
    ),
}


@pytest.mark.parametrize(("text", "line", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_reported_with_its_line(
    tmp_path: Path, text: str, line: int, message: str
) -> None:
    with pytest.raises(UsageError) as invalid:
        read(tmp_path, f"[targets.other]\n[targets.t]\n{text}\n")
    place = f"{tmp_path / 'reconciler.toml'}:{line}: targets.t"
    assert str(invalid.value).startswith(place)
    assert message in str(invalid.value)


def test_all_tables_together_have_a_limit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r":3: targets.b: with it the file has 1,001 targets"):
        read(tmp_path, f"[targets.a]\nregions = {TOO_MANY[:-1]}\n[targets.b]\n")


def test_a_table_without_a_line_is_reported_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"reconciler.toml:1: targets.t.names is only for"):
        read(tmp_path, 'targets.t = { names = "a" }')
    with pytest.raises(UsageError, match=r"reconciler.toml: targets.t=.names is only for"):
        read(tmp_path, 'targets."t=" = { names = "a" }')
