"""The documents of the page: resources, graph, runs and log."""

import json
from pathlib import Path
from typing import Any

import pytest
from builders import OWNER, TARGET
from web.worlds import COMMIT, WORLDS, World

from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import Json, Key
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.history.history_file import HistoryFiles
from reconciler.history.recorder import Author, Recorder
from reconciler.known_secrets import remember
from reconciler.wiring.daemon_page import daemon_documents

SOURCES = ("git+https://github.com/acme/mesh.git",)
ROUTE = Key("route", ("shop", "cart-router", "main"))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return WORLDS["drifted"](tmp_path)


def read(world: World, path: str, sources: tuple[str, ...] = SOURCES, **query: str) -> Any:
    documents = daemon_documents(world.history, lambda: [{"at": 1.0}], lambda: sources)
    text = documents[path](world.status, query)
    return None if text is None else json.loads(text)


def test_a_resource_has_both_sides_and_a_link(world: World) -> None:
    found = read(world, "/resource", key=str(ROUTE))
    assert found["link"].endswith(f"/blob/{COMMIT}/manifests/shop/cart-router.yaml#L6")
    assert found["is_live_known"]
    match = {side: found[side]["spec"]["httpRoute"]["match"] for side in ("live", "desired")}
    assert match == {"live": {"prefix": "/cart"}, "desired": {"prefix": "/"}}
    assert read(world, "/resource", ("manifests",), key=str(ROUTE))["link"] is None


@pytest.mark.parametrize("key", ["", "route", "mesh/absent", "no-kind/a"])
def test_an_unknown_key_has_no_document(world: World, key: str) -> None:
    assert read(world, "/resource", key=key) is None


@pytest.mark.unmeasured
def test_e01_a_resource_shows_no_secret(world: World) -> None:
    secret = "a-secret-that-is-in-a-spec"  # noqa: S105  # it opens nothing
    remember(secret)
    tls: Json = {"name": secret, secret: [secret, 1]}
    world.drift(ROUTE, httpRoute={"match": {"prefix": "/"}, "action": tls})
    world.cycle()
    text = json.dumps(read(world, "/resource", key=str(ROUTE)))
    assert secret not in text
    assert "[redacted]" in text


def test_the_graph_has_the_state_of_each_resource(world: World) -> None:
    graph = read(world, "/graph")
    assert graph["meshes"] == [{"id": "mesh/shop", "name": "shop", "state": "drifted"}]
    states = {node["id"]: node["state"] for node in graph["nodes"]}
    assert states.pop(str(ROUTE)) == "drifted"
    assert set(states.values()) == {"in sync"}
    shares = [edge for edge in graph["edges"] if edge["from"] == str(ROUTE)]
    assert [(edge["to"], edge["label"]) for edge in shares] == [
        ("virtual-node/shop/cart-v1", "80 %"),
        ("virtual-node/shop/cart-v2", "20 %"),
    ]


def test_the_graph_has_live_resources_without_a_manifest_and_references_to_others(
    world: World,
) -> None:
    world.cycle([item for item in world.desired if item.key.kind != "virtual-node"])
    nodes = {node["id"]: node["state"] for node in read(world, "/graph")["nodes"]}
    assert nodes["virtual-node/shop/cart-v1"] != "not managed"
    world.cycle([item for item in world.desired if item.key == ROUTE])
    world.status = DaemonStatus(
        TARGET, OWNER, "sync", 0.0, 60.0,
        resources=tuple(item for item in world.status.resources if item.key == ROUTE),
        desired=world.status.desired,
    )  # fmt: skip
    nodes = {node["id"]: node["state"] for node in read(world, "/graph")["nodes"]}
    assert nodes["virtual-node/shop/cart-v1"] == "not managed"


def test_before_the_first_cycle_there_is_no_graph(tmp_path: Path) -> None:
    world = World([], tmp_path)
    assert read(world, "/graph") == {"meshes": [], "nodes": [], "edges": []}


def test_runs_are_listed_and_shown(world: World) -> None:
    runs = read(world, "/runs")["runs"]
    assert [run["counts"] for run in runs] == [{"withheld": 2}, {"applied": 33}]
    shown = read(world, "/run", id=runs[0]["run"])
    assert [item["key"] for item in shown["withheld"]] == ["mesh/shop", str(ROUTE)]
    # The beginning of an id is enough for the command, but not for a link.
    assert read(world, "/run", id=runs[0]["run"][:-1]) is None


def test_a_history_that_is_not_kept_or_cannot_be_read_is_no_error(
    world: World, tmp_path: Path
) -> None:
    documents = daemon_documents(None, list, lambda: SOURCES)
    assert json.loads(documents["/runs"](world.status, {}) or "") == {"runs": None}
    assert documents["/run"](world.status, {"id": "1"}) is None
    broken = tmp_path / "broken"
    broken.mkdir()
    # A link is not followed.
    (broken / "runs.jsonl").symlink_to(__file__)
    world.history = HistoryFiles(broken)
    assert read(world, "/runs")["error"].startswith("reading the history: ")
    assert read(world, "/run", id="1") is None


def test_a_run_that_failed_as_a_whole_is_listed(tmp_path: Path) -> None:
    world = World([], tmp_path)
    recorder = Recorder(world.history, Author("run", "root@host", "test", OWNER))
    recorder.start(0.0).record_failure("no answer", ExitCode.ERROR)
    (run,) = read(world, "/runs")["runs"]
    assert run["error"] == "no answer"


def test_the_log_has_the_last_records(world: World) -> None:
    assert read(world, "/log") == {"events": [{"at": 1.0}]}
