"""What could not be read and may be ours is shown in every format, and is no success."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3
from conftest import Cli, Run, Start, Write
from daemons import TIMEOUT_SECONDS, eventually
from manifest_text import mesh_yaml

from reconciler.endpoint import LocalEndpoint

Say = Callable[..., Run]
Break = Callable[..., None]

DENIED = {"fault": "error", "status": 403}
UNREAD = {"operation": "DescribeVirtualNode", "name": "b"}
UNLISTED = {"operation": "ListVirtualNodes", **DENIED}
DELETING = ("--policy", "sync", "--max-deletes", "9", "--allow-empty")


def node_yaml(name: str, mesh: str = "m") -> str:
    return (
        "apiVersion: mesh-reconciler/v1\nkind: VirtualNode\n"
        f"metadata: {{name: {name}, mesh: {mesh}}}\nspec: {{}}\n"
    )


@pytest.fixture
def say(cli: Cli, endpoint: LocalEndpoint) -> Say:
    def run(command: str, *arguments: str) -> Run:
        target = ("--endpoint-url", endpoint.url, "--owner", "o")
        nowhere = ("--url", "http://127.0.0.1:1") if command == "describe" else ()
        return cli(command, *arguments, *target, *nowhere)

    return run


@pytest.fixture
def breaks(endpoint: LocalEndpoint) -> Break:
    def run(*faults: dict[str, Any]) -> None:
        content = {"faults": list(faults)}
        put = urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json=content)
        assert put.status == 200, put.data

    return run


@pytest.fixture
def removed(write: Write, say: Say, here: Path) -> None:
    """A mesh with two nodes is live, and the manifest of node b is gone."""
    write("manifests/m.yaml", mesh_yaml("m"))
    write("manifests/a.yaml", node_yaml("a"))
    write("manifests/b.yaml", node_yaml("b"))
    assert say("apply", "--auto-approve").code == 0
    (here / "manifests/b.yaml").unlink()


def deletes(endpoint: LocalEndpoint) -> int:
    counts = urllib3.request("GET", f"{endpoint.url}/_endpoint/calls").json()["calls"]
    return sum(count for operation, count in counts.items() if operation.startswith("Delete"))


def insists(caplog: Run, *words: str) -> None:
    """Check that a run says what it could not read, and is no success."""
    assert caplog.code == 1, caplog
    for word in words:
        assert word in caplog.out + caplog.err, word
    assert "No changes" not in caplog.out
    assert '"converged":true' not in caplog.out


@pytest.mark.unmeasured
@pytest.mark.usefixtures("removed")
@pytest.mark.parametrize(
    "fault", [DENIED, {"fault": "error", "status": 500}, {"fault": "html", "status": 200}]
)
def test_what_lost_its_manifest_and_cannot_be_read_is_no_success(
    fault: dict[str, Any], say: Say, breaks: Break
) -> None:
    breaks({**UNREAD, **fault})
    insists(say("plan", *DELETING), "! virtual-node/m/b  unreadable: it may be ours, but it could")
    report = say("apply", "--auto-approve", "--format", "json", *DELETING)
    insists(report, '"converged":false', '"exit_name":"error"')
    (withheld,) = json.loads(report.out)["plan"]["withheld"]
    assert (withheld["key"], withheld["reason_code"]) == ("virtual-node/m/b", "unreadable")


@pytest.mark.usefixtures("removed")
@pytest.mark.sample(3)
@pytest.mark.parametrize("form", ["text", "json", "markdown"])
@pytest.mark.parametrize(
    ("fault", "place"),
    [({**UNREAD, **DENIED}, "virtual-node/m/b"), (UNLISTED, "virtual-node/m/*")],
)
def test_every_command_and_format_shows_it(
    fault: dict[str, Any], place: str, form: str, say: Say, cli: Cli, breaks: Break
) -> None:
    breaks(fault)
    insists(say("plan", "--format", form, "--out", "it.plan", *DELETING), place, "Forbidden")
    insists(cli("show", "it.plan", "--format", form), place, "Forbidden")
    insists(say("apply", "--auto-approve", "--format", form, *DELETING), place, "Forbidden")
    saved = ("--plan", "it.plan", "--auto-approve", "--format", form)
    insists(say("apply", *saved), place, "Forbidden")
    insists(say("run", "--once"), place, "Forbidden")
    insists(say("describe", "mesh/m" if place.endswith("*") else place), place, "Forbidden")


@pytest.mark.unmeasured
@pytest.mark.usefixtures("removed")
def test_with_no_manifest_and_no_answer_nothing_passes_for_gone(
    say: Say, breaks: Break, endpoint: LocalEndpoint, here: Path
) -> None:
    for path in (here / "manifests").iterdir():
        path.unlink()
    breaks({"operation": "Describe*", **DENIED})
    for command in (("plan",), ("apply", "--auto-approve")):
        result = say(*command, *DELETING)
        insists(result, "! mesh/m  unr", "! virtual-node/m/a  unr", "! virtual-node/m/b  unr")
    assert deletes(endpoint) == 0


@pytest.mark.unmeasured
@pytest.mark.usefixtures("removed")
def test_without_an_index_of_tags_what_may_be_ours_is_shown_too(
    say: Say, breaks: Break, by_hand: Any
) -> None:
    by_hand.create_mesh(meshName="theirs")
    denied = [{"operation": name, **DENIED} for name in ("GetResources", "ListTagsForResource")]
    breaks(*denied)
    result = say("plan")
    insists(
        result, *(f"{key}  unreadable: it may be" for key in ("mesh/theirs", "virtual-node/m/b"))
    )


@pytest.mark.unmeasured
@pytest.mark.usefixtures("removed")
def test_every_list_that_failed_is_shown_and_what_others_show_is_used(
    say: Say, breaks: Break, write: Write
) -> None:
    write("manifests/c.yaml", node_yaml("c"))
    failing = ("ListVirtualRouters", "ListVirtualGateways")
    breaks(*({"operation": name, **DENIED} for name in failing))
    result = say("apply", "--auto-approve", *DELETING)
    insists(result, "virtual-gateway/m/*", "virtual-router/m/*", "virtual-node/m/c: created")
    assert "Applied: 1 created, 1 withheld, 2 lists could not be read." in result.out
    assert "! virtual-node/m/b  guard: nothing is deleted because " in result.out


@pytest.mark.unmeasured
@pytest.mark.sample(2)
@pytest.mark.usefixtures("removed")
@pytest.mark.parametrize(
    ("selecting", "code"),
    [
        ((), 1),
        (("--only", "mesh/*"), 0),
        (("--only", "virtual-router/m/*"), 0),
        (("--only", "*/m/*"), 1),
        (("--except", "virtual-node/*"), 0),
        (("--except", "virtual-node/m/a"), 1),
        # What it names may be there: it is no mistyped pattern.
        (("--only", "virtual-node/m/b"), 1),
    ],
)
def test_a_list_that_failed_counts_if_it_may_hold_what_is_selected(
    selecting: tuple[str, ...], code: int, write: Write, say: Say, breaks: Break
) -> None:
    write("manifests/r.json", '{"meshName": "m", "virtualRouterName": "r", "spec": {}}')
    breaks(UNLISTED)
    result = say("plan", *selecting)
    assert result.code == code, result
    assert ("! virtual-node/m/*  they could not be listed" in result.out) is (code == 1)


@pytest.mark.usefixtures("removed")
def test_a_list_of_no_concern_does_not_keep_a_resource_from_being_described(
    say: Say, breaks: Break, by_hand: Any
) -> None:
    by_hand.create_mesh(meshName="theirs")
    # The first call is the plan's; of the next two one is about another mesh.
    breaks({**UNLISTED, "calls": [2, 3]})
    result = say("describe", "virtual-node/m/a")
    assert (result.code, "could not" in result.out) == (0, False)
    breaks({**UNLISTED, "calls": [2, 3]})
    unknown = say("describe", "virtual-node/m/unknown")
    assert (unknown.code, "ListVirtualNodes" in unknown.err) == (1, True)
    breaks({**UNLISTED, "calls": [2, 3, 4]})
    result = say("describe", "virtual-node/m/a")
    assert result.code == 1
    assert "\n  live       it could not be read: ListVirtualNodes in mesh/m" in result.out


@pytest.mark.process
@pytest.mark.usefixtures("removed")
def test_a_daemon_is_not_in_sync_with_what_it_could_not_list(
    breaks: Break, start: Start, cli: Cli
) -> None:
    breaks(UNLISTED)
    process = start("--log-format", "json", "--interval", "60")
    assert process.stderr is not None
    lines: list[dict[str, Any]] = []
    while not lines or lines[-1].get("event") != "cycle":
        lines.append(json.loads(process.stderr.readline()))
    failing = [it for it in lines if it["message"].startswith("virtual-node/m/*: they could not")]
    assert [it["level"] for it in failing] == ["error"]
    url = next(it["message"].split()[-1] for it in lines if "status at" in it["message"])

    def document() -> Any:
        return urllib3.request("GET", f"{url}/status", timeout=TIMEOUT_SECONDS).json()

    eventually(lambda: document()["cycle"]["exit_code"] == 1)
    assert [it["pattern"] for it in document()["unlisted"]] == ["virtual-node/m/*"]
    assert document()["error"] is None
    result = cli("status", "--url", url)
    assert "\n! virtual-node/m/*: they could not be listed, and some may be ours: " in result.out
    figures = urllib3.request("GET", f"{url}/metrics").data.decode()
    assert "mesh_reconciler_target_readable 0.0" in figures
