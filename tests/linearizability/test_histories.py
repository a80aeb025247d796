"""Endpoints on one store are linearizable, whatever ends, stops or severs them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from amounts import amount

from linearizability.cluster import (
    OF_ENDPOINT,
    OF_POSTGRESQL,
    Cluster,
    Fault,
    kill_endpoint,
    kill_server,
    on_postgresql,
    on_sqlite,
)
from linearizability.histories import Run, places
from linearizability.routers import violation

pytestmark = [pytest.mark.slow, pytest.mark.process]

HISTORIES = amount("histories of three endpoints on PostgreSQL", test=100, full=2000)
ON_SQLITE = amount("histories of an endpoint on SQLite", test=10, full=200)
# Each of them starts processes, which costs more than the history.
RESTARTS = amount("histories in which processes are killed and started again", test=4, full=200)


def check(cluster: Cluster, number: int, fault: Fault) -> int:
    """Check one history, and return the number of its calls without an answer."""
    history = Run(cluster, places(number), str(number)).record(fault)
    assert not (wrong := violation(history)), f"history {number}, {fault.__name__}: {wrong}"
    return sum(each.answer is None for each in history)


@pytest.mark.timeout(1800)
def test_three_endpoints_on_postgresql_are_linearizable(
    record_property: Callable[[str, object], None],
) -> None:
    unknown = 0
    with on_postgresql() as cluster:
        for number in range(HISTORIES - RESTARTS):
            unknown += check(cluster, number, OF_POSTGRESQL[number % len(OF_POSTGRESQL)])
        for number in range(HISTORIES - RESTARTS, HISTORIES):
            unknown += check(cluster, number, (kill_endpoint, kill_server)[number % 2])
    assert unknown
    record_property("figure", f"linearizable histories on PostgreSQL: {HISTORIES}")


@pytest.mark.timeout(1800)
def test_an_endpoint_on_sqlite_is_linearizable(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with on_sqlite(tmp_path) as cluster:
        for number in range(ON_SQLITE):
            check(cluster, number, OF_ENDPOINT[number % len(OF_ENDPOINT)])
        check(cluster, ON_SQLITE, kill_endpoint)
    record_property("figure", f"linearizable histories on SQLite: {ON_SQLITE + 1}")
