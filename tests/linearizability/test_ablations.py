"""Without one of its parts, the store gives answers that the checker does not accept.

The parts are taken away below the store: in the statements on their way to the server, or by
triggers in the database.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from linearizability.cluster import Cluster, on_postgresql
from linearizability.histories import ACCOUNTS, Run, create_meshes
from linearizability.routers import Place, violation

pytestmark = [pytest.mark.slow, pytest.mark.process]

HISTORIES = 40
# A trigger that leaves a statement without effect.
IGNORED = """
CREATE OR REPLACE FUNCTION mesh_endpoint.ignored() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER ignored BEFORE {statement} ON mesh_endpoint.{table}
    FOR EACH ROW EXECUTE FUNCTION mesh_endpoint.ignored();
"""


Ablation = Callable[[Cluster], AbstractContextManager[None]]


@contextmanager
def reading_without_lock(cluster: Cluster) -> Iterator[None]:
    """Read the revision of a scope without a lock."""
    assert cluster.relay
    cluster.relay.rewrite(b"FOR UPDATE", b"          ")
    yield
    cluster.relay.rewrite(b"", b"")
    # Its sessions have prepared the statement without the lock.
    cluster.relay.sever()
    cluster.wait_until_ready()


def ignoring(statement: str, table: str) -> Ablation:
    """Return a context in which the statement has no effect on the table."""

    @contextmanager
    def ignored(cluster: Cluster) -> Iterator[None]:
        assert cluster.server
        cluster.server.query(IGNORED.format(statement=statement, table=table))
        yield
        cluster.server.query(f"DROP TRIGGER ignored ON mesh_endpoint.{table}")

    return ignored


# Without the lock, two writes may get one revision before any other answer is wrong.
ABLATIONS: dict[str, tuple[Ablation, tuple[str, ...]]] = {
    "row-lock": (reading_without_lock, ("no order explains", "revision")),
    "token-record": (ignoring("INSERT", "token"), ("no order explains",)),
    "revision": (ignoring("UPDATE", "scope"), ("revision",)),
}


def test_without_one_part_a_history_is_not_linearizable() -> None:
    with on_postgresql(2) as cluster:
        create_meshes(cluster)
        for part, (ablation, says) in ABLATIONS.items():
            with ablation(cluster):
                found = (_violation(cluster, f"{part}-{number}") for number in range(HISTORIES))
                message = next(filter(None, found), "")
                assert any(words in message for words in says), (part, message)
            assert not _violation(cluster, f"with-{part}")


def _violation(cluster: Cluster, label: str) -> str:
    places = [Place(account, label) for account in ACCOUNTS]
    return violation(Run(cluster, places, label).record())
