"""Rollouts in waves by single runs: four waves of three targets, counted by their endpoints."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Cli, Run, Write
from manifest_text import mesh_yaml
from rollout_world import REGIONS, TARGETS, RolloutWorld, rollout_world

APPLY = ("apply", "--all-targets", "--auto-approve")
V1, V2 = mesh_yaml("a", "DROP_ALL"), mesh_yaml("a", "ALLOW_ALL")


@pytest.fixture
def waves(here: Path, cli: Cli, write: Write) -> Iterator[RolloutWorld]:
    """Return four waves whose targets have a mesh in its first version."""
    with rollout_world(here, "123456789012") as world:
        write("manifests/a.yaml", V1)
        applied = cli(*APPLY)
        assert applied.code == 0, applied
        assert all(world.writes())
        write("manifests/a.yaml", V2)
        yield world


def exit_names(run: Run) -> list[str]:
    return [row["exit_name"] for row in json.loads(run.out)["targets"]]


@pytest.mark.unmeasured
def test_a_change_goes_through_all_waves(cli: Cli, waves: RolloutWorld) -> None:
    planned = cli("plan", "--all-targets")
    assert "\nstage-eu-west-1   wave 2  ok  Plan: 0 to create, 1 to update" in planned.out
    applied = cli(*APPLY)
    assert (applied.code, applied.err) == (0, "")
    assert applied.out.count("Applied: 1 updated.") == len(TARGETS) + 1
    assert waves.meshes("prod") == [{"a": 2}] * 3


@pytest.mark.unmeasured
@pytest.mark.parametrize("unavailable", [1, 3])
def test_a_failure_stops_the_waves_after_it(
    unavailable: int, cli: Cli, waves: RolloutWorld
) -> None:
    waves.configure(f"max_unavailable = {unavailable}\n")
    waves.fail("stage", "UpdateMesh")
    applied = cli(*APPLY)
    assert applied.code == 1
    # The record in the tag, and the update.
    assert waves.writes() == [6, 2 * unavailable, 0, 0]
    failed = ", ".join(f"stage-{region} (error)" for region in REGIONS[:unavailable])
    reason = f"not reached: wave 2 of the rollout stopped at {failed}"
    assert f"prod-us-east-1    wave 4  pending  {reason}" in " ".join(applied.out.split("\n"))
    assert applied.out.count("not reached: ") == 6 + 3 - unavailable

    waves.mend("stage")
    again = cli(*APPLY)
    assert again.code == 0
    assert waves.meshes("prod") == [{"a": 2}] * 3


@pytest.mark.unmeasured
def test_a_withheld_delete_stops_the_waves_after_it(
    cli: Cli, write: Write, waves: RolloutWorld
) -> None:
    write("more/b.yaml", V1 + "---\n" + mesh_yaml("b") + "---\n" + mesh_yaml("c"))
    assert cli("apply", "more", "--target", f"stage-{REGIONS[1]}", "--auto-approve").code == 0
    waves.writes()
    withheld = cli(*APPLY, "--format", "json")
    assert withheld.code == 5
    ok, pending = ["ok"] * 3, ["pending"] * 3
    assert exit_names(withheld) == [*ok, "ok", "withheld", "ok", *pending, *pending]
    rows = json.loads(withheld.out)["targets"]
    reason = "not reached: wave 2 of the rollout stopped at stage-eu-west-1 (withheld)"
    assert (rows[6]["result"], rows[6]["error"]) == (None, reason)
    assert "early-eu-north-1, early-eu-west-1, early-us-east-1, prod-eu-north-1" in withheld.err
    assert waves.writes()[2:] == [0, 0]
    assert cli(*APPLY, "--max-deletes", "2").code == 0
    assert waves.meshes("stage") == waves.meshes("prod") == [{"a": 2}] * 3


@pytest.mark.unmeasured
def test_a_target_that_cannot_be_planned_stops_the_waves_after_it(
    cli: Cli, waves: RolloutWorld
) -> None:
    waves.fail("stage", "ListMeshes")
    applied = cli(*APPLY)
    assert applied.code == 1
    assert waves.writes()[1:] == [0, 0, 0]
    assert waves.meshes("dev") == [{"a": 2}] * 3
    assert "stopped at stage-eu-north-1 (error), stage-eu-west-1 (error)" in applied.out


@pytest.mark.unmeasured
def test_targets_without_a_change_are_reached(cli: Cli, waves: RolloutWorld) -> None:
    assert cli("apply", "--target", "prod-*", "--auto-approve").code == 0
    waves.fail("dev", "UpdateMesh")
    stopped = cli(*APPLY, "--format", "json")
    names = exit_names(stopped)
    assert (names[:3], names[3:9], names[9:]) == (["error"] * 3, ["pending"] * 6, ["ok"] * 3)


@pytest.mark.unmeasured
def test_some_targets_keep_the_order_of_their_waves(cli: Cli, waves: RolloutWorld) -> None:
    waves.fail("stage", "UpdateMesh")
    applied = cli("apply", "--target", "prod-*", "--target", "stage-eu-*", "--auto-approve")
    assert applied.code == 1
    assert waves.writes()[3] == 0
    assert "dev-" not in applied.out


@pytest.mark.unmeasured
def test_a_target_outside_of_the_waves_is_refused(cli: Cli, waves: RolloutWorld) -> None:
    waves.configure(first="[targets.local]\n")
    planned = cli("plan", "--target", "local", "--target", "dev-*")
    assert "\ndev-eu-west-1   wave 1  ok  " in planned.out
    assert "\nlocal           " in planned.out
    refused = cli("apply", "--target", "local", "--target", "dev-*", "--auto-approve")
    assert (refused.code, refused.out) == (64, "")
    assert refused.err == (
        "reconciler: local is in no wave of [rollout]: run it alone, with --target local\n"
    )


@pytest.mark.unmeasured
def test_a_daemon_of_different_sources_is_refused(
    cli: Cli, write: Write, waves: RolloutWorld
) -> None:
    write("other/a.yaml", V1)
    waves.configure(first='[targets.dev-other]\nsource = "other"\nowner = "o"\nregion = "r"\n')
    refused = cli("run", "--all-targets")
    assert (refused.code, refused.out) == (64, "")
    assert "have different sources, but a rollout is of one" in refused.err


def test_a_daemon_needs_a_place_for_its_rollout(cli: Cli, waves: RolloutWorld, here: Path) -> None:
    del waves
    shutil.rmtree(here / ".reconciler")
    (here / ".reconciler").write_text("a file")
    refused = cli("run", "--all-targets")
    assert (refused.code, refused.err.count("\n")) == (64, 1)
    assert "creating .reconciler for the state of the rollout: File exists" in refused.err


@pytest.mark.unmeasured
def test_a_daemon_of_a_target_outside_of_the_waves_is_refused(
    cli: Cli, waves: RolloutWorld
) -> None:
    waves.configure(first="[targets.local]\n")
    refused = cli("run", "--target", "local", "--target", "dev-*")
    assert refused.code == 64
    assert "local is in no wave of [rollout]" in refused.err


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "selected", [("--all-targets", "--shard", "region=us-east-1"), ("prod-*",)]
)
def test_a_daemon_without_some_targets_of_the_waves_is_refused(
    selected: tuple[str, ...], cli: Cli, waves: RolloutWorld
) -> None:
    del waves
    options = selected if len(selected) > 1 else ("--target", *selected)
    refused = cli("run", *options)
    assert (refused.code, refused.out, refused.err.count("\n")) == (64, "", 1)
    assert "reconciler: [rollout] has dev-eu-north-1, " in refused.err
    assert "pass --all-targets, and --members to share the targets" in refused.err
