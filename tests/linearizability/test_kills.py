"""Processes are killed under load: acknowledged writes stay, and each replica sees all in order."""

import random
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from amounts import amount
from linearizability.cluster import (
    RESTARTS,
    Cluster,
    Fault,
    kill_endpoint,
    on_postgresql,
    on_sqlite,
    url_through,
)
from linearizability.counters import Load, load

from reconciler.endpoint.state.postgresql_store import PostgresqlStore
from reconciler.endpoint.state.sqlite_store import SqliteReader

pytestmark = [pytest.mark.slow, pytest.mark.process]

KILLS = amount("SIGKILL of any process of endpoints on PostgreSQL under load", test=3, full=100)
ON_SQLITE = amount("SIGKILL of an endpoint on SQLite whose revisions are followed", test=1, full=20)


def kill_under_load(cluster: Cluster, writing: Load, faults: Sequence[Fault]) -> None:
    """Let each fault happen while all writers write."""
    chance = random.Random(1)  # noqa: S311 - repeatable, not secret
    for fault in faults:
        writing.wait_for_writes()
        fault(cluster, chance)
    writing.wait_for_writes()


@pytest.mark.timeout(1200)
def test_on_postgresql(record_property: Callable[[str, object], None]) -> None:
    with ExitStack() as opened:
        cluster = opened.enter_context(on_postgresql(2))
        assert cluster.server
        assert cluster.relay
        urls = [cluster.server.url(), url_through(cluster.relay, cluster.server)]
        stores = [opened.enter_context(closing(PostgresqlStore(url))) for url in urls]
        writing = opened.enter_context(load(cluster, stores))
        kill_under_load(
            cluster, writing, [RESTARTS[number % len(RESTARTS)] for number in range(KILLS)]
        )
    record_property("figure", f"kills under load on PostgreSQL: {KILLS}")


@pytest.mark.timeout(1200)
def test_on_sqlite(tmp_path: Path) -> None:
    with ExitStack() as opened:
        cluster = opened.enter_context(on_sqlite(tmp_path))
        store = opened.enter_context(closing(SqliteReader(tmp_path)))
        writing = opened.enter_context(load(cluster, [store]))
        kill_under_load(cluster, writing, [kill_endpoint] * ON_SQLITE)
