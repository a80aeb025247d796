"""Plan and apply in every format, with the calls that they took."""

import json
import os
import pty
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import forks
import pytest
import urllib3
from comments import folded
from conftest import Cli
from json_schema import faults
from manifest_text import mesh_yaml

from reconciler.cli.output import terminal_width
from reconciler.endpoint import LocalEndpoint
from reconciler.render.output_schema import plan_schema, report_schema
from reconciler.render.terminal import cell_width

pytestmark = pytest.mark.unmeasured

Write = Callable[[str, str], Path]


@pytest.mark.parametrize(
    ("command", "schema"), [("plan", plan_schema()), ("apply", report_schema())]
)
def test_json_is_as_its_schema_says_and_counts_the_calls_that_arrived(
    cli: Cli, write: Write, endpoint: LocalEndpoint, command: str, schema: dict[str, Any]
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    where = ("--endpoint-url", endpoint.url, "--owner", "o", "--format", "json")
    result = json.loads(cli(command, *where, *["--auto-approve"] * (command == "apply")).out)
    assert list(faults(result, schema, schema)) == []
    arrived = urllib3.request("GET", f"{endpoint.url}/_endpoint/calls").json()["calls"]
    assert result["calls"].items() <= arrived.items()
    # Asking whose credentials these are belongs to neither.
    assert arrived.keys() - result["calls"].keys() <= {"GetCallerIdentity"}


def test_calls_are_counted_with_verbose_and_in_json_only(
    cli: Cli, write: Write, endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    where = ("--endpoint-url", endpoint.url, "--owner", "o")
    commands = [("plan",), ("plan", "--format", "markdown"), ("apply", "--auto-approve")]
    assert not any("API call" in cli(*command, *where).out for command in commands)
    assert all("API calls: " in cli(*command, *where, "-v").out for command in commands)
    result = json.loads(cli("plan", "--format", "json", *where).out)
    assert result["calls"]["ListMeshes"] == 1
    monkeypatch.setenv("RECONCILER_VERBOSE", "1")
    assert "API calls: " in cli("plan", *where).out


def test_markdown_is_one_comment_from_the_plan_to_its_end(
    cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    where = ("--endpoint-url", endpoint.url, "--owner", "o", "--format", "markdown", "-v")
    planned, applied = cli("plan", *where), cli("apply", *where, "--auto-approve")
    assert planned.out.splitlines()[0] == applied.out.splitlines()[0]
    assert "### Plan: 1 to create, " in planned.out
    assert "### Applied: 1 created.\n" in applied.out
    assert folded(planned.out) == folded(applied.out)
    assert "1 CreateMesh" in applied.out


@pytest.mark.process
def test_a_plan_keeps_to_the_width_of_its_terminal_alone(
    write: Write, endpoint: LocalEndpoint, here: Path
) -> None:
    name = "n" * 200
    write("manifests/a.yaml", mesh_yaml(name))
    where = ("--endpoint-url", endpoint.url, "--owner", "o")
    terminal, stdout = pty.openpty()
    for out, narrow in ((stdout, True), (subprocess.PIPE, False)):
        environment = {**os.environ, "COLUMNS": "60", "NO_COLOR": "1"}
        done = forks.run("plan", *where, stdout=out, cwd=here, env=environment)
        assert done.returncode == 0
        text = os.read(terminal, 100_000).decode() if narrow else done.stdout
        widest = max(cell_width(line) for line in text.splitlines())
        assert (widest == 60) is narrow
        assert (name in text) is not narrow


def test_what_is_no_terminal_has_no_width(capfd: pytest.CaptureFixture[str]) -> None:
    del capfd
    assert terminal_width() is None
