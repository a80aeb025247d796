"""The README says what is so: its tables are the code's, and its examples run."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from conftest import Cli
from readme import BEHAVIORS, README, rewritten, rows_of

from reconciler.cli.command_table import COMMANDS
from reconciler.endpoint import Behavior
from reconciler.settings.options import ALL_COMMANDS, TARGET_COMMANDS

TEXT = README.read_text("utf-8")
_BLOCKS = re.findall(r"<!-- run -->\n```console\n(.*?)```", TEXT, re.DOTALL)
_ADDRESS = re.compile(r"127\.0\.0\.1:\d+")


def test_every_table_is_the_codes_own() -> None:
    assert rewritten(TEXT) == TEXT, "python tests/readme.py brings it up to date"
    assert TEXT.count("<!-- table: ") == 7


def test_every_behavior_has_its_row_and_every_row_its_behavior() -> None:
    result = [name for name, *_ in rows_of(BEHAVIORS)]
    assert result == [field.name.replace("_", "-") for field in fields(Behavior)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_its_help_is_documented_once(command: str, cli: Cli) -> None:
    rows = re.findall(r"^\| `--([a-z-]+)[^|]*\| ([^|]+) \|", TEXT, re.MULTILINE)
    groups = {"every command": ALL_COMMANDS, "every command with a target": TARGET_COMMANDS}
    documented = [
        name for name, of in rows for part in of.split(", ") if command in groups.get(part, (part,))
    ]
    offered = re.findall(r"^  (?:-v, )?--([a-z-]+)", cli(command, "--help").out, re.MULTILINE)
    # Every command has --config, which is described in the text.
    assert sorted(offered) == sorted([*documented, "config"])
    assert "`--config FILE`" in TEXT


def commands(block: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output that it shows."""
    steps: list[tuple[list[str], list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append(([line[2:]], []))
        elif line.startswith("> "):
            steps[-1][0].append(line[2:])
        else:
            steps[-1][1].append(line)
    return [("\n".join(command), "\n".join(output).strip()) for command, output in steps]


def test_the_tour_prints_what_it_shows(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _BLOCKS
    shutil.copytree(README.parent / "manifests", here / "manifests")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    for command, shown in (step for block in _BLOCKS for step in commands(block)):
        run = subprocess.run(
            ["bash", "-c", command],
            cwd=here,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        printed, expected = (_ADDRESS.sub("ADDRESS", text) for text in (run.stdout.strip(), shown))
        assert printed == expected, command


def test_every_link_within_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    anchors = {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= anchors
    for path in re.findall(r"\]\((?!#|http)([^)]+)\)", TEXT):
        assert (README.parent / path).exists(), path
