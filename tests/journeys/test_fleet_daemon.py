"""One daemon for many targets: accounts of one endpoint, and servers that hang or refuse."""

import json
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest
import urllib3
from conftest import Cli, Write
from daemons import eventually
from journeys.fleets import (
    ACCOUNTS,
    NAMES,
    OTHER,
    Fleet,
    StartFleet,
    all_meshes,
    converge,
    write_targets,
)
from manifest_text import mesh_yaml
from programs import require_program
from webhooks import send_push

from reconciler.endpoint import LocalEndpoint

LONG = ("--interval", "3600")


@pytest.mark.process
@pytest.mark.measured
def test_edits_converge_on_each_target_and_status_is_by_target(
    cli: Cli, write: Write, endpoint: LocalEndpoint, start_fleet: StartFleet
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    fleet = start_fleet(*LONG)
    eventually(lambda: fleet.health(*NAMES) == {"in sync"})
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
    converge(endpoint.url, version=2)
    eventually(lambda: all(row["cycle"] == 2 for row in fleet.targets().values()))
    table = cli("status", "--url", fleet.url)
    assert table.code == 0
    assert [line.split()[0] for line in table.out.splitlines()[:3]] == NAMES
    assert table.out.count("in sync") == 3
    document = json.loads(cli("status", "--url", fleet.url, "--format", "json").out)
    assert [row["link"] for row in document["targets"]] == [f"/targets/{name}/" for name in NAMES]
    one = cli("status", "--url", fleet.url, "--target", NAMES[1])
    assert f"target {NAMES[1]} " in one.out
    assert "mesh/a" in one.out
    asked = cli("reconcile", "--url", fleet.url, "--target", NAMES[1])
    assert (asked.code, asked.out) == (0, "Cycle 3 ended with 0 (ok).\n")
    assert [row["cycle"] for row in fleet.targets().values()] == [2, 3, 2]
    unnamed = cli("reconcile", "--url", fleet.url)
    assert unnamed.code == 1
    assert "this daemon has 3 targets, so pass --target NAME" in unnamed.err
    check_pages(fleet)
    check_metrics(fleet)
    log = fleet.stop()
    assert f"{NAMES[0]}: cycle done: 1 change, exit code 0" in log


def check_pages(fleet: Fleet) -> None:
    """Check that each target has its page, its runs and its log below its path."""
    # A browser fills in the targets.
    assert 'src="fleet.js"' in fleet.get("/").data.decode()
    links = {row["target"]: row["link"] for row in fleet.get("/status").json()["targets"]}
    for name in NAMES:
        assert links[name] == f"/targets/{name}/"
        below = f"/targets/{name}"
        moved = fleet.get(below)
        assert (moved.status, moved.headers["location"]) == (308, f"{below}/")
        assert "daemon.js" in fleet.get(f"{below}/").data.decode()
        assert fleet.get(f"{below}/daemon.js").status == 200
        runs = fleet.get(f"{below}/runs").json()["runs"]
        assert {run["target"] for run in runs} == {name}
        assert {event["target"] for event in fleet.get(f"{below}/log").json()["events"]} == {name}
    assert fleet.get("/page.css").status == 200
    assert fleet.get("/targets/unknown/status").status == 404
    assert [fleet.get(path).data for path in ("/healthz", "/readyz")] == [b"ok\n", b"ok\n"]


def check_metrics(fleet: Fleet) -> None:
    text = fleet.get("/metrics").data.decode()
    for name in NAMES:
        assert f'mesh_reconciler_resources{{state="in_sync",target="{name}"}} 1.0' in text
    assert text.count("# TYPE mesh_reconciler_cycles_total counter") == 1
    assert text.count("\nprocess_resident_memory_bytes ") == 1
    promtool = require_program("promtool", purpose="the metrics of a daemon of many targets")
    checked = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


@pytest.mark.process
@pytest.mark.measured
def test_deletes_of_all_targets_share_the_budget_of_an_hour(
    cli: Cli, write: Write, endpoint: LocalEndpoint, start_fleet: StartFleet
) -> None:
    write("manifests/a.yaml", mesh_yaml("a") + "---\n" + mesh_yaml("b"))
    fleet = start_fleet(*LONG, "--max-deletes-per-hour", "2")
    eventually(lambda: fleet.health(*NAMES) == {"in sync"})
    write("manifests/a.yaml", mesh_yaml("a"))
    eventually(lambda: all(row["cycle"] == 2 for row in fleet.targets().values()))
    eventually(lambda: fleet.health(*NAMES) == {"in sync", "withheld"})
    left = all_meshes(endpoint.url)
    assert sorted(map(len, left)) == [1, 1, 2]
    withheld = NAMES[[len(names) for names in left].index(2)]
    shown = cli("status", "--url", fleet.url, "--target", withheld)
    assert "exceed --max-deletes-per-hour 2" in " ".join(shown.out.split())
    log = fleet.stop()
    assert log.count("so nothing is deleted: pass --max-deletes-per-hour 3") == 1


@pytest.mark.process
@pytest.mark.measured
def test_a_target_that_hangs_delays_no_other_and_no_end(
    write: Write, endpoint: LocalEndpoint, start_fleet: StartFleet
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        write_targets(write, endpoint.url, more=OTHER.format(url=url))
        fleet = start_fleet(*LONG, "--targets-at-once", "2")
        eventually(lambda: fleet.health(*NAMES) == {"in sync"})
        write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
        converge(endpoint.url, version=2)
        assert fleet.health("other") <= {"starting", "unreadable"}
        assert fleet.get("/healthz").status == 200
        # Calls that hang are abandoned.
        fleet.stop()


@pytest.mark.process
@pytest.mark.measured
def test_a_target_that_refuses_is_opened_when_it_answers(
    cli: Cli, write: Write, endpoint: LocalEndpoint, start_fleet: StartFleet
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    more = OTHER.format(url=f"http://127.0.0.1:{port}") + 'account = "300000000001"\n'
    more += 'profile = "one"\n'
    write_targets(write, endpoint.url, more=more)
    fleet = start_fleet(*LONG)
    eventually(lambda: fleet.health(*NAMES) == {"in sync"})
    eventually(lambda: fleet.health("other") == {"unreadable"})
    assert "Could not connect to the endpoint URL" in fleet.targets()["other"]["error"]
    refused = cli("reconcile", "--url", fleet.url, "--target", "other")
    assert (refused.code, fleet.get("/readyz").status) == (1, 200)
    write("reconciler.toml", "[targets")
    fleet.process.send_signal(signal.SIGHUP)
    eventually(lambda: "other: the configuration was not reloaded" in fleet.log)
    write_targets(write, endpoint.url, more=more)
    fleet.process.send_signal(signal.SIGHUP)
    eventually(lambda: "other: the configuration was reloaded" in fleet.log)
    assert fleet.get("/targets/other/readyz").status == 503
    with LocalEndpoint(None, port=port):
        asked = cli("reconcile", "--url", fleet.url, "--target", "other")
        # The attempt after the reload may have opened it before.
        assert asked.code == 0, (asked, fleet.log)
        assert fleet.health("other") == {"in sync"}
    log = fleet.stop()
    assert log.count("other: the target cannot be opened") == 1


@pytest.mark.process
@pytest.mark.measured
def test_locks_webhooks_and_reloads_are_of_each_target(
    write: Write, endpoint: LocalEndpoint, start_fleet: StartFleet, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    secret = write("secret", "a secret of a forge, long enough")
    secret.chmod(0o600)
    options = (*LONG, "--lock", "file:{target}.lock", "--webhook-secret-file", "secret")
    fleet = start_fleet(*options, limit=("soft-files", 280))
    eventually(lambda: fleet.health(*NAMES) == {"in sync"})
    assert sorted(path.name for path in here.glob("*.lock")) == sorted(f"{n}.lock" for n in NAMES)
    other = start_fleet(*options, limit=("files", 300))
    assert "3 targets may open 310 files, and the limit is 300: raise it" in other.log
    assert "raise it" not in fleet.log
    eventually(lambda: all(row["exit_code"] == 7 for row in other.targets().values()))
    send_push(fleet.url, secret)
    assert urllib3.request("POST", f"{fleet.url}/webhooks/github").status == 401
    write_targets(write, endpoint.url, policy="observe")
    fleet.process.send_signal(signal.SIGHUP)
    lines = [f"{name}: the configuration was reloaded; policy observe" for name in NAMES]
    eventually(lambda: all(line in fleet.log for line in lines))
    fleet.stop()
    eventually(lambda: all(row["exit_code"] == 0 for row in other.targets().values()))
    other.stop()


REFUSED = {
    "once": (("--once",), "--once is for one target"),
    "a region": (("--region", "eu-west-1"), "--region is for one target"),
    "one lease": (("--lock", "file:lock"), "each target needs its own"),
    "members without a lock": (("--members", "file:members"), "--members needs --lock"),
    "a shard of none": (("--shard", "account_name=four"), "their account_name is one of one, th"),
    "standard input": (("-",), "standard input is for one target"),
    "an address": (("--listen", "nowhere"), 'invalid --listen "nowhere"'),
    "a limit": (("--max-updates", "many"), 'invalid --max-updates "many"'),
}


@pytest.mark.parametrize(("arguments", "message"), REFUSED.values(), ids=REFUSED)
def test_invalid_options_end_the_daemon_before_anything_runs(
    arguments: tuple[str, ...], message: str, cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    write_targets(write, endpoint.url)
    refused = cli("run", "--all-targets", *arguments)
    assert (refused.code, refused.out, refused.err.count("\n")) == (64, "", 1)
    assert message in refused.err


def test_members_are_of_several_targets(cli: Cli, write: Write, endpoint: LocalEndpoint) -> None:
    write_targets(write, endpoint.url)
    refused = cli("run", "--target", NAMES[0], "--members", "file:members", "--lock", "file:lock")
    assert (refused.code, refused.out) == (64, "")
    assert "--members is for several targets" in refused.err


def test_a_target_without_owner_ends_the_daemon_before_anything_runs(
    cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write_targets(write, endpoint.url, more=f'[targets.other]\nendpoint_url = "{endpoint.url}"\n')
    refused = cli("run", "--all-targets")
    assert refused.code == 64
    assert "no owner given" in refused.err
    assert all_meshes(endpoint.url) == [{}, {}, {}]


def test_two_targets_that_own_the_same_resources_end_the_daemon_before_anything_runs(
    cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    same = OTHER.format(url=endpoint.url) + f'account = "{ACCOUNTS["one"]}"\n'
    write_targets(write, endpoint.url, more=same)
    refused = cli("run", "--all-targets")
    assert (refused.code, refused.out) == (64, "")
    assert refused.err == (
        "reconciler: shop-one and other have the same account, region and owner, so each would"
        " delete the resources of the other: give each of them its own owner\n"
    )
    assert all_meshes(endpoint.url) == [{}, {}, {}]


def test_a_defect_in_one_loop_ends_the_daemon_loudly(
    cli: Cli,
    write: Write,
    endpoint: LocalEndpoint,
    start_fleet: StartFleet,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    del start_fleet
    write("manifests/a.yaml", mesh_yaml("a"))
    more = OTHER.format(url=endpoint.url).replace("eu-west-1", "us-east-1") + 'profile = "one"\n'
    write_targets(write, endpoint.url, more=more)
    create = boto3.Session.client

    def broken(session: Any, service: str, **options: Any) -> Any:
        if options["region_name"] == "us-east-1":
            raise ZeroDivisionError("a defect")
        return create(session, service, **options)

    monkeypatch.setattr(boto3.Session, "client", broken)
    died = cli("run", "--all-targets", *LONG)
    assert died.code == 1
    assert "target other: a bug in mesh-reconciler: ZeroDivisionError: a defect" in died.err
    assert died.err.splitlines()[-1].startswith("reconciler: a bug in mesh-reconciler: ZeroDiv")
