"""Endpoint processes on one store, and what happens to them and to their database."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import urllib3
from endpoint.postgresql import PostgreSQL, postgresql, start_endpoint, url_of
from endpoint.test_local_endpoint import serve_alone
from linearizability.relay import Relay

READY_SECONDS = 60.0

Started = tuple["subprocess.Popen[str]", str]
Fault = Callable[["Cluster", random.Random], None]


@dataclass
class Cluster:
    """Endpoint processes on one store.

    Attributes:
        starts: A function for each endpoint, which starts it.
        server: The database, or None for a data directory.
        relay: The relay in front of the database.
        urls: The URLs of the endpoints; another one after each restart.
    """

    starts: list[Callable[[], Started]]
    server: PostgreSQL | None = None
    relay: Relay | None = None
    urls: list[str] = field(default_factory=list)
    processes: list["subprocess.Popen[str]"] = field(default_factory=list)

    def start(self, number: int) -> None:
        """Start an endpoint, again or for the first time."""
        self.processes[number], self.urls[number] = self.starts[number]()

    def kill(self, number: int) -> None:
        """Kill an endpoint with SIGKILL."""
        self.processes[number].kill()
        self.processes[number].communicate()

    def wait_until_ready(self) -> None:
        """Wait until all endpoints reach the store."""
        deadline = time.monotonic() + READY_SECONDS
        for url in self.urls:
            while not _is_ready(url):
                assert time.monotonic() < deadline, f"{url} did not recover"
                time.sleep(0.05)


def _is_ready(url: str) -> bool:
    with suppress(urllib3.exceptions.HTTPError):
        reply = urllib3.request("GET", f"{url}/_endpoint/ready", timeout=15, retries=False)
        return reply.status == 200
    return False


@contextmanager
def on_postgresql(number: int = 3) -> Iterator[Cluster]:
    """Run endpoints on a PostgreSQL of their own, behind a relay."""
    with ExitStack() as opened:
        server = opened.enter_context(postgresql())
        relay = Relay(server.port)
        opened.callback(relay.close)
        starts = [starting(url_through(relay, server))] * number
        yield opened.enter_context(running(starts, server, relay))


def url_through(relay: Relay, server: PostgreSQL) -> str:
    """Return the URL of the database behind the relay."""
    return server.url().replace(f":{server.port}/", f":{relay.port}/")


@contextmanager
def on_sqlite(directory: Path) -> Iterator[Cluster]:
    """Run one endpoint on a data directory."""
    with running([lambda: serve_alone(directory)]) as cluster:
        yield cluster


@contextmanager
def running(
    starts: list[Callable[[], Started]],
    server: PostgreSQL | None = None,
    relay: Relay | None = None,
) -> Iterator[Cluster]:
    """Run endpoints, and end them."""
    cluster = Cluster(starts, server, relay)
    try:
        for start in starts:
            process, url = start()
            cluster.processes.append(process)
            cluster.urls.append(url)
        yield cluster
    finally:
        for process in cluster.processes:
            process.kill()
            process.communicate()


def starting(store: str) -> Callable[[], Started]:
    """Return a function that starts an endpoint on a store."""

    def start() -> Started:
        process = start_endpoint(store)
        return process, url_of(process)

    return start


def nothing(_: Cluster, __: random.Random) -> None:
    """Let it run."""


def kill_endpoint(cluster: Cluster, chance: random.Random) -> None:
    """Kill an endpoint and start it again."""
    number = chance.randrange(len(cluster.urls))
    cluster.kill(number)
    cluster.start(number)


def stop_endpoint(cluster: Cluster, chance: random.Random) -> None:
    """Suspend an endpoint for a while."""
    process = chance.choice(cluster.processes)
    with _suspended([process.pid]):
        _pause(chance)


def kill_backend(cluster: Cluster, chance: random.Random) -> None:
    """Kill a session or another process of the server, which ends all others and recovers."""
    if backends := _server(cluster).backends(children=chance.random() < 0.5):
        _signal(chance.choice(backends), signal.SIGKILL)


def stop_backends(cluster: Cluster, chance: random.Random) -> None:
    """Suspend some sessions of endpoints for a while."""
    backends = _server(cluster).backends()
    with _suspended(chance.sample(backends, chance.randint(0, len(backends)))):
        _pause(chance)


def stop_postmaster(cluster: Cluster, chance: random.Random) -> None:
    """Suspend the process that accepts sessions for a while, and end a session meanwhile."""
    with _suspended([_server(cluster).postmaster]):
        if cluster.relay:
            cluster.relay.sever()
        _pause(chance)


def kill_server(cluster: Cluster, chance: random.Random) -> None:
    """Kill the postmaster, then all other processes of the server, and start it again."""
    server = _server(cluster)
    children = server.backends(children=True)
    _signal(server.postmaster, signal.SIGKILL)
    _pause(chance)
    for pid in children:
        _signal(pid, signal.SIGKILL)
    server.kill()
    server.start()


def sever(cluster: Cluster, chance: random.Random) -> None:
    """Close some sessions, or all."""
    _relay(cluster).sever(chance.random() * 1.5)


def lose_commits(cluster: Cluster, chance: random.Random) -> None:
    """Commit transactions, and sever their sessions before an endpoint learns that."""
    with _relay(cluster).losing(b"COMMIT"):
        _pause(chance)


def hold(cluster: Cluster, chance: random.Random) -> None:
    """Delay all traffic of the database."""
    with _relay(cluster).holding():
        _pause(chance)


OF_ENDPOINT: tuple[Fault, ...] = (nothing, stop_endpoint)
OF_POSTGRESQL: tuple[Fault, ...] = (
    *OF_ENDPOINT,
    stop_backends,
    stop_postmaster,
    sever,
    lose_commits,
    hold,
)
# Processes start again, which costs much more than a history.
RESTARTS: tuple[Fault, ...] = (kill_backend, kill_endpoint, kill_server)


def _server(cluster: Cluster) -> PostgreSQL:
    assert cluster.server
    return cluster.server


def _relay(cluster: Cluster) -> Relay:
    assert cluster.relay
    return cluster.relay


def _pause(chance: random.Random) -> None:
    time.sleep(chance.uniform(0.02, 0.3))


@contextmanager
def _suspended(pids: list[int]) -> Iterator[None]:
    for pid in pids:
        _signal(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, how)
