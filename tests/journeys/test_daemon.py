"""A daemon as a process of its own, through what happens to its files, its endpoint and itself."""

import fcntl
import json
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import urllib3
from conftest import Cli, Start, Write
from daemons import ended, eventually, told_of
from hostile_manifests import HOSTILE
from manifest_text import mesh_yaml
from programs import require_program

from reconciler.endpoint import LocalEndpoint

pytestmark = [pytest.mark.process, pytest.mark.unmeasured]

# Three terms are more than a busy machine keeps a standby waiting.
TERM_SECONDS = 4


def calls(url: str) -> dict[str, int]:
    return dict(urllib3.request("GET", f"{url}/_endpoint/calls").json()["calls"])


def status_url(process: subprocess.Popen[str]) -> str:
    """Return the URL of the daemon's status, from the log of its start."""
    assert process.stderr is not None
    while "status at " not in (line := process.stderr.readline()):
        assert process.poll() is None
    return line.partition("status at ")[2].strip()


def break_it(url: str, *faults: dict[str, Any]) -> None:
    there = f"{url}/_endpoint/faults"
    assert urllib3.request("PUT", there, json={"faults": faults}).status == 200


def test_i01_i02_i03_what_editors_do_to_a_file_ends_in_what_it_says(
    write: Write, start: Start, live: Any, endpoint: LocalEndpoint
) -> None:
    path = write("manifests/a.yaml", mesh_yaml("a", "DROP_ALL"))
    process = start("manifests", "--interval", "3600", "--policy", "sync")
    eventually(lambda: "a" in live())
    write("manifests/.a.yaml.swp", "b0VIM 9.0")
    write("manifests/a.yaml~", mesh_yaml("backup"))
    write("manifests/4913", "")
    path.with_name("a.yaml.new").write_text(mesh_yaml("a", "ALLOW_ALL"))
    path.with_name("a.yaml.new").rename(path)
    eventually(lambda: live()["a"]["version"] == 2)
    text = mesh_yaml("a", "DROP_ALL")
    with path.open("w") as half:
        half.write(text[: text.index("DROP_ALL")] + "[")
        half.flush()
        told_of(process, "is not valid YAML")
        half.seek(0)
        half.write(text)
    eventually(lambda: live()["a"]["version"] == 3)
    assert ended(process, signal.SIGTERM)[0] == 0
    assert set(live()) == {"a"}
    assert "DeleteMesh" not in calls(endpoint.url)


