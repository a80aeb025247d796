"""Several daemons share the targets: each has some of them, and takes those of one that ends."""

import json
import signal
from functools import partial

import pytest
from conftest import Cli, Write
from daemons import eventually
from endpoint.postgresql import postgresql
from journeys.fleets import NAMES, Fleet, StartFleet, converge
from manifest_text import mesh_yaml

from reconciler.endpoint import LocalEndpoint

TERM = ("--lock-term", "3", "--interval", "2")
FILES = ("--lock", "file:{target}.lock", "--members", "file:members", *TERM)


def own_name(fleet: Fleet) -> str:
    members = fleet.get("/status").json()["members"]
    return next((member["name"] for member in members if member["is_self"]), "")


def held(fleet: Fleet) -> list[str]:
    """Return the targets that it reconciles."""
    name = own_name(fleet)
    return [
        target
        for target, row in fleet.targets().items()
        if (row["holder"], row["health"]) == (name, "in sync")
    ]


def share(*fleets: Fleet) -> bool:
    """Return whether each target has one of the daemons, and each daemon has a target."""
    targets = [held(fleet) for fleet in fleets]
    return all(targets) and sorted(name for names in targets for name in names) == sorted(NAMES)


@pytest.mark.process
@pytest.mark.measured
def test_daemons_share_the_targets_and_hand_them_over(
    cli: Cli, write: Write, endpoint: LocalEndpoint, start_fleet: StartFleet
) -> None:
    write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    first = start_fleet(*FILES)
    eventually(lambda: share(first))
    second = start_fleet(*FILES)
    eventually(lambda: share(first, second))
    assert f": another daemon has taken this target: {own_name(second)}" in first.log
    check_status(cli, first, second)
    write("manifests/a.yaml", mesh_yaml("a", "ALLOW_ALL"))
    converge(endpoint.url, version=2)
    for fleet in (first, second):
        assert fleet.get("/readyz").status == 200
        fleet.process.send_signal(signal.SIGHUP)
        lines = [f"{name}: the configuration was reloaded" for name in NAMES]
        eventually(partial(is_logged, fleet, lines))
    first.stop()
    eventually(lambda: share(second))
    second.stop()
    # One write of each target for each edit.
    converge(endpoint.url, version=2)


def is_logged(fleet: Fleet, lines: list[str]) -> bool:
    return all(line in fleet.log for line in lines)


def check_status(cli: Cli, first: Fleet, second: Fleet) -> None:
    """Check that ``first`` shows the members, and who has each target."""
    elsewhere, name, other = held(second)[0], own_name(first), own_name(second)
    eventually(lambda: sum(it["targets"] for it in first.get("/status").json()["members"]) == 3)
    document = json.loads(cli("status", "--url", first.url, "--format", "json").out)
    assert {member["name"] for member in document["members"]} == {name, other}
    row = next(row for row in document["targets"] if row["target"] == elsewhere)
    assert (row["health"], row["holder"], row["exit_code"]) == ("elsewhere", other, 7)
    table = cli("status", "--url", first.url).out
    assert f"  elsewhere   on {other}\n" in table
    assert f"  {name} (this daemon): " in table
    assert f"  {other}: " in table
    one = cli("status", "--url", first.url, "--target", elsewhere)
    assert f"Elsewhere: {other} reconciles this target." in one.out
    asked = cli("reconcile", "--url", first.url, "--target", elsewhere)
    assert asked.code == 1
    assert f"{other} reconciles {elsewhere}: pass the --url of that daemon" in asked.err
    metrics = first.get("/metrics").data.decode()
    assert "\nmesh_reconciler_members 2.0\n" in metrics
    assert f"\nmesh_reconciler_member_targets {len(held(first))}.0\n" in metrics
    assert f'mesh_reconciler_leading{{target="{elsewhere}"}} 0.0' in metrics


@pytest.mark.process
@pytest.mark.unmeasured
def test_targets_of_a_daemon_that_is_killed_are_taken_on_postgresql(
    write: Write, endpoint: LocalEndpoint, start_fleet: StartFleet
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    with postgresql() as server:
        options = ("--lock", server.url(), "--members", server.url(), *TERM)
        first, second = start_fleet(*options), start_fleet(*options)
        eventually(lambda: share(first, second))
        first.process.kill()
        eventually(lambda: share(second))
        second.stop()
    converge(endpoint.url, version=1)


@pytest.mark.process
@pytest.mark.measured
def test_a_daemon_without_its_members_goes_on(write: Write, start_fleet: StartFleet) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    fleet = start_fleet(*FILES[:2], "--members", "file:none/members", *TERM)
    eventually(lambda: fleet.health(*NAMES) == {"in sync"})
    assert fleet.get("/status").json()["members"] == []
    assert fleet.log.count("none/members cannot be used: there is no directory") == 1
    fleet.stop()
