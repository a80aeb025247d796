"""Variables on the command line: where they come from, and which of two counts."""

from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Cli
from manifest_text import mesh_yaml

Write = Callable[[str, str], Path]


@pytest.mark.unmeasured
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


def test_variables_of_the_target_count_before_the_file_and_after_options(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("$STAGE-$NUMBER"))
    write(
        "reconciler.toml",
        'target = "local"\nvar = ["NUMBER=1"]\nvar_env = true\nvar_file = ["file.env"]\n'
        '[targets.local.variables]\nSTAGE = "target"\nNUMBER = 2\n',
    )
    write("file.env", "STAGE=file\n")
    monkeypatch.setenv("NUMBER", "3")
    assert "+ mesh/target-2" in cli("plan").out
    assert cli("validate").code == 0
    write("a.env", "STAGE=from-a-file\n")
    assert "+ mesh/from-a-file-2" in cli("plan", "--var-file", "a.env").out
    assert "+ mesh/target-4" in cli("plan", "--var", "NUMBER=4").out


def test_a_variable_of_the_target_with_an_invalid_name_is_64(cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("reconciler.toml", '[targets.local]\nvariables = { "a b" = "c" }\n')
    refused = cli("plan", "--target", "local")
    assert refused.code == 64
    assert (
        'targets.local.variables of reconciler.toml: invalid name "a b"; a name has letters'
        in refused.err
    )


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


@pytest.mark.unmeasured
def test_the_daemon_takes_variables_too(cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", mesh_yaml("$STAGE"))
    assert cli("run", "--once", "--target", "local", "--var", "STAGE=a").code == 0
    assert cli("apply", "--auto-approve", "--target", "local", "--var", "STAGE=a").code == 0
