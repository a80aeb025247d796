"""The history of runs by the command line: what is recorded, listed and shown."""

import json
import re
import signal
from pathlib import Path

import pytest
import urllib3
from conftest import Cli, Start, Write
from daemons import ended, eventually
from manifest_text import mesh_yaml
from repository import commit_all

from reconciler.endpoint import LocalEndpoint


@pytest.fixture
def where(endpoint: LocalEndpoint) -> tuple[str, ...]:
    return "--endpoint-url", endpoint.url, "--owner", "o"


def runs(cli: Cli, *arguments: str) -> list[dict[str, object]]:
    result = cli("history", "--format", "json", *arguments)
    assert (result.code, result.err) == (0, "")
    found: list[dict[str, object]] = json.loads(result.out)["runs"]
    return found


@pytest.mark.unmeasured
def test_a_run_that_writes_is_listed_and_shown(
    cli: Cli, write: Write, where: tuple[str, ...]
) -> None:
    assert cli("history").out == "No run is recorded.\n"
    write("manifests/a.yaml", mesh_yaml("a"))
    planned = cli("plan", *where).out
    assert cli("history").out == "No run is recorded.\n"
    cli("apply", *where, "--auto-approve")
    cli("apply", *where, "--auto-approve")
    (run,) = runs(cli)
    assert (run["command"], run["counts"], run["exit_code"]) == ("apply", {"applied": 1}, 0)
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", str(run["run"]))
    listed = cli("history").out
    assert listed.startswith(f"{run['run']}  ")
    assert listed.endswith("  1 applied (exit code 0)\n")
    shown = cli("history", str(run["run"])).out
    changes = planned.split("\n\n")[1]
    assert changes in shown
    assert "mesh/a: created\n" in shown
    assert f"fingerprint {run['fingerprint']}\n" in shown
    assert planned.splitlines()[-1] == f"fingerprint {run['fingerprint']}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--history", "typo"), "there is no history in typo: pass the --history of the recorded"),
        (("--history", ""), "--history is empty: pass a directory, or none"),
        (("",), "RUN is empty: pass the id of a run, or no RUN to list all"),
    ],
)
def test_a_mistyped_history_is_no_empty_one(
    arguments: tuple[str, ...], words: str, cli: Cli
) -> None:
    result = cli("history", *arguments)
    assert (result.code, result.out) == (64, "")
    assert words in result.err


@pytest.mark.unmeasured
def test_an_empty_history_records_nothing(
    cli: Cli, write: Write, where: tuple[str, ...], here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    result = cli("apply", *where, "--auto-approve", "--history", "")
    assert result.code == 64
    assert not (here / "runs.jsonl").exists()
    assert "1 to create" in cli("plan", *where).out


def test_one_run_as_json_has_its_patches_and_outcomes(
    cli: Cli, write: Write, where: tuple[str, ...]
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    planned = json.loads(cli("plan", *where, "--format", "json").out)["plan"]["changes"]
    cli("apply", *where, "--auto-approve")
    document = json.loads(cli("history", "2", "--format", "json").out)
    (change,) = document["changes"]
    assert change["patch"] == planned[0]["patch"]
    assert change["fields"] == planned[0]["fields"]
    assert document["outcomes"] == [{"key": "mesh/a", "operation": "create", "outcome": "applied"}]


def test_a_run_whose_writes_failed_says_why(
    cli: Cli, write: Write, where: tuple[str, ...], endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    refused = {"operation": "CreateMesh", "fault": "error", "status": 403}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [refused]})
    assert cli("apply", *where, "--auto-approve").code == 1
    (run,) = runs(cli)
    assert (run["counts"], run["exit_code"]) == ({"failed": 1}, 1)
    assert "mesh/a: create failed: " in cli("history", str(run["run"])).out


def test_a_run_that_could_not_start_has_its_error(
    cli: Cli, write: Write, where: tuple[str, ...], endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    refused = {"operation": "ListMeshes", "fault": "error", "status": 400}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [refused]})
    failed = cli("apply", *where, "--auto-approve")
    (run,) = runs(cli)
    assert (run["error"], run["exit_code"]) == (
        failed.err.removeprefix("reconciler: ").strip(), failed.code,
    )  # fmt: skip
    assert str(run["error"]) in " ".join(cli("history").out.split())
    assert cli("history", str(run["run"])).code == 0


@pytest.mark.unmeasured
def test_a_saved_plan_that_could_not_be_checked_made_no_change(
    cli: Cli, write: Write, where: tuple[str, ...], endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    cli("apply", *where, "--auto-approve")
    write("manifests/b.yaml", mesh_yaml("b"))
    cli("plan", *where, "--out", "p.plan")
    refused = {"operation": "ListMeshes", "fault": "error", "status": 400}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [refused]})
    failed = cli("apply", "--plan", "p.plan", *where, "--auto-approve")
    latest, _ = runs(cli)
    assert (latest["finished"], latest["counts"], latest["exit_code"]) == (True, {}, failed.code)
    assert str(latest["error"]) in failed.err


