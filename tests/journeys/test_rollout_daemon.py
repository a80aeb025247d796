"""A rollout by a daemon: four waves of three targets, counted by their endpoints."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Cli, Write
from daemons import eventually
from journeys.fleets import ACCOUNTS, Fleet, StartFleet
from manifest_text import mesh_yaml
from repository import commit_all, git
from rollout_world import REGIONS, TARGETS, WAVES, RolloutWorld, rollout_world

pytestmark = [pytest.mark.process, pytest.mark.measured]

V1, V2, V3 = (mesh_yaml("a", "DROP_ALL", step=step) for step in "123")
STAGE = f"stage-{REGIONS[1]}"
ONE, TWO, THREE = {"1"}, {"2"}, {"3"}


@pytest.fixture
def waves(here: Path) -> Iterator[RolloutWorld]:
    # A profile of the fixture of daemons, which removes all other credentials.
    with rollout_world(here, ACCOUNTS["one"], 'profile = "one"\n') as world:
        yield world


@pytest.fixture
def start(start_fleet: StartFleet, waves: RolloutWorld) -> StartFleet:
    """Return a function that starts the daemon of the waves, which is killed at the end."""
    # The fixture of daemons writes targets of its own.
    waves.configure()
    options = ("--interval", "2", "--lock-term", "4.5", "--targets-at-once", "12")
    return lambda *arguments: start_fleet(*options, *arguments)


def rollout(fleet: Fleet) -> dict[str, Any]:
    document: dict[str, Any] = fleet.get("/rollout").json()
    return document


def steps(waves: RolloutWorld) -> list[set[str]]:
    return [waves.tags(wave) for wave in WAVES]


def at_first(start: StartFleet, waves: RolloutWorld, write: Write) -> Fleet:
    """Return a daemon whose targets all have the first version; a soak begins for the next one."""
    write("manifests/a.yaml", V1)
    fleet = start()
    eventually(lambda: rollout(fleet)["wave"] == 5)
    assert steps(waves) == [ONE] * 4
    waves.writes()
    return fleet


def withhold(cli: Cli) -> None:
    """Let one target of the second wave have two deletes, and more than one are withheld."""
    Path("more").mkdir()
    Path("more/more.yaml").write_text(V1 + "---\n" + mesh_yaml("b") + "---\n" + mesh_yaml("c"))
    assert cli("apply", "more", "--target", STAGE, "--auto-approve").code == 0


def drift_in_the_soak(waves: RolloutWorld, start: StartFleet) -> Fleet:
    """Return a daemon that soaks the second wave for long, after one of its targets drifted."""
    waves.configure('stop_on = ["drift"]\n')
    waves.fail("stage", "TagResource")
    fleet = start()
    eventually(lambda: rollout(fleet)["wave"] == 2)
    fleet.process.kill()
    fleet.process.wait()
    waves.mend("stage")
    waves.configure('stop_on = ["drift"]\nsoak = 600\n')
    fleet = start()
    eventually(lambda: waves.tags("stage") == TWO)
    eventually(lambda: rollout(fleet)["soaked_seconds"] > 0)
    waves.change("stage", REGIONS[1], "a")
    return fleet


@pytest.mark.sample(1)
@pytest.mark.parametrize("reason", ["failed", "withheld", "drift"])
def test_a_bad_target_of_a_wave_stops_the_waves_after_it(
    reason: str, cli: Cli, waves: RolloutWorld, start: StartFleet, write: Write
) -> None:
    write("manifests/a.yaml", V1)
    assert cli("apply", "--all-targets", "--auto-approve").code == 0
    if reason == "withheld":
        withhold(cli)
    write("manifests/a.yaml", V2)
    waves.writes()
    if reason == "failed":
        waves.fail("stage", "TagResource")
    fleet = drift_in_the_soak(waves, start) if reason == "drift" else start()
    eventually(lambda: rollout(fleet)["stopped_by"] != "")
    state = rollout(fleet)
    assert state["wave"] == 2
    assert state["stopped_by"] in [f"{target} ({reason})" for target in TARGETS[3:6]]
    shown = cli("rollout", "--url", fleet.url)
    assert "fix it, then run reconciler rollout resume" in " ".join(shown.out.split())
    row = fleet.targets()["early-eu-west-1"]
    assert (row["health"], "stopped by stage-" in row["waits_for"]) == ("waiting", True)
    assert fleet.get("/readyz").status == 200
    waves.mend("stage")
    if reason == "withheld":
        waves.delete("stage", REGIONS[1], "b", "c")
    eventually(lambda: fleet.health(*TARGETS[3:6]) == {"in sync"})
    assert waves.writes()[2:] == [0, 0], "no write after the wave that is bad"

    assert cli("rollout", "resume", "--url", fleet.url).code == 0
    if reason == "drift":
        # It soaks again, for longer than this test.
        eventually(lambda: rollout(fleet)["soaked_seconds"] > 0)
        assert rollout(fleet)["stopped_by"] == ""
    else:
        eventually(lambda: rollout(fleet)["wave"] == 5)
        assert steps(waves) == [TWO] * 4
        assert "All waves have revision" in cli("rollout", "--url", fleet.url).out
    fleet.stop()


def test_a_later_wave_keeps_what_it_has_and_a_new_revision_begins_at_the_first(
    cli: Cli, waves: RolloutWorld, start: StartFleet, write: Write
) -> None:
    fleet = at_first(start, waves, write)
    held = cli("rollout", "hold", "--url", fleet.url)
    assert held.code == 0
    assert "The next one is held; run reconciler rollout resume." in " ".join(held.out.split())
    write("manifests/a.yaml", V2)
    eventually(lambda: rollout(fleet)["is_held"] and rollout(fleet)["wave"] == 1)
    eventually(lambda: fleet.targets()["dev-eu-west-1"]["waits_for"] is not None)
    waves.change("prod", REGIONS[1], "a")
    eventually(lambda: waves.meshes("prod")[1]["a"] == 3)
    assert steps(waves) == [ONE] * 4
    assert waves.writes()[:3] == [0, 0, 0], "held"
    Path(".reconciler/rollout").unlink()
    eventually(lambda: "the store had lost the state of the rollout" in fleet.log)
    assert rollout(fleet)["is_held"]
    waves.configure("soak = 1\n")
    fleet.process.send_signal(signal.SIGHUP)
    eventually(lambda: "[rollout] of reconciler.toml has changed" in fleet.log)
    assert "is held; run reconciler rollout resume" in cli("rollout", "--url", fleet.url).out
    waves.fail("stage", "TagResource")
    assert cli("rollout", "resume", "--url", fleet.url, "--format", "json").code == 0
    eventually(lambda: waves.tags("dev") == TWO)
    eventually(lambda: rollout(fleet)["stopped_by"] != "")
    waves.mend("stage")
    write("manifests/a.yaml", V3)
    eventually(lambda: waves.tags("dev") == THREE)
    eventually(lambda: steps(waves) == [THREE] * 4)
    status = cli("status", "--url", fleet.url)
    assert status.code == 0
    fleet.stop()


def in_soak(fleet: Fleet) -> bool:
    return bool(rollout(fleet)["wave"] == 1 and rollout(fleet)["soaked_seconds"] > 0)


def in_second_wave(fleet: Fleet) -> bool:
    return bool(rollout(fleet)["wave"] == 2)


def is_stopped(fleet: Fleet) -> bool:
    return bool(rollout(fleet)["stopped_by"])


def is_held(fleet: Fleet) -> bool:
    return bool(rollout(fleet)["is_held"])


MOMENTS = {"soak": in_soak, "wave": in_second_wave, "stop": is_stopped, "hold": is_held}


@pytest.mark.unmeasured
@pytest.mark.sample(1)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_daemon_goes_on_where_the_rollout_stood(
    moment: str, cli: Cli, waves: RolloutWorld, start: StartFleet, write: Write
) -> None:
    write("manifests/a.yaml", V1)
    assert cli("apply", "--all-targets", "--auto-approve").code == 0
    waves.configure("soak = 3\n")
    write("manifests/a.yaml", V2)
    if moment == "stop":
        waves.fail("stage", "TagResource")
    waves.writes()
    fleet = start()
    if moment == "hold":
        assert cli("rollout", "hold", "--url", fleet.url).code == 0
    eventually(lambda: MOMENTS[moment](fleet))
    before = rollout(fleet)
    fleet.process.kill()
    fleet.process.wait()
    fleet = start()
    # The server answers before the first heartbeat has read the record.
    eventually(lambda: rollout(fleet)["revision"] is not None)
    after = rollout(fleet)
    assert after["wave"] >= before["wave"]
    assert (after["stopped_by"], after["is_held"]) == (before["stopped_by"], before["is_held"])
    assert after["soaked_seconds"] >= before["soaked_seconds"] or after["wave"] > before["wave"]
    assert waves.writes()[2:] == [0, 0]
    waves.mend("stage")
    if moment == "stop":
        eventually(lambda: fleet.health(*TARGETS[3:6]) == {"in sync"})
    assert cli("rollout", "resume", "--url", fleet.url).code == 0
    eventually(lambda: steps(waves) == [TWO] * 4)
    fleet.stop()


@pytest.mark.unmeasured
def test_a_target_keeps_its_commit_after_a_restart(
    cli: Cli, waves: RolloutWorld, start: StartFleet, write: Write, here: Path
) -> None:
    repository = here / "repository"
    repository.mkdir()
    waves.source(f"git+file://{repository}?path=manifests")
    write("repository/manifests/a.yaml", V1)
    first = commit_all(repository)
    options = ("--cache-dir", str(here / "cache"), "--poll", "1")
    fleet = start(*options)
    eventually(lambda: rollout(fleet)["wave"] == 5)
    assert cli("rollout", "hold", "--url", fleet.url).code == 0
    write("repository/manifests/a.yaml", V2)
    second = commit_all(repository)
    eventually(lambda: rollout(fleet)["revision"] == second)
    fleet.process.kill()
    fleet.process.wait()
    fleet = start(*options)
    waves.change("prod", REGIONS[1], "a")
    eventually(lambda: waves.meshes("prod")[1]["a"] == 3)
    assert steps(waves) == [ONE] * 4
    assert fleet.targets()["prod-eu-west-1"]["commit"] == first
    assert fleet.health("prod-eu-west-1") == {"in sync"}
    fleet.process.kill()
    fleet.process.wait()

    # The branch is replaced by one without the commit that the targets have.
    git(repository, "checkout", "--quiet", "--orphan", "other")
    write("repository/manifests/a.yaml", V3)
    commit_all(repository)
    git(repository, "branch", "--quiet", "--force", "main", "other")
    git(repository, "checkout", "--quiet", "main")
    fleet = start(*options)
    eventually(lambda: fleet.health(*TARGETS) == {"waiting"})
    waves.writes()
    assert cli("rollout", "resume", "--url", fleet.url).code == 0
    eventually(lambda: steps(waves) == [THREE] * 4)
    fleet.stop()


def test_daemons_that_share_targets_share_their_rollout(
    cli: Cli, waves: RolloutWorld, start: StartFleet, write: Write
) -> None:
    write("manifests/a.yaml", V1)
    options = ("--members", "file:members", "--lock", "file:{target}.lock")
    first, second = start(*options), start(*options)
    eventually(lambda: rollout(first)["wave"] == rollout(second)["wave"] == 5)
    assert steps(waves) == [ONE] * 4
    assert cli("rollout", "hold", "--url", first.url).code == 0
    eventually(lambda: rollout(second)["is_held"])
    write("manifests/a.yaml", V2)
    eventually(lambda: rollout(second)["wave"] == 1)
    first.process.kill()
    first.process.wait()
    assert cli("rollout", "resume", "--url", second.url).code == 0
    eventually(lambda: steps(waves) == [TWO] * 4)
    second.stop()
