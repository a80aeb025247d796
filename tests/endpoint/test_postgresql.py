"""Endpoints on one PostgreSQL: any replica answers, and an outage is an honest answer."""

import http.client
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
import pytest
from endpoint.conftest import MESHES, Client, Reply
from endpoint.postgresql import (
    PASSWORD,
    PostgreSQL,
    endpoints,
    postgresql,
    start_endpoint,
    url_of,
)
from endpoint.state.test_postgresql_store import AT_COMMIT, name_of

from reconciler.endpoint import LocalEndpoint

pytestmark = pytest.mark.process


@pytest.fixture
def replicas(database: PostgreSQL) -> Iterator[list[Client]]:
    """Return clients of two endpoints on one database."""
    url = database.empty_database()
    with ExitStack() as opened:
        served = [opened.enter_context(LocalEndpoint(None, store=url)) for _ in range(2)]
        yield [Client(endpoint.url) for endpoint in served]


def test_each_replica_sees_the_writes_of_the_other(replicas: list[Client]) -> None:
    one, two = replicas
    created = one.create("pay", clientToken="t")
    assert two.describe("pay").body == created.body
    assert two.create("pay", clientToken="t").body == created.body
    assert two.create("pay", clientToken="u").refusal == (409, "ConflictException")
    updated = two.update("pay", clientToken="v")
    assert updated.body["metadata"]["version"] == 2
    assert one.update("pay", clientToken="v").body == updated.body
    assert one.describe("pay").body == updated.body
    revisions = [int(reply.headers["x-mesh-revision"]) for reply in (created, updated)]
    assert revisions == [1, 2]


def test_a_list_is_continued_by_another_replica(replicas: list[Client]) -> None:
    wanted = [f"m{number}" for number in range(7)]
    for number, name in enumerate(wanted):
        replicas[number % 2].create(name)
    names: list[str] = []
    token: str | None = ""
    turn = 0
    while token is not None:
        page = replicas[turn % 2].send("GET", f"{MESHES}?limit=2&nextToken={token}").body
        names += [mesh["meshName"] for mesh in page["meshes"]]
        token, turn = page.get("nextToken"), turn + 1
    assert names == wanted


def test_clearing_one_replica_empties_all(replicas: list[Client]) -> None:
    one, two = replicas
    one.create("pay", clientToken="t")
    assert two.send("DELETE", "/_endpoint/state").status == 200
    assert one.describe("pay").status == 404
    assert one.create("pay", clientToken="t").body["metadata"]["version"] == 1


def test_calls_and_faults_are_those_of_one_replica(replicas: list[Client]) -> None:
    one, two = replicas
    one.send("PUT", "/_endpoint/faults", {"faults": [{"fault": "throttle", "calls": [2]}]})
    statuses = [client.create(f"m{number}").status for number, client in enumerate(replicas * 2)]
    assert statuses == [200, 200, 429, 200]
    assert two.send("GET", "/_endpoint/faults").body == {"faults": [], "per": "endpoint"}
    for client in replicas:
        shown = client.send("GET", "/_endpoint/calls").body
        assert shown == {"calls": {"CreateMesh": 2}, "per": "endpoint"}


def test_an_outage_is_a_503_without_effect_and_ends_by_itself() -> None:
    with postgresql() as server, LocalEndpoint(None, store=server.url()) as endpoint:
        client = Client(endpoint.url)
        ready = "/_endpoint/ready"
        assert client.create("before", clientToken="t").status == 200
        assert client.send("GET", ready).body == {"status": "ready"}
        server.kill()
        for reply in (client.create("lost"), client.describe("before"), client.send("GET", ready)):
            assert reply.refusal == (503, "ServiceUnavailableException")
            assert reply.headers["retry-after"] == "1"
            assert PASSWORD not in str(reply.body)
        assert client.send("GET", "/_endpoint/health").body == {"status": "alive"}
        server.start()
        while client.send("GET", ready).status != 200:
            pass
        assert client.describe("lost").status == 404
        assert client.create("before", clientToken="t").body == client.describe("before").body