def test_commands_that_write_nothing_and_wrong_usage_are_not_recorded(
    cli: Cli, write: Write, where: tuple[str, ...], here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    cli("plan", *where)
    cli("apply", *where, "--auto-approve", "--only", "mesh/other")
    cli("apply", *where, "--auto-approve", "--history", "none")
    assert not (here / ".reconciler").exists()
    assert cli("history", "--history", "none").code == 64


def test_reconciler_toml_names_the_directory(
    cli: Cli, write: Write, where: tuple[str, ...], here: Path
) -> None:
    write("reconciler.toml", 'history = "records"\n')
    write("manifests/a.yaml", mesh_yaml("a"))
    cli("apply", *where, "--auto-approve")
    assert len(runs(cli)) == 1
    assert (here / "records/runs.jsonl").exists()
    assert not (here / ".reconciler").exists()


def test_withheld_changes_are_recorded(
    cli: Cli, write: Write, where: tuple[str, ...], live: object
) -> None:
    live.client.create_mesh(meshName="a")  # type: ignore[attr-defined]  # of the fixture
    write("manifests/a.yaml", mesh_yaml("a"))
    assert cli("apply", *where, "--auto-approve").code == 5
    (run,) = runs(cli)
    assert (run["counts"], run["exit_code"]) == ({"withheld": 1}, 5)
    assert "Withheld:" in cli("history", str(run["run"])).out


def test_every_command_that_writes_is_recorded(
    cli: Cli, write: Write, where: tuple[str, ...]
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    cli("apply", *where, "--auto-approve")
    cli("release", "mesh/a", *where, "--auto-approve")
    cli("adopt", "mesh/a", *where, "--auto-approve")
    write("manifests/b.yaml", mesh_yaml("b"))
    cli("run", "--once", *where)
    found = runs(cli)
    assert [run["command"] for run in found] == ["run", "adopt", "release", "apply"]
    for run, name in zip(found, ("daemon cycle", "adopt", "release", "apply"), strict=True):
        shown = cli("history", str(run["run"])).out
        assert shown.startswith(f"run {run['run']} ({name}) by ")


def set_fault(endpoint: LocalEndpoint, **fault: object) -> None:
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [fault]})


