"""Without one of its parts, the store gives answers that the checker does not accept.

The parts are taken away below the store: in the statements on their way to the server, or by
triggers in the database.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from linearizability.cluster import Cluster, on_postgresql
from linearizability.histories import Run, places
from linearizability.routers import violation

pytestmark = [pytest.mark.slow, pytest.mark.process]

MOST_HISTORIES = 40
# A trigger that leaves a statement without effect.
IGNORED = """
CREATE OR REPLACE FUNCTION mesh_endpoint.ignored() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER ignored BEFORE {statement} ON mesh_endpoint.{table}
    FOR EACH ROW EXECUTE FUNCTION mesh_endpoint.ignored();
"""


@contextmanager
def without_row_lock(cluster: Cluster) -> Iterator[None]:
    """Read the revision of a scope without a lock."""
    assert cluster.relay
    cluster.relay.rewrite(b"FOR UPDATE", b"          ")
    yield
    cluster.relay.rewrite(b"", b"")


def ignoring(statement: str, table: str) -> Callable[[Cluster], Iterator[None]]:
    """Return a context in which the statement has no effect on the table."""

    @contextmanager
    def ignored(cluster: Cluster) -> Iterator[None]:
        assert cluster.server
        cluster.server.query(IGNORED.format(statement=statement, table=table))
        yield
        cluster.server.query(f"DROP TRIGGER ignored ON mesh_endpoint.{table}")

    return ignored
