"""graph at the command line: desired, live and planned, in every format."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import urllib3
from conftest import Cli, Run, Write
from manual import DOCS, ROOT

from reconciler.endpoint import LocalEndpoint

Say = Callable[..., Run]
SHOP = str(ROOT / "manifests" / "shop")
UNREAD = {
    "operation": "DescribeVirtualNode",
    "name": "checkout-v2",
    "fault": "error",
    "status": 403,
}


@pytest.fixture
def say(cli: Cli, endpoint: LocalEndpoint) -> Say:
    """Return the command with a target and an owner."""
    return lambda *arguments: cli(*arguments, "--endpoint-url", endpoint.url, "--owner", "o")


@pytest.fixture
def applied(say: Say, write: Write) -> Write:
    """The shop is live; return the function that writes files."""
    for file in (ROOT / "manifests" / "shop").glob("*.yaml"):
        write(f"manifests/{file.name}", file.read_text("utf-8"))
    assert say("apply", "--auto-approve").code == 0
    return write


def test_the_tree_in_the_manual_is_what_it_prints(cli: Cli) -> None:
    result = cli("graph", SHOP)
    assert (result.code, result.err) == (0, "")
    page = (DOCS / "graph.md").read_text("utf-8")
    assert f"$ reconciler graph manifests/shop\n{result.out}```" in page


@pytest.mark.parametrize(
    ("name", "start"),
    [("mermaid", "flowchart LR\n"), ("dot", "digraph "), ("svg", "<svg "), ("json", "{")],
)
def test_every_format_contacts_no_target(name: str, start: str, cli: Cli) -> None:
    result = cli("graph", SHOP, "--format", name, "--endpoint-url", "http://127.0.0.1:1")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(start)


@pytest.mark.usefixtures("applied")
def test_live_shows_the_target_and_all_its_resources(say: Say, endpoint: LocalEndpoint) -> None:
    result = say("graph", "--live")
    assert result.code == 0
    heading, _, text = result.out.partition("\n\n")
    assert heading == f"target {endpoint.url}, account 123456789012, region eu-west-1"
    assert text == say("graph").out


@pytest.mark.usefixtures("applied")
def test_a_resource_that_cannot_be_read_is_shown_and_is_no_success(
    say: Say, endpoint: LocalEndpoint
) -> None:
    faults = {"faults": [UNREAD]}
    put = urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json=faults)
    assert put.status == 200, put.data
    result = say("graph", "--live", "--format", "json")
    states = {it["key"]: it["state"] for it in json.loads(result.out)["graph"]["nodes"]}
    assert result.code == 1
    assert states["virtual-node/shop/checkout-v2"] == "unreadable"
    assert states["virtual-node/shop/checkout-v1"] == "unchanged"
    assert result.err.startswith(
        "reconciler: virtual-node/shop/checkout-v2: it could not be read: "
    )
    result = say("graph", "--planned", "--refresh", "--color", "never")
    assert result.code == 1
    assert "? virtual-node checkout-v2  http:8080  (could not be read)" in result.out


@pytest.mark.usefixtures("applied")
def test_a_list_that_cannot_be_read_is_one_line_and_no_success(
    say: Say, endpoint: LocalEndpoint
) -> None:
    faults = {"faults": [{"operation": "ListVirtualNodes", "fault": "error", "status": 403}]}
    put = urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json=faults)
    assert put.status == 200, put.data
    result = say("graph", "--planned")
    assert result.code == 1
    assert "virtual-node/shop/*: they could not be listed" in result.err


def test_planned_marks_what_apply_would_change(applied: Write, say: Say) -> None:
    text = (
        (ROOT / "manifests/shop/checkout.yaml")
        .read_text("utf-8")
        .replace("weight: 90", "weight: 30")
    )
    applied("manifests/checkout.yaml", text)
    result = say("graph", "--planned", "--color", "never")
    assert result.code == 0
    assert ", owner o\n\nmesh/shop\n" in result.out
    assert "~ route canary" in result.out
    assert "~ 90 % -> 75 %  virtual-node checkout-v1" in result.out
    assert "\n~ update\n" in result.out
    # --only limits the plan, not the picture.
    result = say("graph", "--planned", "--only", "virtual-node/*")
    assert "~" not in result.out
    assert "route canary" in result.out


def test_changed_draws_the_part_of_the_plan(applied: Write, say: Say) -> None:
    result = say("graph", "--planned", "--changed", "--format", "json")
    assert (result.code, json.loads(result.out)["graph"]["nodes"]) == (0, [])
    text = (ROOT / "manifests/shop/checkout.yaml").read_text("utf-8")
    applied("manifests/checkout.yaml", text.replace("weight: 90", "weight: 30"))
    result = say("graph", "--planned", "--changed", "--format", "json")
    states = {it["key"]: it["state"] for it in json.loads(result.out)["graph"]["nodes"]}
    assert (result.code, states) == (0, {
        "route/shop/checkout/canary": "update",
        "virtual-node/shop/checkout-v1": "unchanged",
        "virtual-node/shop/checkout-v2": "unchanged",
        "virtual-router/shop/checkout": "unchanged",
    })  # fmt: skip


def test_only_and_except_select_what_is_drawn(cli: Cli) -> None:
    result = cli("graph", SHOP, "--only", "route/shop/checkout/*", "--format", "json")
    graph: dict[str, Any] = json.loads(result.out)["graph"]
    assert [it["key"] for it in graph["nodes"]] == [
        "route/shop/checkout/canary", "virtual-node/shop/checkout-v1",
        "virtual-node/shop/checkout-v2", "virtual-router/shop/checkout",
    ]  # fmt: skip
    result = cli("graph", SHOP, "--except", "gateway-route/*", "--except", "virtual-gateway/*")
    assert (result.code, "gateway" in result.out) == (0, False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--live", "--planned"), "pass either --live or --planned"),
        (("--live", "--changed"), "--changed draws a part of a plan: pass --planned too"),
        (("--live", SHOP), "--live draws the resources of the target: pass no PATH"),
        ((SHOP, "--only", "route/none"), "--only route/none matches no resource"),
        ((SHOP, "--except", "route/none"), "--except route/none matches no resource"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], message: str, cli: Cli) -> None:
    result = cli("graph", *arguments)
    assert (result.code, result.out) == (64, "")
    assert result.err == f"reconciler: {message}\n"


def test_invalid_manifests_are_not_drawn(cli: Cli, write: Write) -> None:
    write("manifests/a.yaml", "apiVersion: mesh-reconciler/v1\nkind: Mesh\nmetadata: {}\n")
    result = cli("graph")
    assert (result.code, result.out) == (65, "")
    assert "so nothing was drawn" in result.err


@pytest.mark.process
def test_help_and_plan_do_not_import_the_graph() -> None:
    script = (
        "import sys; import reconciler.cli.main, reconciler.cli.commands.plan\n"
        "print([name for name in sys.modules if name.startswith('reconciler.render.graph')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
