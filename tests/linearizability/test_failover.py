"""A synchronous standby is promoted under load: linearizable, and no acknowledged write is lost."""

import random
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from amounts import amount
from endpoint.postgresql import PASSWORD, USER, PostgreSQL, postgresql
from linearizability.cluster import Cluster, running, starting
from linearizability.counters import load
from linearizability.histories import Run, places
from linearizability.routers import violation

from reconciler.endpoint.state.postgresql_store import PostgresqlStore

pytestmark = [pytest.mark.slow, pytest.mark.process]

PROMOTIONS = amount("promotions of a synchronous standby under load", test=0, full=20)
TIMEOUT_SECONDS = 60.0
# The newest of Debian.
PROGRAMS = max(
    (each.parent for each in Path("/usr/lib/postgresql").glob("*/bin/pg_basebackup")), default=None
)


@dataclass
class Pair:
    """A primary server and its synchronous standby."""

    primary: PostgreSQL
    standby: PostgreSQL

    @property
    def url(self) -> str:
        """The URL of both, of which endpoints use the one that accepts writes."""
        hosts = ",".join(f"127.0.0.1:{each.port}" for each in (self.primary, self.standby))
        return f"postgresql://{USER}:{PASSWORD}@{hosts}/postgres"

    def add_standby(self) -> None:
        """Copy the primary, and let each commit wait for the standby from now on."""
        self.standby.follow(self.primary)
        self._set_names("*")
        self._wait_for(
            "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
            " AND flush_lsn >= pg_current_wal_insert_lsn()"
        )

    def fail_over(self, _: Cluster, chance: random.Random) -> None:
        """Kill the primary, and promote the standby."""
        time.sleep(chance.uniform(0, 0.1))
        self.primary.kill()
        self.standby.query("SELECT pg_promote()")
        self.primary, self.standby = self.standby, self.primary
        # The new primary is alone for now.
        self._set_names("")

    def _set_names(self, names: str) -> None:
        self.primary.query(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.primary.query("SELECT pg_reload_conf()")
        self._wait_for(f"SELECT 1 WHERE current_setting('synchronous_standby_names') = '{names}'")

    def _wait_for(self, row: str) -> None:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not self.primary.query(row):
            assert time.monotonic() < deadline, row
            time.sleep(0.02)


@pytest.mark.timeout(1800)
@pytest.mark.skipif(not PROMOTIONS, reason="standbys are promoted by make full")
@pytest.mark.skipif(PROGRAMS is None, reason="no server of Debian in /usr/lib/postgresql")
def test_a_promotion_under_load_loses_nothing(
    record_property: Callable[[str, object], None],
) -> None:
    assert PROGRAMS
    with ExitStack() as opened:
        servers = [opened.enter_context(postgresql(PROGRAMS)) for _ in range(2)]
        servers[1].stop()
        pair = Pair(*servers)
        cluster = opened.enter_context(running([starting(pair.url)] * 3))
        store = opened.enter_context(closing(PostgresqlStore(pair.url)))
        writing = opened.enter_context(load(cluster, [store]))
        for number in range(PROMOTIONS):
            pair.add_standby()
            writing.wait_for_writes()
            history = Run(cluster, places(number), f"promotion-{number}").record(pair.fail_over)
            assert not (wrong := violation(history)), wrong
            writing.wait_for_writes()
    record_property("figure", f"promotions under load: {PROMOTIONS}")
