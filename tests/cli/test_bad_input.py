"""Whatever is wrong is one clear line and the right code, and nothing is written."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import urllib3
from conftest import Cli
from manifest_text import mesh_yaml

from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.measured

Write = Callable[[str, str], Path]
GOOD = mesh_yaml("good")


def missing(write: Write) -> None:
    write("manifests/good.yaml", GOOD)


def empty(write: Write) -> None:
    write("manifests/x", "").unlink()


def unreadable(write: Write) -> None:
    folder = write("manifests/good.yaml", GOOD).parent
    (folder / "link.yaml").symlink_to("/nowhere/at/all")


def with_bad(text: str) -> Callable[[Write], None]:
    def prepare(write: Write) -> None:
        write("manifests/good.yaml", GOOD)
        write("manifests/bad.yaml", text)

    return prepare


def duplicate(write: Write) -> None:
    write("manifests/good.yaml", GOOD)
    write("manifests/bad.yaml", GOOD)


ROWS: dict[str, tuple[Callable[[Write], None], str, int, str]] = {
    "a missing path": (missing, "nowhere", 64, "nowhere"),
    "an empty directory": (empty, "manifests", 65, "no manifest found"),
    "an unreadable file": (unreadable, "manifests", 65, "manifests/link.yaml:1:1: error[MR003]"),
    "broken YAML": (
        with_bad("apiVersion: [\n"), "manifests", 65, "manifests/bad.yaml:2:1: error[MR012]",
    ),
    "a wrong type": (
        with_bad(mesh_yaml("bad", None) + "spec: 7\n"),
        "manifests", 65, "manifests/bad.yaml:5:7: error[MR023] spec:",
    ),
    "a wrong value": (
        with_bad(mesh_yaml("bad", "ALLOW")),
        "manifests", 65, 'must be ALLOW_ALL or DROP_ALL, not "ALLOW" (did you mean ALLOW_ALL?)',
    ),
    "an unknown field": (
        with_bad(mesh_yaml("bad", None) + "specs: {}\n"),
        "manifests", 65, "manifests/bad.yaml:5:1: error[MR022] specs:",
    ),
    "a duplicate mesh": (
        duplicate,
        "manifests",
        65,
        "mesh/good is already declared at manifests/bad.yaml",
    ),
    "a mistyped apiVersion": (
        with_bad(mesh_yaml("bad").replace("mesh-reconciler/v1", "mesh-reconcilier/v1")),
        "manifests", 65, "error[MR031]",
    ),
}  # fmt: skip


@pytest.mark.sample(9)
@pytest.mark.parametrize(("prepare", "path", "code", "words"), ROWS.values(), ids=ROWS)
@pytest.mark.parametrize("command", ["plan", "apply", "run", "validate"])
def test_bad_input_is_one_clear_line_and_writes_nothing(
    prepare: Callable[[Write], None],
    path: str,
    code: int,
    words: str,
    command: str,
    cli: Cli,
    write: Write,
    endpoint: LocalEndpoint,
) -> None:
    prepare(write)
    where = ["--endpoint-url", endpoint.url, "--owner", "o"]
    how = {"apply": [*where, "--auto-approve"], "run": [*where, "--once"], "plan": where}
    result = cli(command, path, *how.get(command, []))
    assert result.code == code
    said = [line for line in (result.out + result.err).splitlines() if words in line]
    assert len(said) == 1
    assert "Traceback" not in result.err
    counted = urllib3.request("GET", f"{endpoint.url}/_endpoint/calls").json()["calls"]
    assert set(counted) <= {"GetCallerIdentity", "ListMeshes"}


USAGE = {
    "no target": (["plan"], "--target NAME (local, aws)"),
    "an unknown target": (["plan", "--target", "x"], 'unknown target "x"'),
    "no owner": (["plan", "--endpoint-url", "http://127.0.0.1:9"], "--owner"),
    "an owner that cannot be a tag": (
        ["plan", "--endpoint-url", "http://127.0.0.1:9", "--owner", "aws:x"], "invalid owner id",
    ),
    "an unknown option": (["plan", "--force"], "--force"),
    "an unknown verb": (["destroy"], "destroy"),
    "a bad policy": (["plan", "--policy", "all"], "observe"),
    "a bad number": (["plan", "--max-deletes", "many"], "--max-deletes"),
    "a bad limit": (["plan", "--target", "local", "--max-updates", "a third"], "a third"),
    "a URL that is none": (["plan", "--endpoint-url", "nope", "--owner", "o"], "http://HOST:PORT"),
    "a URL with a password": (
        ["plan", "--endpoint-url", "http://u:canary@127.0.0.1:9", "--owner", "o"], "user, password",
    ),
    "a URL with a port that is none": (
        ["plan", "--endpoint-url", "http://127.0.0.1:99999", "--owner", "o"], "http://HOST:PORT",
    ),
    "JSON that asks": (["apply", "--target", "local", "--format", "json"], "--auto-approve"),
    "no number of seconds": (["run", "--interval", "nan"], "seconds"),
    "a profile that is not there": (
        ["plan", "--endpoint-url", "http://127.0.0.1:9", "--owner", "o", "--profile", "p"], "p",
    ),
    "apply without a terminal": (["apply", "--target", "local"], "--auto-approve"),
    "a settings file that is not there": (["plan", "--config", "no.toml"], "no.toml"),
    "an address that is none": (["endpoint", "--listen", "8473"], "HOST:PORT"),
    "a behavior that is none": (["endpoint", "--behavior", "mood=good"], "mood"),
    "a value that a behavior has not": (["endpoint", "--behavior", "list-order=x"], "created"),
    "faults that are not there": (["endpoint", "--faults", "no.json"], "no.json"),
    "faults that are none": (["endpoint", "--faults", '{"faults": 5}'], "faults"),
    "a lock that is none": (["apply", "--auto-approve", "--lock", "x"], "file:PATH"),
    "a lock of an unset variable": (["run", "--once", "--lock", ""], "file:PATH"),
    "a lock without a place": (["ci", "--lock", "file:"], "dynamodb:TABLE"),
    "settings without end": (["plan", "--config", "/dev/zero"], "larger than 1 MiB"),
    "variables without end": (["validate", "--var-file", "/dev/zero"], "larger than 1 MiB"),
    "an address of others": (["endpoint", "--listen", "0.0.0.0:0"], "loopback"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "words"), USAGE.values(), ids=USAGE)
def test_wrong_usage_is_64(arguments: list[str], words: str, cli: Cli, write: Write) -> None:
    write("manifests/good.yaml", GOOD)
    result = cli(*arguments)
    assert result.code == 64
    assert result.out == ""
    assert words in result.err
    assert "Traceback" not in result.err
    assert "canary" not in result.err


TOML = {
    "broken": ("target = ", "reading"),
    "an unknown setting": ("polcy = 'sync'", "polcy"),
    "an unknown setting of a verb": ("[run]\nevery = 5", "run.every"),
    "an unknown setting of a target": ("[targets.t]\nsecret = 'x'", "targets.t.secret"),
    "a table that is none": ("targets = 5", "tables"),
    "a verb that is none": ("run = 5", "tables"),
    "a number for text": ("[targets.t]\nowner = 5", "string"),
    "a flag that must be said each time": ("allow_empty = true", "allow_empty"),
    "a bad value": ("policy = 'all'", "observe"),
    "a bad policy of a target": ("[targets.t]\npolicy = 'snyc'", "observe"),
    "an empty value": ("[targets.t]\naccount = ''", "empty"),
    "a URL for the local target": ("[targets.local]\nendpoint_url = 'http://x'", "its own"),
    "a target that is no text": ("target = []", "target must be text, not []"),
    "nesting without end": ("a = " + "[" * 5_000, "reading"),
}


@pytest.mark.parametrize(("text", "words"), TOML.values(), ids=TOML)
def test_a_settings_file_that_cannot_be_meant_is_64(
    text: str, words: str, cli: Cli, write: Write
) -> None:
    write("manifests/good.yaml", GOOD)
    write("reconciler.toml", text)
    arguments = [] if text.startswith("target =") else ["--target", "local"]
    result = cli("plan", *arguments)
    assert result.code == 64
    assert words in result.err


def test_an_account_that_is_not_the_configured_one_stops_everything(
    cli: Cli, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/good.yaml", GOOD)
    write(
        "reconciler.toml",
        f'[targets.t]\nendpoint_url = "{endpoint.url}"\nowner = "o"\naccount = "111111111111"\n',
    )
    result = cli("apply", "--target", "t", "--auto-approve")
    assert result.code == 64
    assert "111111111111" in result.err
    assert "123456789012" in result.err


def test_a36_a_target_that_is_not_there_is_one_line(cli: Cli, write: Write) -> None:
    write("manifests/good.yaml", GOOD)
    result = cli("plan", "--endpoint-url", "http://127.0.0.1:1", "--owner", "o")
    assert result.code == 1
    assert result.out == ""
    assert len(result.err.splitlines()) == 1
    assert "ListMeshes" in result.err


def test_a_held_data_folder_is_used_and_a_second_endpoint_on_it_is_7(
    cli: Cli, write: Write, here: Path
) -> None:
    write("manifests/good.yaml", GOOD)
    with LocalEndpoint(here / ".reconciler") as holder:
        result = cli("apply", "--target", "local", "--auto-approve")
        assert result.code == 0
        assert holder.url in result.out
        refused = cli("endpoint", "--listen", "127.0.0.1:0")
    assert refused.code == 7
    assert holder.url in refused.err


def test_a_damaged_database_is_refused_with_words(cli: Cli, write: Write, here: Path) -> None:
    write("manifests/good.yaml", GOOD)
    cli("apply", "--target", "local", "--auto-approve")
    database = here / ".reconciler/state.sqlite3"
    database.write_bytes(b"not a database at all, but long enough to be read" * 100)
    for arguments in (["plan", "--target", "local"], ["endpoint", "--listen", "127.0.0.1:0"]):
        result = cli(*arguments)
        assert result.code == 1
        assert "state.sqlite3" in result.err
    assert database.read_bytes().startswith(b"not a database")


@pytest.mark.process
def test_ctrl_c_while_it_starts_is_no_stack_trace(here: Path) -> None:
    (here / "click.py").write_text("raise KeyboardInterrupt\n")
    environment = {**os.environ, "PYTHONPATH": str(here)}
    done = subprocess.run(
        [sys.executable, "-m", "reconciler", "plan"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
