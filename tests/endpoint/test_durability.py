"""What was acknowledged is there, whatever happens; what failed left nothing."""

import http.client
import json
import random
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from amounts import amount
from endpoint.conftest import MESHES, Client
from endpoint.test_local_endpoint import serve_alone

from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from endpoint.conftest import Reply

KILLS = amount("SIGKILL of an endpoint under load", test=6, full=200)
JSON = {"Content-Type": "application/json"}
TAGS = [{"key": "a", "value": "1"}]
FILLING = "x" * 250


def body(name: str) -> dict[str, Any]:
    return {"meshName": name, "clientToken": f"t-{name}", "tags": TAGS}


def load(url: str, prefix: str, acknowledged: dict[str, Any], began: threading.Event) -> None:
    """Create meshes over one connection until it breaks."""
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
    with closing(connection), suppress(OSError, http.client.HTTPException):
        for number in range(100_000):
            name = f"{prefix}-{number}"
            connection.request("PUT", MESHES, json.dumps(body(name)), JSON)
            answer = connection.getresponse()
            acknowledged[name] = json.loads(answer.read())
            assert answer.status == 200
            began.set()


def one_round(url: str, process: "subprocess.Popen[str]", label: str) -> dict[str, Any]:
    """Kill a process under load, and return what it acknowledged."""
    acknowledged: dict[str, Any] = {}
    began = threading.Event()
    loads = [
        threading.Thread(target=load, args=(url, f"{label}-{each}", acknowledged, began))
        for each in range(4)
    ]
    for each in loads:
        each.start()
    assert began.wait(30)
    threading.Event().wait(random.uniform(0, 0.03))  # noqa: S311 - any moment will do
    process.kill()
    process.communicate()
    for each in loads:
        each.join()
    return acknowledged


def whole(client: Client) -> list[str]:
    """Return the names of all meshes, each of them seen to be whole."""
    names: list[str] = []
    token = ""
    while True:
        page = client.send("GET", f"{MESHES}?nextToken={token}").body
        names += [mesh["meshName"] for mesh in page["meshes"]]
        token = page.get("nextToken", "")
        if not token:
            return names


@pytest.mark.timeout(600)
def test_kills_under_load_lose_nothing(tmp_path: Path) -> None:
    everything: dict[str, Any] = {}
    for number in range(KILLS):
        process, url = serve_alone(tmp_path)
        last = {name: it for name, it in everything.items() if name.startswith(f"r{number - 1}-")}
        client = Client(url)
        for name in list(last)[-8:]:
            assert client.describe(name).body == last[name]
            assert client.send("PUT", MESHES, body(name)).body == last[name]
        everything |= one_round(url, process, f"r{number}")
    with LocalEndpoint(tmp_path) as endpoint:
        client = Client(endpoint.url)
        names = whole(client)
        assert set(names) >= set(everything)
        assert len(names) == len(set(names))
        # At most one request of each connection may have taken effect unanswered: whole, with its
        # tags and its token.
        unanswered = sorted(set(names) - set(everything))
        assert len(unanswered) <= 4 * KILLS
        for name in unanswered:
            shown = client.describe(name).body
            assert client.send("PUT", MESHES, body(name)).body == shown
            assert client.tags(shown["metadata"]["arn"]).body == {"tags": TAGS}


LIMITED = """
import resource, signal, sys
from pathlib import Path
from reconciler.endpoint import LocalEndpoint
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
with LocalEndpoint(Path(sys.argv[1])) as endpoint:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    print(endpoint.url, flush=True)
    signal.sigwait({signal.SIGTERM})
"""


def mounted(folder: Path) -> bool:
    """Mount a disk of a megabyte, where we may."""
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    with suppress(FileNotFoundError):
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    return False  # pragma: no cover - a machine without the command


def fill_until_refused(client: Client) -> tuple[list[str], "Reply"]:
    created: list[str] = []
    for number in range(10_000):
        name = f"{number}-{FILLING}"[:255]
        tags = [{"key": f"{FILLING[:100]}{each}", "value": FILLING} for each in range(50)]
        reply = client.create(name, tags=tags, clientToken=f"t{number}")
        if reply.status != 200:
            return created, reply
        created.append(name)
    pytest.fail("it was never full")


def test_a_full_disk_is_a_500_without_effect(tmp_path: Path) -> None:
    if not mounted(tmp_path):
        pytest.skip("a disk can be mounted by root alone; a limit on files stands in for it")
    ballast = tmp_path / "ballast"
    ballast.write_bytes(b"x" * 400_000)
    try:
        with LocalEndpoint(tmp_path) as endpoint:
            client = Client(endpoint.url)
            assert_full_and_recovering(client, ballast.unlink)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_file_that_may_not_grow_is_a_500_without_effect(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path), "1000000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    client = Client(process.stdout.readline().strip())

    def grow() -> None:
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, unlimited)

    try:
        assert_full_and_recovering(client, grow)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate()
    assert process.returncode == 0


def assert_full_and_recovering(client: Client, relieve: Callable[[], None]) -> None:
    created, refused = fill_until_refused(client)
    assert refused.refusal == (500, "InternalServerErrorException")
    assert refused.body["message"].startswith("the database failed")
    assert sorted(whole(client)) == sorted(created)
    relieve()
    again = client.create("after", clientToken=f"t{len(created)}")
    assert again.status == 200
    assert sorted(whole(client)) == sorted([*created, "after"])


@pytest.mark.parametrize("name", ["state.sqlite3", "state.sqlite3-wal"])
def test_a_database_that_is_taken_away_takes_no_more_writes(tmp_path: Path, name: str) -> None:
    with LocalEndpoint(tmp_path) as endpoint:
        client = Client(endpoint.url)
        assert client.create("pay").status == 200
        (tmp_path / name).rename(tmp_path / "elsewhere")
        for _ in range(2):
            reply = client.create("lost")
            assert reply.refusal == (500, "InternalServerErrorException")
            assert name in reply.body["message"]
        assert client.describe("lost").status == 404
        (tmp_path / "elsewhere").rename(tmp_path / name)
        assert client.create("back").status == 200


def test_a_database_that_is_replaced_takes_no_more_writes(tmp_path: Path) -> None:
    with LocalEndpoint(tmp_path) as endpoint:
        client = Client(endpoint.url)
        file = tmp_path / "state.sqlite3"
        file.rename(tmp_path / "elsewhere")
        file.touch()
        reply = client.create("lost")
        assert reply.refusal == (500, "InternalServerErrorException")
        assert "was replaced" in reply.body["message"]
        (tmp_path / "elsewhere").replace(file)
        assert client.create("back").status == 200
