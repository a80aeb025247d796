"""A lease in PostgreSQL: what goes wrong in it; the protocol is in test_contract."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest
from endpoint.postgresql import PASSWORD, PostgreSQL
from locks.conftest import open_database

from reconciler.core.errors import LockError, UsageError
from reconciler.locks.lease import Elector, StoreContext
from reconciler.locks.postgresql import TABLE, open_store
from reconciler.wiring.locks import steady_seconds

if TYPE_CHECKING:
    from reconciler.locks.lease import LeaseStore

pytestmark = pytest.mark.process


def elector(store: "LeaseStore", term_seconds: float = 15) -> Elector:
    return Elector(store, "one", term_seconds, steady_seconds, time.time)


def test_without_the_table_a_record_is_not_the_expected_one(database: PostgreSQL) -> None:
    store = open_database(database.new_database(), "a")
    assert not store.compare_and_swap("other", "two")
    assert store.read() is None


def test_many_that_start_at_once_make_the_table_once(database: PostgreSQL) -> None:
    url = database.new_database()
    with ThreadPoolExecutor(8) as pool:
        won = list(
            pool.map(lambda name: open_database(url, "a").compare_and_swap(None, name), "abcdefgh")
        )
    assert sum(won) == 1


def test_a_user_that_may_not_create_tables_uses_one_that_is_there(database: PostgreSQL) -> None:
    url = database.new_database()
    name = url.rpartition("/")[2]
    database.query("DROP ROLE IF EXISTS lessee")
    database.query(f"CREATE ROLE lessee LOGIN PASSWORD '{PASSWORD}'")
    store = open_database(url.replace("//postgres:", "//lessee:"), "a")
    assert store.read() is None
    with pytest.raises(LockError, match="permission denied for schema public"):
        store.compare_and_swap(None, "one")
    database.query(TABLE, name)
    database.query("GRANT SELECT, INSERT, UPDATE ON mesh_reconciler_lease TO lessee", name)
    assert store.compare_and_swap(None, "one")
    assert store.compare_and_swap("one", "two")


@pytest.mark.unmeasured
def test_a_server_that_is_lost_ends_the_lease_and_comes_back(database: PostgreSQL) -> None:
    leader = elector(open_database(database.new_database(), "a"), 3)
    leader.renew_or_acquire()
    assert leader.is_leader()
    database.kill()
    with pytest.raises(LockError, match=r"PostgreSQL database d\w+ at 127.0.0.1 cannot be"):
        leader.renew_or_acquire()
    time.sleep(3)
    assert not leader.is_leader()
    database.start()
    leader.renew_or_acquire()
    assert leader.is_leader()


def test_a_server_that_hangs_is_waited_for_a_few_seconds(database: PostgreSQL) -> None:
    url = database.new_database()
    store = open_database(url, "a")
    assert store.compare_and_swap(None, "one")
    os.kill(database.postmaster, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(LockError, match="cannot be used"):
            store.read()
        assert time.monotonic() - began < 15
    finally:
        os.kill(database.postmaster, signal.SIGCONT)


def test_a_statement_that_hangs_is_waited_for_a_few_seconds(database: PostgreSQL) -> None:
    url = database.new_database()
    store = open_database(url, "a")
    assert store.compare_and_swap(None, "one")
    with psycopg.connect(url) as other:
        other.execute("LOCK TABLE mesh_reconciler_lease")
        began = time.monotonic()
        with pytest.raises(LockError, match="cannot be used"):
            store.compare_and_swap("one", "two")
        assert time.monotonic() - began < 15
    # The statement must not take effect later, when nobody counts on it any more.
    assert store.read() == "one"


def test_a_process_that_is_paused_before_its_commit_loses_the_row(database: PostgreSQL) -> None:
    url = database.new_database()
    assert open_database(url, "a").compare_and_swap(None, "one")
    paused = f"""
import os, signal, sys, threading, psycopg
from reconciler.locks.lease import StoreContext
from reconciler.locks.postgresql import open_store
commit = psycopg.Connection.commit
def pause(connection):
    print("paused", flush=True)
    os.kill(os.getpid(), signal.SIGSTOP)
    commit(connection)
psycopg.Connection.commit = pause
store = open_store({url.partition(":")[2]!r}, StoreContext("a", lambda _: None))
store.compare_and_swap("one", "paused")
"""
    process = subprocess.Popen([sys.executable, "-c", paused], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"paused\n"
        store = open_database(url, "a")
        deadline = time.monotonic() + 20
        while not is_swapped(store):
            assert time.monotonic() < deadline
        assert store.read() == "two"
    finally:
        process.kill()
        process.communicate()


def is_swapped(store: "LeaseStore") -> bool:
    try:
        return store.compare_and_swap("one", "two")
    except LockError:
        return False


def test_e02_no_message_has_the_password(database: PostgreSQL) -> None:
    wrong = database.url(password="canary-of-a-wrong-one")
    with pytest.raises(LockError, match="password authentication failed") as error:
        open_database(wrong, "a").read()
    assert "canary" not in str(error.value)
    odd = open_store("//u:canary@127.0.0.1:x/db", StoreContext("a", lambda _: None))
    with pytest.raises(LockError, match="cannot be used") as error:
        odd.read()
    assert "canary" not in str(error.value)
    for url in ("//u:canary@h/d?other=1", "//u:canary@["):
        with pytest.raises(UsageError, match="the URL of the lock is invalid") as invalid:
            open_store(url, StoreContext("a", lambda _: None))
        assert "canary" not in str(invalid.value)


def test_the_rest_of_the_connection_is_libpqs(
    database: PostgreSQL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", str(database.port))
    monkeypatch.setenv("PGUSER", "postgres")
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("PGDATABASE", database.new_database().rpartition("/")[2])
    store = open_store("//", StoreContext("lease", lambda _: None))
    assert store.name == "the lock lease in the PostgreSQL database of libpq's defaults"
    assert store.compare_and_swap(None, "one")
