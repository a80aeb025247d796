"""Endpoints on one store are linearizable, whatever ends, stops or severs them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from amounts import amount
from linearizability.cluster import (
    OF_ENDPOINT,
    OF_POSTGRESQL,
    RESTARTS,
    Cluster,
    Fault,
    kill_endpoint,
    on_postgresql,
    on_sqlite,
)
from linearizability.histories import Run, create_meshes, places
from linearizability.routers import violation

pytestmark = [pytest.mark.slow, pytest.mark.process]

HISTORIES = amount("histories of three endpoints on PostgreSQL", test=8, full=2000)
KILLS = amount("histories of them in which a process is killed", test=1, full=300)
# Another PostgreSQL for each part, so that several workers share the histories.
PART = min(HISTORIES, 200)
ON_SQLITE = amount("histories of an endpoint on SQLite", test=3, full=200)


def check(cluster: Cluster, number: int, fault: Fault) -> int:
    """Check one history, and return the number of its calls without an answer."""
    history = Run(cluster, places(number), str(number)).record(fault)
    assert not (wrong := violation(history)), f"history {number}, {fault.__name__}: {wrong}"
    return sum(each.answer is None for each in history)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", range(0, HISTORIES, PART))
def test_three_endpoints_on_postgresql_are_linearizable(
    record_property: Callable[[str, object], None], first: int
) -> None:
    kills = KILLS * PART // HISTORIES
    faults = [OF_POSTGRESQL[number % len(OF_POSTGRESQL)] for number in range(PART - kills)]
    faults += [RESTARTS[number % len(RESTARTS)] for number in range(kills)]
    with on_postgresql() as cluster:
        create_meshes(cluster)
        unknown = sum(check(cluster, number, fault) for number, fault in enumerate(faults, first))
    assert unknown
    record_property("figure", f"linearizable histories on PostgreSQL: {PART} from {first}")


@pytest.mark.timeout(1800)
def test_an_endpoint_on_sqlite_is_linearizable(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with on_sqlite(tmp_path) as cluster:
        create_meshes(cluster)
        for number in range(ON_SQLITE):
            check(cluster, number, OF_ENDPOINT[number % len(OF_ENDPOINT)])
        check(cluster, ON_SQLITE, kill_endpoint)
    record_property("figure", f"linearizable histories on SQLite: {ON_SQLITE + 1}")
