"""Daemons with a repository as the source that reload, stop and take over at a bad moment."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGKILL, SIGTERM, default_int_handler, signal
from typing import Any

import forks
import pytest
from conftest import Cli, Start
from daemons import ended, eventually, told_of
from git_servers import git_server
from git_worlds import GitWorld
from manifest_text import mesh_yaml
from repository import publish

from reconciler.endpoint import LocalEndpoint

pytestmark = [pytest.mark.process, pytest.mark.unmeasured]


@pytest.fixture
def world(here: Path) -> Iterator[GitWorld]:
    (here / "served").mkdir()
    with git_server(here / "served") as server:
        yield GitWorld(here, server)


def started(
    start: Start, world: GitWorld, *options: str, query: str = "?ref=main", cache: str = "cache"
) -> subprocess.Popen[str]:
    """Start a daemon that does not poll by itself."""
    place = ("--cache-dir", str(world.root / cache), "--policy", "sync")
    return start(world.address + query, "--poll", "3600", *place, *options)


@pytest.mark.measured
def test_a_reload_after_the_path_vanished_does_not_end_the_daemon(
    world: GitWorld, start: Start, live: Any
) -> None:
    (world.files / "prod").mkdir()
    world.commit(**{"prod/a": mesh_yaml("a")})
    daemon = started(start, world, query="?ref=main&path=prod")
    told_of(daemon, "cycle done")
    (world.files / "prod/a.yaml").unlink()
    world.commit(b=mesh_yaml("b"))
    daemon.send_signal(SIGHUP)
    told_of(daemon, "prod does not exist in the repository at commit")
    told_of(daemon, "cycle done")
    assert set(live()) == {"a"}
    assert ended(daemon, SIGTERM)[0] == 0


def test_the_word_for_a_part_is_no_word_for_the_whole(
    world: GitWorld, cli: Cli, endpoint: LocalEndpoint, live: Any
) -> None:
    where = (
        world.address + "?ref=main", "--endpoint-url", endpoint.url, "--owner", "o", "--policy",
        "sync", "--cache-dir", str(world.root / "cache"), "--auto-approve",
    )  # fmt: skip
    world.commit(a=mesh_yaml("a"))
    world.commit(b=mesh_yaml("b"))
    assert cli("apply", *where).code == 0
    (world.files / "b.yaml").unlink()
    (world.files / "c.yaml").write_text(mesh_yaml("c"))
    publish(world.files, world.repository, amend=True)
    # This run can delete nothing, so its word must not let the next one delete.
    assert cli("apply", *where, "--only", "mesh/c", "--allow-rewind").code == 0
    result = cli("apply", *where)
    assert result.code == 5
    assert "does not descend from" in result.out
    assert set(live()) == {"a", "b", "c"}


def test_a_daemon_stops_during_a_fetch(world: GitWorld, start: Start) -> None:
    world.commit(a=mesh_yaml("a"))

    def seconds_to_stop() -> float:
        world.server.stalled.clear()
        daemon = started(start, world)
        told_of(daemon, "cycle done")
        world.server.requests.clear()
        world.server.stalled.set()
        daemon.send_signal(SIGHUP)
        eventually(lambda: bool(world.server.requests))
        began = time.monotonic()
        code, log = ended(daemon, SIGTERM)
        assert code == 0
        assert "stopped by SIGTERM" in log
        return time.monotonic() - began

    # After 8 seconds it would be abandoned each time, and git would go on without it.
    assert any(seconds_to_stop() < 7 for _ in range(3))


@pytest.mark.measured
@pytest.mark.parametrize("command", ["plan", "run"])
def test_ctrl_c_during_a_fetch_ends_a_single_run(world: GitWorld, command: str) -> None:
    world.commit(a=mesh_yaml("a"))
    world.server.stalled.set()
    once = ("--once",) if command == "run" else ()
    arguments = (command, world.address, "--target", "local", "--cache-dir", "cache", *once)
    # A shell lets its jobs in the background ignore SIGINT, and so would this process.
    before = signal(SIGINT, default_int_handler)
    process = forks.start(*arguments, cwd=world.root, stderr=subprocess.PIPE)
    signal(SIGINT, before)
    with process:
        eventually(lambda: bool(world.server.requests))
        began = time.monotonic()
        code, log = ended(process, SIGINT)
    # git would wait for the server for 30 seconds.
    assert (code, time.monotonic() - began < 20) == (130, True)
    assert "Traceback" not in log


def test_a_daemon_that_takes_over_looks_for_new_commits_first(
    world: GitWorld, start: Start, live: Any
) -> None:
    world.commit(a=mesh_yaml("a", "DROP_ALL"))
    lock = ("--lock", f"file:{world.root / 'lock'}", "--lock-term", "2")
    leader = started(start, world, *lock)
    told_of(leader, "cycle done")
    standby = started(start, world, *lock, cache="other")
    told_of(standby, "cycle done")
    world.commit(a=mesh_yaml("a", "ALLOW_ALL"))
    leader.send_signal(SIGHUP)
    eventually(lambda: live()["a"]["version"] == 2)
    leader.send_signal(SIGKILL)
    told_of(standby, "this replica is the leader and writes from now on")
    told_of(standby, "cycle done")
    assert live()["a"]["version"] == 2
    assert ended(standby, SIGTERM)[0] == 0
