"""``--help``: groups of options, examples and exit codes."""

import re
from pathlib import Path

import click
import pytest
from conftest import Cli

from reconciler.cli.command_table import COMMANDS, EXAMPLES, GROUPS
from reconciler.core.exit_codes import ExitCode
from reconciler.settings.options import OPTIONS, OptionGroup


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def sections(text: str) -> dict[str, str]:
    """Return the sections of a help text by their heading, in their order."""
    parts = re.split(r"^(\w[\w ]*):\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.unmeasured
@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_groups_examples_and_exit_codes(command: str, cli: Cli) -> None:
    result = cli(command, "--help")
    assert result.code == 0
    assert result.out.startswith(f"Usage: reconciler {command} [OPTIONS]")
    assert max(map(len, result.out.splitlines())) <= 80
    found = sections(result.out)
    offered = [option for option in OPTIONS if option.offered_by(command)]
    used = {option.group for option in offered}
    headings = [group.value for group in OptionGroup if group in used]
    assert list(found) == [*headings, "Examples", "Exit codes"]
    for option in offered:
        assert re.search(
            rf"^  (?:-\w, )?--{option.name}\b", found[option.group.value], re.MULTILINE
        )
    assert found["Examples"].count(f"  $ reconciler {command}") == 2
    codes = re.findall(r"^  (\d+)  +\w", found["Exit codes"], re.MULTILINE)
    assert [int(code) for code in codes] == sorted(COMMANDS[command].exit_codes)


def test_help_shows_the_meaning_of_a_code_in_its_command(cli: Cli) -> None:
    apply, release, plan = (
        " ".join(cli(command, "--help").out.split()) for command in ("apply", "release", "plan")
    )
    assert "also: a proxy did not acknowledge the changes" in apply
    assert "a proxy" not in release
    assert "changes are pending, with --detailed-" in plan


def test_top_level_help_has_every_command_in_its_group(cli: Cli) -> None:
    found = sections(cli("--help").out)
    assert list(found) == [*GROUPS, "Options", "Examples"]
    listed = [
        (name, group)
        for group in GROUPS
        for name in re.findall(r"^  (\w+(?: \w+)?)  ", found[group], re.MULTILINE)
    ]
    assert listed == [(name, command.group) for name, command in COMMANDS.items()]
    assert found["Examples"].count("  $ reconciler ") == 2
    assert all(len(f"  {'':9}  {command.summary}") <= 78 for command in COMMANDS.values())


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "example",
    [*EXAMPLES, *(example for command in COMMANDS.values() for example in command.examples)],
)
def test_every_example_is_valid_usage(
    example: str, cli: Cli, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "reconciler.toml").write_text("[targets.staging]\n")
    monkeypatch.setattr(click.Command, "invoke", lambda *_: 0)
    words = example.partition(" >")[0].replace("'", "").split()
    assert cli(*words).code == 0


def test_every_exit_code_belongs_to_a_command() -> None:
    assert {code for command in COMMANDS.values() for code in command.exit_codes} == set(ExitCode)
