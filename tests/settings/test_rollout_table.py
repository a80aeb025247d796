"""The table [rollout] in reconciler.toml: its waves, and the line of each mistake."""

from pathlib import Path

import pytest

from reconciler.core.errors import UsageError
from reconciler.core.fleet.rollout import Progress, RolloutRules
from reconciler.settings.config_file import read_file

TARGETS = """[targets.shop]
accounts = { dev = "111111111111", prod = "222222222222" }
regions = ["eu-west-1", "us-east-1"]
[targets.local]
[targets.other]
"""


def read(directory: Path, text: str) -> RolloutRules | None:
    file = directory / "reconciler.toml"
    file.write_text(TARGETS + text)
    return read_file(file).rollout


def test_globs_are_the_names_of_targets_in_the_order_of_the_file(tmp_path: Path) -> None:
    rules = read(
        tmp_path,
        """[rollout]
waves = [["other", "shop-dev-us-*"], ["shop-dev-eu-*"], ["shop-prod-*", "shop-prod-us-*"]]
soak = 1.5
stop_on = ["drift"]
max_unavailable = 2
""",
    )
    waves = (
        ("shop-dev-us-east-1", "other"),
        ("shop-dev-eu-west-1",),
        ("shop-prod-eu-west-1", "shop-prod-us-east-1"),
    )
    assert rules == RolloutRules(waves, 1.5, frozenset({Progress.DRIFT}), 2)


def test_without_the_table_there_are_no_waves(tmp_path: Path) -> None:
    assert read(tmp_path, "") is None


def test_waves_alone_have_no_soak_and_stop_on_everything(tmp_path: Path) -> None:
    rules = read(tmp_path, '[rollout]\nwaves = [["*"]]\n')
    stops = frozenset({Progress.FAILED, Progress.DRIFT, Progress.WITHHELD})
    assert rules is not None
    assert (rules.soak_seconds, rules.stop_on, rules.max_unavailable) == (0.0, stops, 5)


ALL = 'waves = [["*"]]'
MISTAKES = {
    "an unknown setting": (f"{ALL}\npause = 1", 8, "rollout.pause is not a setting; use one of"),
    "no waves": ("soak = 1", 6, "rollout.waves must be a list of waves"),
    "one list": ('waves = ["*"]', 7, "rollout.waves must be a list of waves"),
    "an empty wave": ('waves = [["*"], []]', 7, "rollout.waves must be a list of waves"),
    "a number in a wave": ("waves = [[1]]", 7, "rollout.waves must be a list of waves"),
    "an empty name": ('waves = [[""]]', 7, "rollout.waves must be a list of waves"),
    "a glob without a target": (
        'waves = [["*"], ["shop-stage-*"]]',
        7,
        "rollout.waves: shop-stage-* of wave 2 matches no target",
    ),
    "a built-in target": (
        'waves = [["*"], ["local"]]',
        7,
        "rollout.waves: local of wave 2 matches no target",
    ),
    "a target in two waves": (
        'waves = [["*"], ["other"]]',
        7,
        "rollout.waves: other is in wave 1 and in wave 2: each target must be in one wave",
    ),
    "a target in none": (
        'waves = [["shop-dev-*"], ["other"]]',
        7,
        "rollout.waves: no wave has shop-prod-eu-west-1, shop-prod-us-east-1: each target must",
    ),
    "a negative soak": (f"{ALL}\nsoak = -1", 8, "rollout.soak must be a number of seconds"),
    "no number": (f'{ALL}\nsoak = "1h"', 8, "rollout.soak must be a number of seconds"),
    "an unknown stop": (
        f'{ALL}\nstop_on = ["changing"]',
        8,
        "rollout.stop_on must be a list of some of failed, drift, withheld",
    ),
    "one stop": (f'{ALL}\nstop_on = "failed"', 8, "rollout.stop_on must be a list of some of"),
    "none at a time": (
        f"{ALL}\nmax_unavailable = 0",
        8,
        "rollout.max_unavailable must be a whole number of 1 or more",
    ),
    "a share": (f"{ALL}\nmax_unavailable = true", 8, "rollout.max_unavailable must be a whole"),
}


@pytest.mark.parametrize(("text", "line", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_has_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        read(tmp_path, f"[rollout]\n{text}\n")
    assert str(refused.value).startswith(f"{tmp_path}/reconciler.toml:{line}: {message}")


def test_what_is_no_table_is_rejected(tmp_path: Path) -> None:
    file = tmp_path / "reconciler.toml"
    file.write_text("rollout = true\n")
    with pytest.raises(UsageError, match=r":1: rollout must be a table: begin it with"):
        read_file(file)
