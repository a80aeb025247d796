"""SIGKILL at every call of the real command: the next run converges, and nothing is done twice."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import forks
import pytest
from amounts import FULL, amount
from conftest import Cli
from manifest_text import mesh_yaml

from kills.gate import Gate, gate

pytestmark = pytest.mark.slow

Files = Mapping[str, str]
KEPT = {"kept": mesh_yaml("kept")}
MANY = amount("creates of a run killed at its calls", test=4, full=12)
STEP = 1 if FULL else 3
# What is live first, what the manifests then say, and the version at which each mesh ends.
STORIES: dict[str, tuple[Files, Files, dict[str, int]]] = {
    "creates": (
        {},
        {f"m{number}": mesh_yaml(f"m{number}", team="ours") for number in range(MANY)},
        {f"m{number}": 1 for number in range(MANY)},
    ),
    "all at once": (
        {"a": mesh_yaml("a", team="ours", old="1"), "b": mesh_yaml("b"), **KEPT},
        {"a": mesh_yaml("a", "ALLOW_ALL", team="new"), "c": mesh_yaml("c"), **KEPT},
        {"a": 2, "c": 1, "kept": 1},
    ),
}
# The first call that is killed, and the step to the next.
WAYS = {
    "the answer is lost": (0, STEP),
    "the request is lost": (0, STEP),
    "the request arrives late": (0 if FULL else 1, STEP),
}
FEWEST_KILLS = 3


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """Return the URL of a real endpoint process."""
    arguments = ("endpoint", "--listen", "127.0.0.1:0", "--data", ":memory:")
    serving = forks.start(*arguments, stdout=subprocess.PIPE)
    try:
        assert serving.stdout is not None
        yield next(word for word in serving.stdout.readline().split() if "://" in word).rstrip(",")
    finally:
        serving.terminate()
        serving.wait()
        if serving.stdout is not None:
            serving.stdout.close()


def _ask(url: str, method: str, path: str) -> Any:
    connection = HTTPConnection(urlsplit(url).netloc)
    try:
        connection.request(method, path)
        return json.loads(connection.getresponse().read() or b"null")
    finally:
        connection.close()


def _put(folder: Path, files: Files) -> None:
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


def _arguments(command: str, folder: Path, url: str, *more: str) -> tuple[str, ...]:
    where = ("--endpoint-url", url, "--owner", "platform", "--policy", "sync")
    return (command, str(folder), *where, "--parallelism", "1", *more)


def _kill(passing: Gate, folder: Path) -> bool:
    """Run the command until the held call, and kill it there; False where it made fewer calls."""
    command = _arguments("apply", folder, passing.url, "--auto-approve")
    running = forks.start(*command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while running.poll() is None and not passing.held.is_set():
        time.sleep(0.005)
    running.kill()
    running.wait()
    return passing.held.is_set()


def _versions(by_hand: Any) -> dict[str, int]:
    return {ref["meshName"]: ref["version"] for ref in by_hand.list_meshes()["meshes"]}


@pytest.mark.timeout(3600)
@pytest.mark.sample(1)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("story", STORIES)
def test_p01_p18_a01_a02_a03_a04_a41_killed_at_every_call_the_next_run_converges(
    story: str,
    way: str,
    upstream: str,
    cli: Cli,
    here: Path,
    record_property: Callable[[str, object], None],
) -> None:
    before, after, versions = STORIES[story]
    by_hand = boto3.client("appmesh", endpoint_url=upstream, region_name="eu-west-1")
    folder = here / "manifests"
    killed = 0
    first, step = WAYS[way]
    for number in range(first, 10_000, step):
        _ask(upstream, "DELETE", "/_endpoint/state")
        if before:
            _put(folder, before)
            assert cli(*_arguments("apply", folder, upstream, "--auto-approve")).code == 0
        _put(folder, after)
        _ask(upstream, "DELETE", "/_endpoint/calls")
        with gate(upstream, number, forwards_first=way == "the answer is lost") as passing:
            if not _kill(passing, folder):
                break
            killed += 1
            repaired = cli(*_arguments("apply", folder, upstream, "--auto-approve"))
            assert repaired.code == 0, repaired
            if way == "the request arrives late":
                passing.deliver_late()
        assert _versions(by_hand) == versions
        counted = _ask(upstream, "GET", "/_endpoint/calls")["calls"]
        # Two runs, and one request that may have been delivered to no effect.
        writes = sum(counted.get(name, 0) for name in ("CreateMesh", "UpdateMesh", "DeleteMesh"))
        assert writes <= _changes(before, after) + 1
        looked = cli(*_arguments("plan", folder, upstream, "--detailed-exitcode"))
        assert looked.code == 0, looked
    assert killed >= FEWEST_KILLS
    record_property("figure", f"kills: {killed} calls of {story!r} where {way}")


def _changes(before: Files, after: Files) -> int:
    return sum(before.get(name) != after.get(name) for name in before.keys() | after.keys())
