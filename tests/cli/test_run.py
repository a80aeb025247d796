"""The daemon: cycles on change and on the clock, and an end that leaves nothing half done."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import forks
import pytest
import urllib3
from builders import listening, route
from conftest import Cli, Start, Write
from daemons import TIMEOUT_SECONDS, ended, eventually, told_of
from manifest_text import mesh_yaml

from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.unmeasured

SIGNATURE = (
    "AWS4-HMAC-SHA256 Credential=123456789012/20260101/eu-west-1/appmesh/aws4_request, "
    "SignedHeaders=host, Signature=0"
)


def test_once_is_one_cycle_with_its_exit_code(
    cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    where = ("--endpoint-url", endpoint.url, "--owner", "o", "--once")
    assert cli("run", *where).code == 0
    again = cli("run", *where, "--log-level", "info", "--log-format", "json")
    assert again.code == 0
    (line,) = [json.loads(line) for line in again.err.splitlines() if '"cycle"' in line]
    assert (line["changes"], line["exit_code"]) == (0, 0)


def test_once_says_what_it_left_alone(
    cli: Cli, write: Write, endpoint: LocalEndpoint, live: Any
) -> None:
    live.client.create_mesh(meshName="a")
    write("manifests/a.yaml", mesh_yaml("a"))
    result = cli("run", "--endpoint-url", endpoint.url, "--owner", "o", "--once")
    assert result.code == 5
    assert "mesh/a withheld: it exists without an owner tag" in result.err


def test_a_route_gets_its_port_before_its_router_another_listener(
    cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    def declare(ports: tuple[int, ...], port: int | None) -> None:
        place = {"meshName": "m", "virtualRouterName": "r"}
        write("manifests/r.json", json.dumps({**place, "spec": listening(*ports)}))
        spec = route("n", port=port)
        write("manifests/x.json", json.dumps({**place, "routeName": "x", "spec": spec}))

    write("manifests/m.yaml", mesh_yaml("m"))
    node = {"meshName": "m", "virtualNodeName": "n", "spec": {}}
    write("manifests/n.json", json.dumps(node))
    where = ("--endpoint-url", endpoint.url, "--owner", "o", "--once")
    declare((80,), None)
    assert cli("run", *where).code == 0
    declare((80, 90), 80)
    assert cli("run", *where).code == 0
    assert cli("plan", *where[:-1], "--detailed-exitcode").code == 0


@pytest.mark.unmeasured
def test_a_mesh_owner_that_is_the_own_account_is_refused_and_deletes_nothing(
    cli: Cli, write: Write, endpoint: LocalEndpoint, live: Any
) -> None:
    node = {"meshName": "m", "virtualNodeName": "n", "spec": {}}
    where = ("--endpoint-url", endpoint.url, "--owner", "o")
    write("manifests/m.yaml", mesh_yaml("m"))
    write("manifests/n.json", json.dumps(node))
    assert cli("apply", *where, "--auto-approve").code == 0
    write("manifests/n.json", json.dumps({**node, "meshOwner": "123456789012"}))
    for command in ("plan", "apply", "run"):
        more = {"plan": (), "apply": ("--auto-approve",), "run": ("--once",)}[command]
        result = cli(command, *where, "--policy", "sync", *more)
        assert result.code == 1
        assert "meshOwner is the target's own account: remove it" in result.err
    assert live.client.list_virtual_nodes(meshName="m")["virtualNodes"]


@pytest.mark.process
@pytest.mark.sample(1)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_p02_it_follows_the_files_and_ends_cleanly(
    write: Write, start: Start, live: Any, number: int
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    process = start("manifests", "--interval", "3600")
    eventually(lambda: "a" in live())
    write("manifests/b.yaml", mesh_yaml("b"))
    eventually(lambda: "b" in live())
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
    eventually(lambda: live()["a"]["version"] == 2)
    code, result = ended(process, number)
    assert code == 0
    assert "Traceback" not in result


@pytest.mark.measured
def test_a_secret_of_webhooks_that_others_can_read_is_one_line(
    cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("secret", "It's a Secret to Everybody").chmod(0o644)
    where = ("--endpoint-url", endpoint.url, "--owner", "o", "--webhook-secret-file", "secret")
    result = cli("run", *where)
    assert result.code == 64
    assert result.err == (
        "reconciler: the webhook secret file secret must be a file that only its user can read: "
        "run chmod 600 secret\n"
    )


@pytest.mark.process
def test_a13_drift_is_repaired_within_an_interval(write: Write, start: Start, live: Any) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    process = start("manifests", "--interval", "1")
    eventually(lambda: "a" in live())
    live.client.delete_mesh(meshName="a")
    eventually(lambda: "a" in live())
    assert ended(process, signal.SIGTERM)[0] == 0


@pytest.mark.process
def test_a_restarted_daemon_notices_what_changes_after_it_described_nothing(
    cli: Cli, write: Write, start: Start, endpoint: LocalEndpoint, live: Any
) -> None:
    where = ("--endpoint-url", endpoint.url, "--owner", "o", "--tag-index-lag", "0")
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    assert cli("apply", *where, "--auto-approve").code == 0
    # The times of the API are in whole seconds: in the second of the write nothing is believed.
    eventually(lambda: "DescribeMesh" not in cli("plan", *where, "--format", "json").out)
    process = start("manifests", "--interval", "1", "--tag-index-lag", "0")
    told_of(process, "cycle done: 0 changes")
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
    eventually(lambda: live()["a"]["version"] == 2)
    live.client.update_mesh(meshName="a", spec={})
    eventually(lambda: live()["a"]["version"] == 4)
    assert ended(process, signal.SIGTERM)[0] == 0


@pytest.mark.process
def test_a_daemon_calls_an_update_by_hand_drift_if_it_saw_the_resource_in_sync(
    cli: Cli, write: Write, start: Start, endpoint: LocalEndpoint, live: Any
) -> None:
    where = ("--endpoint-url", endpoint.url, "--owner", "o")
    write("manifests/a.yaml", mesh_yaml("a"))
    assert cli("apply", *where, "--auto-approve").code == 0
    process = start("manifests", "--interval", "1", "--policy", "observe")
    url = told_of(process, "status at ").rpartition(" ")[2].strip()
    told_of(process, "cycle done: 0 changes")
    live.client.update_mesh(meshName="a", spec={})
    eventually(lambda: '"cause":"drifted"' in cli("status", "--url", url, "--format", "json").out)
    assert "unknown  manifests/a.yaml" in cli("plan", *where).out
    assert ended(process, signal.SIGTERM)[0] == 0


@pytest.mark.process
def test_a_directory_that_comes_late_is_the_whole_source_too(
    write: Write, start: Start, live: Any, here: Path
) -> None:
    process = start("--interval", "1", "--policy", "sync")
    told_of(process, "waiting for the manifests: manifests does not exist")
    for name in "ab":
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    eventually(lambda: set(live()) == {"a", "b"})
    (here / "manifests/b.yaml").unlink()
    eventually(lambda: set(live()) == {"a"})
    assert ended(process, signal.SIGTERM)[0] == 0


@pytest.mark.process
def test_an_invalid_source_goes_on_repairing_towards_the_last_good_one_without_deletes(
    write: Write, start: Start, live: Any, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("manifests/b.yaml", mesh_yaml("b"))
    process = start("manifests", "--interval", "1", "--policy", "sync")
    eventually(lambda: set(live()) == {"a", "b"})
    write("manifests/a.yaml", "not: [valid\n")
    told_of(process, "manifests/a.yaml:2:1: error[MR012] is not valid YAML")
    (here / "manifests/b.yaml").unlink()
    live.client.delete_mesh(meshName="a")
    eventually(lambda: "a" in live())
    assert "b" in live()
    write("manifests/a.yaml", mesh_yaml("a"))
    eventually(lambda: "b" not in live())
    assert ended(process, signal.SIGTERM)[0] == 0


@pytest.mark.process
def test_an_endpoint_that_goes_away_changes_nothing_and_is_found_again(
    write: Write, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    data = here / "data"
    with LocalEndpoint(data) as first:
        port = int(first.url.rsplit(":", 1)[1])
    where = ("--endpoint-url", first.url, "--owner", "o")
    process = forks.start(
        "run", "manifests", *where, "--interval", "1", cwd=here, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    assert "account unknown" in process.stderr.readline()
    assert "status at http://127.0.0.1:" in process.stderr.readline()
    assert "cycle failed, nothing was changed" in process.stderr.readline()
    with LocalEndpoint(data, port=port) as second:

        def created() -> bool:
            counted = urllib3.request("GET", f"{second.url}/_endpoint/calls").json()["calls"]
            return "CreateMesh" in counted

        eventually(created)
        process.terminate()
        process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0


@pytest.mark.process
def test_a_source_that_was_never_valid_changes_nothing_until_it_is(
    write: Write, start: Start, live: Any
) -> None:
    write("manifests/a.yaml", "not: [valid\n")
    process = start("manifests", "--interval", "1")
    told_of(process, "not been valid since the start")
    assert live() == {}
    write("manifests/a.yaml", mesh_yaml("a"))
    eventually(lambda: "a" in live())
    assert ended(process, signal.SIGTERM)[0] == 0


@pytest.mark.process
def test_i05_a_source_that_goes_away_for_a_while_deletes_nothing_and_ends_nothing(
    write: Write, start: Start, live: Any, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    process = start("manifests", "--interval", "1", "--policy", "sync")
    eventually(lambda: "a" in live())
    (here / "manifests").rename(here / "elsewhere")
    told_of(process, "manifests does not exist")
    live.client.delete_mesh(meshName="a")
    eventually(lambda: "a" in live())
    (here / "elsewhere").rename(here / "manifests")
    write("manifests/b.yaml", mesh_yaml("b"))
    eventually(lambda: "b" in live())
    assert ended(process, signal.SIGTERM)[0] == 0


def test_i11_what_is_logged_cannot_steer_a_terminal(
    cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    owner = {"key": "mesh-reconciler:owner", "value": "evil\u001b[2J"}
    url = f"{endpoint.url}/v20190125/meshes"
    body = json.dumps({"meshName": "a", "tags": [owner]})
    signed = {"content-type": "application/json", "authorization": SIGNATURE}
    assert urllib3.request("PUT", url, body=body, headers=signed).status == 200
    result = cli("run", "--endpoint-url", endpoint.url, "--owner", "o", "--once")
    assert "\x1b" not in result.err
    assert "evil\\x1b[2J" in result.err


@pytest.mark.measured
def test_standard_input_is_nothing_to_watch(cli: Cli) -> None:
    assert cli("run", "-", "--target", "local").code == 64


@pytest.mark.process
def test_the_endpoint_serves_until_it_is_told_to_stop(here: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "reconciler", "endpoint", "--listen", "127.0.0.1:0",
         "--data", ":memory:"],
        cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    url = process.stdout.readline().split()[4].rstrip(",")
    assert urllib3.request("GET", f"{url}/v20190125/meshes").json() == {"meshes": []}
    process.terminate()
    process.communicate(timeout=TIMEOUT_SECONDS)
    assert process.returncode == 0
    assert not (here / ".reconciler").exists()
