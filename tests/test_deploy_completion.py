"""Shells complete verbs, options, choices and files by what deploy/completion holds."""

import sys
from pathlib import Path

import pytest
from deploy_files import DEPLOY
from manifest_text import mesh_yaml
from programs import require_program
from run_shell import Shell, shell_in

from reconciler.cli.command_table import COMMANDS

pytestmark = [pytest.mark.process, pytest.mark.unmeasured]

COMPLETION = DEPLOY / "completion"


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return shell_in(tmp_path, Path(sys.executable).parent)


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_each_script_is_what_the_command_prints(shell: Shell, name: str) -> None:
    printed = shell("reconciler", _RECONCILER_COMPLETE=f"{name}_source")
    assert (COMPLETION / f"reconciler.{name}").read_text("utf-8") == printed


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("''", [*dict.fromkeys(name.partition(" ")[0] for name in COMMANDS)]),
        ("envoy b", ["bootstrap"]),
        ("pl", ["plan"]),
        ("plan --det", ["--detailed-exitcode"]),
        ("plan --policy ''", ["observe", "create-only", "upsert-only", "sync"]),
        ("nonsense --ver", ["--version"]),
    ],
)
def test_bash_offers(shell: Shell, words: str, offered: list[str]) -> None:
    result = shell(
        f"""
        source {COMPLETION}/reconciler.bash
        complete -p reconciler >&2
        COMP_WORDS=(reconciler {words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) COMPREPLY=()
        _reconciler_completion reconciler
        printf '%s\\n' "${{COMPREPLY[@]}}"
        """
    )
    registered, *completed = result.split("\n")
    assert registered.endswith("-F _reconciler_completion reconciler")
    assert [it for it in completed if it] == offered


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("describe mesh/", ["mesh/pay", "mesh/shop"]),
        ("plan --only mesh/s", ["mesh/shop"]),
        ("plan --target s", ["staging"]),
    ],
)
def test_keys_and_targets_are_those_of_the_files_here(
    shell: Shell, tmp_path: Path, words: str, offered: list[str]
) -> None:
    (tmp_path / "manifests").mkdir()
    for name in ("pay", "shop"):
        (tmp_path / "manifests" / f"{name}.yaml").write_text(mesh_yaml(name))
    (tmp_path / "reconciler.toml").write_text("[targets.staging]\n")
    line = {"COMP_WORDS": f"reconciler {words}", "COMP_CWORD": str(len(words.split()))}
    completed = shell("reconciler", _RECONCILER_COMPLETE="bash_complete", **line)
    assert completed.splitlines() == [f"plain,{word}" for word in offered]


@pytest.mark.parametrize(
    "words", ["validate m", "show m", "plan --var-file m", "endpoint --data m"]
)
def test_files_are_left_to_the_shell(shell: Shell, words: str) -> None:
    line = {"COMP_WORDS": f"reconciler {words}", "COMP_CWORD": str(len(words.split()))}
    assert shell("reconciler", _RECONCILER_COMPLETE="bash_complete", **line) == "file,m\n"


@pytest.mark.parametrize(
    ("name", "check"), [("zsh", "zsh --no-exec"), ("fish", "fish --no-execute")]
)
def test_its_shell_can_read_the_script(shell: Shell, name: str, check: str) -> None:
    require_program(name, purpose="its completion")
    assert shell(f"{check} {COMPLETION}/reconciler.{name}") == ""