def test_e29_manifests_that_are_made_to_take_long_silence_no_probe(
    write: Write, start: Start, live: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    process = start("manifests", "--interval", "3600", "--policy", "sync")
    url = status_url(process)
    eventually(lambda: "a" in live())

    def is_valid() -> bool:
        # A liveness probe waits for a second, and gives up after the third in a row. This one
        # allows for a busy machine.
        assert urllib3.request("GET", f"{url}/healthz", timeout=15, retries=False).data == b"ok\n"
        return bool(urllib3.request("GET", f"{url}/status").json()["source"]["valid"])

    for shape in ("openers with a default", "Sub of openers", "openers in many values"):
        file, content = HOSTILE[shape]
        path = write(f"manifests/{file}", content(200 * 1024))
        eventually(lambda: not is_valid())
        path.unlink()
        eventually(is_valid)
    assert set(live()) == {"a"}
    assert ended(process, signal.SIGTERM)[0] == 0


def test_i05_i06_a_directory_that_is_removed_emptied_or_replaced_deletes_nothing(
    write: Write, start: Start, live: Any, here: Path, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    process = start("manifests", "--interval", "3600", "--policy", "sync")
    eventually(lambda: "a" in live())
    shutil.rmtree(here / "manifests")
    told_of(process, "manifests does not exist")
    (here / "manifests").mkdir()
    told_of(process, "no manifest found")
    write("manifests/a.yaml", mesh_yaml("a"))
    write("manifests/b.yaml", mesh_yaml("b"))
    eventually(lambda: set(live()) == {"a", "b"})
    (here / "manifests" / "a.yaml").unlink()
    (here / "manifests" / "b.yaml").unlink()
    told_of(process, "no manifest found")
    # A volume that is mounted over it: another directory of the same name.
    write("other/c.yaml", mesh_yaml("c"))
    for name in ("a", "b"):
        write(f"other/{name}.yaml", mesh_yaml(name))
    (here / "manifests").rename(here / "empty")
    (here / "other").rename(here / "manifests")
    eventually(lambda: set(live()) == {"a", "b", "c"})
    assert ended(process, signal.SIGTERM)[0] == 0
    assert "DeleteMesh" not in calls(endpoint.url)


def test_i08_a_checkout_in_a_loop_ends_in_the_last_commit_and_deletes_nothing(
    write: Write, start: Start, live: Any, here: Path, endpoint: LocalEndpoint
) -> None:
    program = require_program("git", purpose="a checkout while the daemon runs")

    def git(*arguments: str) -> None:
        who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.com")
        subprocess.run([program, "-C", str(here / "manifests"), *who, *arguments], check=True)

    (here / "manifests").mkdir()
    git("init", "--quiet", "--initial-branch", "one")
    for branch, kind in (("one", "DROP_ALL"), ("two", "ALLOW_ALL")):
        if branch == "two":
            git("checkout", "--quiet", "-b", "two")
        for number in range(5):
            write(f"manifests/{number}.yaml", mesh_yaml(f"m{number}", kind))
        git("add", "--all")
        git("commit", "--quiet", "--message", branch)
    process = start("manifests", "--interval", "3600", "--policy", "sync", "--max-updates", "100%")
    eventually(lambda: len(live()) == 5)
    for number in range(30):
        git("checkout", "--quiet", ("one", "two")[number % 2])
    git("checkout", "--quiet", "one")

    def egress(name: str) -> str:
        spec = live.client.describe_mesh(meshName=name)["mesh"]["spec"]
        return str(spec["egressFilter"]["type"])

    eventually(lambda: {egress(name) for name in live()} == {"DROP_ALL"})
    assert ended(process, signal.SIGTERM)[0] == 0
    assert "DeleteMesh" not in calls(endpoint.url)


def test_a16_a36_an_endpoint_that_throttles_or_is_down_for_a_while_is_found_again(
    write: Write, start: Start, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    with LocalEndpoint(here / "data") as first:
        process = start("manifests", "--interval", "1", url=first.url)
        eventually(lambda: "CreateMesh" in calls(first.url))
        break_it(first.url, {"fault": "throttle"})
        told_of(process, "cycle failed, nothing was changed")
        break_it(first.url)
        told_of(process, "the target can be read again")
    told_of(process, "cycle failed, nothing was changed")
    write("manifests/b.yaml", mesh_yaml("b"))
    with LocalEndpoint(here / "data", port=int(first.url.rsplit(":", 1)[1])) as second:
        eventually(lambda: "CreateMesh" in calls(second.url))
        assert ended(process, signal.SIGTERM)[0] == 0


def test_a_resource_deleted_by_hand_is_reported_missing_and_created_again(
    write: Write, start: Start, live: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    process = start("manifests", "--interval", "1")
    told_of(process, "mesh/a: create, new")
    told_of(process, "cycle done")
    live.client.delete_mesh(meshName="a")
    told_of(process, "mesh/a is missing: last seen at ")
    told_of(process, "mesh/a: create, missing")
    eventually(lambda: "a" in live())
    assert ended(process, signal.SIGTERM)[0] == 0


def holder(lock: Path) -> str:
    try:
        return str(json.loads(lock.read_text().splitlines()[0])["holder"])
    except (FileNotFoundError, IndexError):
        return ""


def pair(start: Start, lock: Path) -> tuple[subprocess.Popen[str], subprocess.Popen[str]]:
    """Return two replicas, the leader first; the other one has looked at what there is."""
    options = (
        "manifests", "--interval", "1", "--lock", f"file:{lock}",
        "--lock-term", str(TERM_SECONDS),
    )  # fmt: skip
    leader = start(*options)
    eventually(lambda: f"/{leader.pid}/" in holder(lock))
    standby = start(*options)
    told_of(standby, "standby: ")
    return leader, standby


def takes_over(standby: subprocess.Popen[str], lock: Path, since: float) -> None:
    eventually(lambda: f"/{standby.pid}/" in holder(lock))
    assert time.monotonic() - since <= 3 * TERM_SECONDS


def test_p11_a_leader_that_is_killed_is_followed_within_three_terms(
    write: Write, start: Start, live: Any, here: Path, cli: Cli, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    lock = here / "lock"
    leader, standby = pair(start, lock)
    eventually(lambda: "a" in live())
    write("more/b.yaml", mesh_yaml("b"))
    refused = cli(
        "apply", "more", "--endpoint-url", endpoint.url, "--owner", "o", "--auto-approve",
        "--lock", f"file:{lock}", "--lock-term", str(TERM_SECONDS),
    )  # fmt: skip
    assert refused.code == 7
    assert f"/{leader.pid}/" in refused.err
    leader.kill()
    takes_over(standby, lock, time.monotonic())
    live.client.delete_mesh(meshName="a")
    eventually(lambda: "a" in live())
    assert ended(standby, signal.SIGTERM)[0] == 0
    # Who ends in order lets go, and is followed at once.
    assert holder(lock) == ""


def test_p10_p11_a_leader_that_is_paused_is_followed_and_stands_by_when_it_wakes(
    write: Write, start: Start, live: Any, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    lock = here / "lock"
    leader, standby = pair(start, lock)
    eventually(lambda: "a" in live())
    leader.send_signal(signal.SIGSTOP)
    takes_over(standby, lock, time.monotonic())
    live.client.delete_mesh(meshName="a")
    eventually(lambda: "a" in live())
    leader.send_signal(signal.SIGCONT)
    told_of(leader, "standby: ")
    assert f"/{standby.pid}/" in holder(lock)
    assert ended(standby, signal.SIGTERM)[0] == 0
    told_of(leader, "this replica is the leader and writes from now on")
    assert ended(leader, signal.SIGTERM)[0] == 0


def test_a_leader_that_is_cut_off_from_its_lock_stops_writing_and_comes_back(
    write: Write, start: Start, live: Any, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    (here / "locks").mkdir()
    process = start(
        "manifests", "--interval", "1", "--lock", f"file:{here}/locks/lock",
        "--lock-term", str(TERM_SECONDS),
    )  # fmt: skip
    eventually(lambda: "a" in live())
    (here / "locks").rename(here / "away")
    told_of(process, "standby: ")
    live.client.delete_mesh(meshName="a")
    told_of(process, "cycle done: 1 change, exit code 7")
    assert live() == {}
    (here / "away").rename(here / "locks")
    eventually(lambda: "a" in live())
    assert ended(process, signal.SIGTERM)[0] == 0


def test_p02_against_an_endpoint_that_hangs_it_ends_within_ten_seconds(
    write: Write, start: Start, endpoint: LocalEndpoint, live: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    break_it(endpoint.url, {"fault": "hang", "operation": "CreateMesh", "seconds": 60})
    process = start("manifests")
    eventually(lambda: "CreateMesh" in calls(endpoint.url))
    began = time.monotonic()
    code, result = ended(process, signal.SIGTERM)
    # The call would hang for a minute.
    assert time.monotonic() - began < 30
    assert code == 0
    assert "mesh/a: still in progress at exit; the next cycle reads the result" in result
    assert live() == {}


@pytest.mark.measured
def test_p03_a_hang_up_reads_the_configuration_again_and_an_invalid_one_changes_nothing(
    write: Write, start: Start, live: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("reconciler.toml", 'policy = "observe"\n[run]\ninterval = 3600.0\n')
    process = start("manifests")
    told_of(process, "cycle done")
    for text, reason in [
        ("polcy = 1\n", "polcy is not a setting"),
        ("[run]\ninterval = 0.0\n", "interval"),
        ("parallelism = 3\n", "need a restart"),
    ]:
        write("reconciler.toml", text)
        process.send_signal(signal.SIGHUP)
        told_of(process, reason)
    assert live() == {}
    write("reconciler.toml", 'policy = "upsert-only"\n')
    process.send_signal(signal.SIGHUP)
    told_of(process, "the configuration was reloaded; policy upsert-only")
    eventually(lambda: "a" in live())
    assert ended(process, signal.SIGTERM)[0] == 0


def test_a_hang_up_excludes_other_files(
    write: Write, start: Start, endpoint: LocalEndpoint, live: Any
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    write("manifests/b.yaml", mesh_yaml("b"))
    table = f'[targets.t]\nendpoint_url = "{endpoint.url}"\n'
    write("reconciler.toml", f'{table}exclude = ["a.yaml"]\n')
    process = start("--target", "t", url=None)
    eventually(lambda: "b" in live())
    assert "a" not in live()
    write("reconciler.toml", table)
    process.send_signal(signal.SIGHUP)
    told_of(process, "the configuration was reloaded")
    eventually(lambda: "a" in live())
    assert ended(process, signal.SIGTERM)[0] == 0


def test_p03_a_hang_up_at_the_start_is_no_end(write: Write, start: Start, live: Any) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    hung_up = signal.getsignal(signal.SIGHUP)
    # Where nobody has taken the signal yet it is left alone, as a supervisor's child would do it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = start("manifests")
    finally:
        signal.signal(signal.SIGHUP, hung_up)
    while "a" not in live():
        assert process.poll() is None
        process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
    assert ended(process, signal.SIGTERM)[0] == 0


def test_p15_systemd_hears_that_it_is_ready_alive_and_stopping(
    write: Write, start: Start, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(30)
        listening.bind(str(here / "notify"))
        process = start("manifests", NOTIFY_SOCKET=str(here / "notify"))
        assert listening.recv(1000) == b"READY=1"
        assert listening.recv(1000) == b"WATCHDOG=1"
        assert ended(process, signal.SIGTERM)[0] == 0
        listening.setblocking(False)  # noqa: FBT003  # the socket module takes it so
        heard = [b""]
        while heard[-1] != b"STOPPING=1":
            heard.append(listening.recv(1000))


def test_p20_a_log_that_nobody_reads_keeps_no_mesh_waiting(
    write: Write, start: Start, live: Any
) -> None:
    for number in range(60):
        write(f"manifests/{number}.yaml", mesh_yaml(f"m{number}"))
    process = start("manifests")
    assert process.stderr is not None
    fcntl.fcntl(process.stderr, fcntl.F_SETPIPE_SZ, 4096)
    eventually(lambda: len(live()) == 60)
    write("manifests/late.yaml", mesh_yaml("late"))
    eventually(lambda: "late" in live())
    code, result = ended(process, signal.SIGTERM)
    assert code == 0
    assert result.count("\n") < 120