def test_an_unknown_outcome_is_a_closed_connection_and_the_token_settles_it(
    database: PostgreSQL,
) -> None:
    url = database.empty_database()
    with LocalEndpoint(None, store=url) as endpoint:
        client = Client(endpoint.url)
        database.query(AT_COMMIT, name_of(url))
        with pytest.raises(http.client.RemoteDisconnected):
            client.create("end", clientToken="t")
        database.query("DROP TRIGGER at_commit ON mesh_endpoint.resource", name_of(url))
        assert client.create("end", clientToken="t").body["metadata"]["version"] == 1


@contextmanager
def suspended_during_a_write(server: PostgreSQL, client: Client) -> Iterator[Future[Reply]]:
    """Suspend ``server`` while a write waits for a lock, and yield the write."""
    with ThreadPoolExecutor(1) as pool, psycopg.connect(server.url()) as holder:
        holder.execute("SELECT * FROM mesh_endpoint.scope FOR UPDATE")
        writing = pool.submit(client.create, "unknown", clientToken="t")
        while not server.query("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
            assert not writing.done()
        stopped = [server.postmaster, *server.backends()]
        for pid in stopped:
            signal_process(pid, signal.SIGSTOP)
        try:
            yield writing
        finally:
            for pid in stopped:
                signal_process(pid, signal.SIGCONT)


def test_a_server_that_does_not_answer_holds_up_no_request_for_ever() -> None:
    with postgresql() as server, LocalEndpoint(None, store=server.url()) as endpoint:
        client = Client(endpoint.url)
        client.create("pay")
        # The write has a session from now on. The read gets another one, or none if the pool has
        # no more: only the postmaster could make one.
        with suspended_during_a_write(server, client) as writing:
            assert client.describe("pay").refusal == (503, "ServiceUnavailableException")
            with pytest.raises(http.client.RemoteDisconnected):
                writing.result()
        assert client.create("unknown", clientToken="t").status == 200


def test_an_interruption_ends_it_although_the_server_does_not_answer(tmp_path: Path) -> None:
    with postgresql() as server:
        log = tmp_path / "log"
        with log.open("w") as stderr:
            process = start_endpoint(server.url(), stderr=stderr)
        client = Client(url_of(process))
        assert client.create("pay").status == 200
        with suspended_during_a_write(server, client) as writing:
            try:
                process.send_signal(signal.SIGINT)
                # No response would be true.
                with pytest.raises(http.client.RemoteDisconnected):
                    writing.result()
                process.communicate(timeout=60)
            finally:
                process.kill()
        assert (process.returncode, log.read_text()) == (0, "")


def signal_process(pid: int, how: signal.Signals) -> None:
    subprocess.run(["kill", f"-{how.value}", str(pid)], check=True)


def test_a_process_that_is_stopped_keeps_no_other_from_writing(database: PostgreSQL) -> None:
    with endpoints(database.empty_database(), 2) as running:
        clients = [Client(url) for _, url in running]
        assert clients[0].create("one").status == 200
        running[0][0].send_signal(signal.SIGSTOP)
        assert clients[1].create("two").status == 200
        running[0][0].send_signal(signal.SIGCONT)
        assert clients[0].describe("two").status == 200


def test_the_command_shows_the_store_without_its_password(database: PostgreSQL) -> None:
    process = start_endpoint(database.empty_database())
    assert process.stdout
    line = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert f"data in postgresql://127.0.0.1:{database.port}/" in line
    assert PASSWORD not in line


def test_a_store_that_cannot_be_opened_is_one_line() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "reconciler", "endpoint", "--listen", "127.0.0.1:0", "--store",
         f"postgresql://u:{PASSWORD}@127.0.0.1:1/d"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert process.returncode == 1
    assert process.stdout == ""
    assert len(process.stderr.splitlines()) == 1
    assert "postgresql://127.0.0.1:1/d cannot be opened" in process.stderr
    assert PASSWORD not in process.stderr


@pytest.mark.measured
def test_without_psycopg_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from reconciler.cli.main import main\n"
        "sys.exit(main(['endpoint', '--store', 'postgresql://h/d']))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert process.returncode == 1
    assert "install mesh-reconciler[postgresql]" in process.stderr
    assert len(process.stderr.splitlines()) == 1
