"""Variables on the command line: where they come from, and which of two counts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Cli
from manifest_text import mesh_yaml

Write = Callable[[str, str], Path]


def test_an_option_counts_before_a_file_and_a_file_before_the_environment(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("$STAGE"))
    assert cli("validate").code == 65
    monkeypatch.setenv("STAGE", "from-the-environment")
    assert cli("validate").code == 65
    write("a.env", "STAGE=from-a-file\n")
    write("b.env", "STAGE=from-the-last-file\n")
    plan = ("plan", "--target", "local", "--var-env")
    assert "+ mesh/from-the-environment" in cli(*plan).out
    files = ("--var-file", "a.env", "--var-file", "b.env")
    assert "+ mesh/from-the-last-file" in cli(*plan, *files).out
    assert "+ mesh/from-an-option" in cli(*plan, *files, "--var", "STAGE=from-an-option").out


def test_variables_may_stand_in_the_settings(cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("$STAGE"))
    write("reconciler.toml", 'var = ["STAGE=test"]\n')
    assert cli("validate").code == 0
    assert "+ mesh/test" in cli("plan", "--target", "local").out


@pytest.mark.parametrize(
    ("option", "words"),
    [
        (("--var", "STAGE"), '--var takes NAME=VALUE, not "STAGE"'),
        (("--var-file", "nowhere.env"), "reading nowhere.env: No such file or directory"),
        (("--var-file", "bad.env"), "bad.env:1: must be NAME=VALUE"),
    ],
)
@pytest.mark.parametrize("command", ["validate", "plan"])
def test_variables_that_cannot_be_understood_are_64(
    option: tuple[str, str], words: str, command: str, cli: Cli, write: Write
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("bad.env", "STAGE: test\n")
    result = cli(command, *option, *(["--target", "local"] if command == "plan" else []))
    assert result.code == 64
    assert words in result.err


def test_the_daemon_takes_variables_too(cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("$STAGE"))
    assert cli("run", "--once", "--target", "local", "--var", "STAGE=a").code == 0
    assert cli("apply", "--auto-approve", "--target", "local", "--var", "STAGE=a").code == 0
