"""diff at the command line: both sides of one resource, side by side or unified."""

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3
from conftest import Cli, Run, Write
from manifest_text import mesh_yaml
from terminals import run_on_terminal

from reconciler.core.changes import Difference
from reconciler.core.resources import Json, Key
from reconciler.endpoint import LocalEndpoint
from reconciler.render.side_by_side import render_sides
from reconciler.render.terminal import Layout, cell_width

Diff = Callable[..., Run]


@pytest.fixture
def where(endpoint: LocalEndpoint) -> tuple[str, ...]:
    return "--endpoint-url", endpoint.url, "--owner", "platform"


@pytest.fixture
def diff(cli: Cli, write: Write, where: tuple[str, ...]) -> Diff:
    write("manifests/a.yaml", mesh_yaml("a"))
    cli("apply", *where, "--auto-approve")
    return lambda *arguments: cli("diff", *arguments, *where)


def test_a_pipe_gets_a_unified_diff(diff: Diff, by_hand: Any) -> None:
    by_hand.update_mesh(meshName="a", spec={"egressFilter": {"type": "ALLOW_ALL"}})
    result = diff("mesh/a")
    assert (result.code, result.err) == (0, "")
    assert result.out.splitlines() == [
        "--- live/mesh/a",
        "+++ desired/mesh/a",
        "@@ -1,5 +1,5 @@",
        " spec:",
        "   egressFilter:",
        "-    type: ALLOW_ALL",
        "+    type: DROP_ALL",
        " tags:",
        '   "mesh-reconciler:owner": platform',
    ]


def test_a_resource_in_sync_is_one_line(diff: Diff) -> None:
    assert diff("mesh/a").out == "mesh/a matches its manifest.\n"
    assert diff("mesh/*").out == "mesh/a matches its manifest.\n"


def test_one_side_may_be_absent(diff: Diff, write: Write, by_hand: Any) -> None:
    write("other/b.yaml", mesh_yaml("b"))
    created = diff("mesh/b", "other").out.splitlines()
    assert {line[0] for line in created[3:]} == {"+"}
    by_hand.create_mesh(meshName="c", spec={})
    removed = diff("mesh/c").out.splitlines()
    assert {line[0] for line in removed[3:]} == {"-"}


def test_another_owner_is_a_difference(diff: Diff, cli: Cli, where: tuple[str, ...]) -> None:
    result = cli("diff", "mesh/a", *where[:2], "--owner", "we")
    assert '-  "mesh-reconciler:owner": platform\n+  "mesh-reconciler:owner": we\n' in result.out
    assert diff("mesh/a").code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("mesh/none",), "mesh/none matches no resource, neither desired nor live"),
        (("mesh/*", "more"), "diff compares one resource, but mesh/* matches 2: use one of mesh/"),
        (("none",), "none is not a key"),
    ],
)
def test_exactly_one_key_is_compared(
    arguments: tuple[str, ...], words: str, diff: Diff, write: Write
) -> None:
    write("more/b.yaml", mesh_yaml("b"))
    result = diff(*arguments)
    assert (result.code, result.out) == (64, "")
    assert words in result.err


def test_a_resource_that_cannot_be_read_is_no_absent_one(
    diff: Diff, endpoint: LocalEndpoint
) -> None:
    fault = {"operation": "DescribeMesh", "fault": "error", "status": 403}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [fault]})
    result = diff("mesh/a")
    assert (result.code, result.out) == (1, "")
    assert "mesh/a: it could not be read: " in result.err


def test_invalid_manifests_are_compared_with_nothing(diff: Diff, write: Write) -> None:
    write("manifests/b.yaml", "spec: [")
    result = diff("mesh/a")
    assert (result.code, result.out) == (65, "")
    assert "the manifests are not valid, so nothing was compared" in result.err


SIDES: tuple[Json, Json] = (
    {"spec": {"a": 1, "long": "x" * 60, "z": {"same": True}}},
    {"spec": {"a": 2, "long": "日本" * 30, "new": "\x1b[2J\u202e", "z": {"same": True}}},
)


@pytest.mark.parametrize("width", [80, 100, 133])
def test_nothing_is_cut_and_no_line_is_too_wide(width: int) -> None:
    text = render_sides(Key("mesh", ("m",)), Difference(*SIDES), Layout(color=False, width=width))
    lines = text.splitlines()
    assert all(cell_width(line) <= width for line in lines)
    assert all(line.isprintable() for line in lines)
    column = (width - 3) // 2
    assert lines[0] == f"{'live':<{column}}   desired"
    assert sum(line.count("x") for line in lines) >= 60
    assert sum(line.count("日本") for line in lines) >= 28
    assert [line for line in lines if " > " in line]
    assert [line for line in lines if line.startswith("  a: 1 ") and "| " in line]


def test_an_absent_side_is_named() -> None:
    key, layout = Key("mesh", ("m",)), Layout(color=True, width=100)
    created = render_sides(key, Difference(None, SIDES[0]), layout)
    assert "live (absent)" in created.splitlines()[0]
    assert "\x1b[32m" in created
    deleted = render_sides(key, Difference(SIDES[0], None), layout)
    assert "desired (absent)" in deleted.splitlines()[0]
    assert "\x1b[31m" in deleted
    unified = render_sides(key, Difference(*SIDES), Layout(color=True, width=79))
    assert "\x1b[31m-" in unified
    assert "\x1b[36m@@" in unified


@pytest.mark.process
def test_a_terminal_shows_both_sides(
    diff: Diff, where: tuple[str, ...], here: Path, by_hand: Any
) -> None:
    by_hand.update_mesh(meshName="a", spec={"egressFilter": {"type": "ALLOW_ALL"}})
    assert diff("mesh/a").code == 0
    arguments = ("diff", "mesh/a", *where, "--color", "never")
    shown = run_on_terminal(arguments, here, columns=100, stderr=subprocess.DEVNULL)
    assert shown.code == 0
    text = shown.terminal.decode().replace("\r\n", "\n")
    assert re.search(r"^    type: ALLOW_ALL +\|     type: DROP_ALL$", text, re.MULTILINE)