@pytest.mark.unmeasured
def test_a_single_cycle_is_recorded_with_its_end(
    cli: Cli, write: Write, where: tuple[str, ...], endpoint: LocalEndpoint, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    commit = commit_all(here)
    for _ in range(2):
        assert cli("run", "--once", *where).code == 0
    (run,) = runs(cli)
    assert (run["counts"], run["exit_code"], run["commit"]) == ({"applied": 1}, 0, commit)
    assert cli("history").out.endswith("  1 applied (exit code 0)\n")
    write("manifests/b.yaml", mesh_yaml("b"))
    set_fault(endpoint, operation="CreateMesh", fault="error", status=400)
    assert cli("run", "--once", *where).code == 1
    assert (runs(cli)[0]["counts"], runs(cli)[0]["exit_code"]) == ({"failed": 1}, 1)
    set_fault(endpoint, operation="ListMeshes", fault="error", status=400)
    assert cli("run", "--once", *where).code == 1
    assert "ListMeshes" in str(runs(cli)[0]["error"])
    assert [run["exit_code"] for run in runs(cli)] == [1, 1, 0]


@pytest.mark.process
def test_a_single_cycle_that_a_signal_stops_is_recorded_with_its_end(
    cli: Cli, write: Write, start: Start, endpoint: LocalEndpoint
) -> None:
    for name in "abc":
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    set_fault(endpoint, operation="CreateMesh", fault="delay", seconds=2)
    process = start("manifests", "--once", "--parallelism", "1")
    eventually(lambda: [run["exit_code"] for run in runs(cli)] == [None])
    assert ended(process, signal.SIGTERM)[0] == 143
    (run,) = runs(cli)
    counts = run["counts"]
    assert isinstance(counts, dict)
    assert (counts.keys() <= {"applied", "skipped"}, sum(counts.values())) == (True, 3)
    assert run["exit_code"] == 143


def test_a_forge_names_its_user_and_job(
    cli: Cli, write: Write, where: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("CI_JOB_ID", "GITLAB_USER_LOGIN", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITLAB_CI", "true")
    monkeypatch.setenv("GITLAB_USER_LOGIN", "ann")
    monkeypatch.setenv("CI_JOB_ID", "7")
    write("manifests/a.yaml", mesh_yaml("a"))
    cli("apply", *where, "--auto-approve")
    assert [run["actor"] for run in runs(cli)] == ["ann, GitLab CI job 7"]


def test_runs_are_selected(cli: Cli, write: Write, where: tuple[str, ...]) -> None:
    for name in ("a", "b"):
        write(f"manifests/{name}.yaml", mesh_yaml(name))
        cli("apply", *where, "--auto-approve")
    assert len(runs(cli, "--key", "mesh/a")) == 1
    assert len(runs(cli, "--key", "mesh/*", "--since", "1h")) == 2
    assert runs(cli, "--key", "mesh/c") == []
    assert runs(cli, "--since", "0s") == []
    assert runs(cli, "--since", "2999-01-01") == []
    assert len(runs(cli, "--since", "2020-01-01T00:00:00+02:00")) == 2
    ambiguous = cli("history", "2")
    assert ambiguous.code == 64
    assert "2 runs start with 2, such as " in ambiguous.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--since", "soon"), 'invalid --since "soon": use a duration such as 12h'),
        (("--since", "99999999999d"), 'invalid --since "99999999999d"'),
        (("nowhere",), "no run nowhere in .reconciler/history"),
        (("a", "b"), "pass one RUN"),
        (("a", "--key", "mesh/a"), "remove --key"),
    ],
)
def test_wrong_usage_is_one_line(cli: Cli, arguments: tuple[str, ...], words: str) -> None:
    result = cli("history", *arguments)
    assert (result.code, result.out, result.err.count("\n")) == (64, "", 1)
    assert words in result.err


def test_a_history_that_cannot_be_read_is_one_line(cli: Cli, here: Path) -> None:
    (here / "file").touch()
    result = cli("history", "--history", "file")
    assert (result.code, result.out) == (1, "")
    assert result.err == "reconciler: reading the history in file: Not a directory\n"


def test_a_history_that_cannot_be_written_stops_no_run(
    cli: Cli, write: Write, where: tuple[str, ...]
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    Path("history").mkdir()
    Path("history/lock").touch()
    Path("history/runs.jsonl").symlink_to("/dev/full")
    result = cli("apply", *where, "--auto-approve", "--history", "history")
    assert result.code == 0
    assert result.err.count("the history in history cannot be written: ") == 1


@pytest.mark.unmeasured
@pytest.mark.process
def test_a_daemon_records_drift_that_it_repairs_and_each_problem_once(
    cli: Cli, write: Write, start: Start, live: object, endpoint: LocalEndpoint, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    commit = commit_all(here)
    start("--interval", "1", "--policy", "sync")
    eventually(lambda: [run["counts"] for run in runs(cli)] == [{"applied": 1}])
    opened = {"egressFilter": {"type": "ALLOW_ALL"}}
    live.client.update_mesh(meshName="a", spec=opened)  # type: ignore[attr-defined]  # of the fixture
    eventually(lambda: len(runs(cli)) == 2)
    repair = runs(cli)[0]
    eventually(lambda: runs(cli)[0]["exit_code"] == 0)
    assert (repair["command"], repair["commit"], repair["dirty"]) == ("run", commit, False)
    shown = cli("history", str(repair["run"])).out
    assert "~ mesh/a  drifted" in shown
    assert '"ALLOW_ALL" -> "DROP_ALL"' in shown
    assert "mesh/a: updated" in shown
    refused = {"operation": "ListMeshes", "fault": "error", "status": 400}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [refused]})
    eventually(lambda: len(runs(cli)) == 3)
    urllib3.request("DELETE", f"{endpoint.url}/_endpoint/faults")
    write("manifests/b.yaml", "kind: [")
    eventually(lambda: len(runs(cli)) == 4)
    invalid, outage = runs(cli)[:2]
    assert (invalid["exit_code"], outage["exit_code"]) == (65, 1)
    assert "manifests/b.yaml:1" in str(invalid["error"])
    assert "ListMeshes" in str(outage["error"])
    # It repairs what the last valid manifests say, and the cycle is no success.
    live.client.update_mesh(meshName="a", spec=opened)  # type: ignore[attr-defined]  # of the fixture
    eventually(lambda: len(runs(cli)) == 5 and runs(cli)[0]["exit_code"] is not None)
    repair = runs(cli)[0]
    assert (repair["counts"], repair["exit_code"]) == ({"applied": 1}, 65)


@pytest.mark.process
def test_a_repository_that_cannot_be_fetched_ends_a_single_cycle(
    cli: Cli, where: tuple[str, ...], here: Path
) -> None:
    result = cli(
        "run", "--once", f"git+file://{here}/nowhere", *where, "--cache-dir", f"{here}/cache"
    )
    assert result.code == 1
    assert "nowhere" in result.err
    (run,) = runs(cli)
    assert (run["command"], run["exit_code"]) == ("run", 1)
    assert "nowhere" in str(run["error"])
