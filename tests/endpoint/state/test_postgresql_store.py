"""The PostgreSQL store: several processes, a server that goes away, unfit databases."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import psycopg
import pytest
from endpoint.postgresql import PASSWORD, PostgreSQL, postgresql
from endpoint.state.worlds import ELSEWHERE, HERE, MESHES, Pause, mesh, names, putting

from reconciler.endpoint.endpoint_errors import (
    InvalidStoreError,
    OutcomeUnknownError,
    StoreFailedError,
)
from reconciler.endpoint.state.open_store import open_store
from reconciler.endpoint.state.postgresql_connections import Connections
from reconciler.endpoint.state.postgresql_store import PostgresqlStore
from reconciler.endpoint.state.tables import Tables

pytestmark = pytest.mark.process

# Ends its own session when a transaction that wrote a mesh of this name commits.
AT_COMMIT = """
CREATE FUNCTION mesh_endpoint.at_commit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF NEW.name = 'end' THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF;
    IF NEW.name = 'refuse' THEN RAISE EXCEPTION 'not this one'; END IF;
    RETURN NEW;
END $$;
CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT ON mesh_endpoint.resource
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION mesh_endpoint.at_commit();
"""


@pytest.fixture
def url(database: PostgreSQL) -> str:
    return database.empty_database()


@pytest.fixture
def store(url: str) -> Iterator[PostgresqlStore]:
    with closing(PostgresqlStore(url)) as store:
        yield store


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


def write(store: PostgresqlStore, name: str) -> int:
    return store.write(HERE, putting(name)).result(60).revision


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"postgresql://u:{PASSWORD}%zz@h/d", "URL of the store is invalid"),
        (f"postgresql://u:{PASSWORD}@h:1/d?nonsense=1", "URL of the store is invalid"),
        (f"mysql://u:{PASSWORD}@h/d", "URL of the store is invalid"),
        (f"postgresql://u:{PASSWORD}@127.0.0.1:1/d", "127.0.0.1:1/d cannot be opened"),
    ],
)
def test_a_store_that_cannot_be_opened_is_one_line_without_the_password(
    url: str, says: str
) -> None:
    with pytest.raises(InvalidStoreError, match=says) as caught:
        open_store(url, None)
    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_wrong_password_is_refused_and_not_shown(database: PostgreSQL) -> None:
    with pytest.raises(InvalidStoreError, match="authentication failed") as caught:
        PostgresqlStore(database.url(password="wrong-canary"))
    assert "wrong-canary" not in str(caught.value)


def test_the_variables_and_the_password_file_of_libpq_apply(
    database: PostgreSQL, url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    passwords = tmp_path / "pgpass"
    passwords.touch(0o600)
    passwords.write_text(f"127.0.0.1:{database.port}:*:postgres:{PASSWORD}\n")
    for name, value in (
        ("PGHOST", "127.0.0.1"), ("PGPORT", str(database.port)), ("PGUSER", "postgres"),
        ("PGDATABASE", name_of(url)), ("PGPASSFILE", str(passwords)),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    with closing(PostgresqlStore("postgresql://")) as store:
        assert store.location == f"postgresql://127.0.0.1:{database.port}/{name_of(url)}"
        assert write(store, "pay") == 1


def test_a_newer_database_is_refused_and_left_alone(database: PostgreSQL, url: str) -> None:
    PostgresqlStore(url).close()
    database.query("UPDATE mesh_endpoint.schema_version SET version = 9", name_of(url))
    with pytest.raises(InvalidStoreError, match="has version 9, this endpoint reads versions up"):
        PostgresqlStore(url)
    version = database.query("SELECT version FROM mesh_endpoint.schema_version", name_of(url))
    assert version == [(9,)]


def test_a_database_that_cannot_hold_every_text_is_refused(database: PostgreSQL) -> None:
    database.query("CREATE DATABASE narrow ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(InvalidStoreError, match="SQL_ASCII"):
        PostgresqlStore(database.url("narrow"))
    database.query("DROP DATABASE narrow")


def test_processes_that_start_at_once_create_the_tables_once(url: str) -> None:
    with ThreadPoolExecutor(4) as pool, ExitStack() as opened:
        stores = list(pool.map(PostgresqlStore, [url] * 4))
        for store in stores:
            opened.enter_context(closing(store))
        assert [write(store, f"m{number}") for number, store in enumerate(stores)] == [1, 2, 3, 4]


@pytest.mark.unmeasured
def test_writes_of_two_replicas_are_one_after_the_other(url: str) -> None:
    def add(tables: Tables) -> int:
        found = tables.find(MESHES, "sum")
        number = found.spec["number"] + 1 if found else 1
        tables.put(mesh("sum", number=number))
        return number

    with ExitStack() as opened, ThreadPoolExecutor(8) as pool:
        stores = [opened.enter_context(closing(PostgresqlStore(url))) for _ in range(2)]
        results = list(
            pool.map(lambda number: stores[number % 2].write(HERE, add).result(), range(100))
        )
    assert sorted(result.outcome for result in results) == list(range(1, 101))
    assert all(result.outcome == result.revision for result in results)


@pytest.mark.unmeasured
def test_scopes_that_lock_each_other_do_not_deadlock(url: str) -> None:
    def both(first: object, second: object) -> Callable[[Tables], None]:
        def work(tables: Tables) -> None:
            tables.find_token(first, "t")  # type: ignore[arg-type]
            tables.put(mesh("pay", second))  # type: ignore[arg-type]

        return work

    with ExitStack() as opened, ThreadPoolExecutor(8) as pool:
        stores = [opened.enter_context(closing(PostgresqlStore(url))) for _ in range(2)]
        pairs = ((HERE, ELSEWHERE), (ELSEWHERE, HERE))
        done = pool.map(
            lambda number: (
                stores[number % 2]
                .write(pairs[number // 2 % 2][0], both(*pairs[number // 2 % 2]))
                .result(60)
            ),
            range(40),
        )
        assert len(list(done)) == 40
        assert stores[0].revision(HERE) + stores[1].revision(ELSEWHERE) == 40


def test_a_waiter_wakes_for_a_write_of_another_replica(url: str, store: PostgresqlStore) -> None:
    with closing(PostgresqlStore(url)) as other:
        for number in range(3):
            seen: list[int] = []
            waiting = threading.Thread(
                target=lambda number=number, seen=seen: seen.append(store.wait(HERE, number, 30))
            )
            waiting.start()
            write(other, f"m{number}")
            waiting.join()
            assert seen == [number + 1]


def test_a_waiter_survives_the_end_of_its_session(
    database: PostgreSQL, url: str, store: PostgresqlStore
) -> None:
    assert store.wait(HERE, 0, timeout=0.2) == 0
    end_sessions(database, url)
    seen: list[int] = []

    def wait() -> None:
        while not seen:
            with suppress(StoreFailedError):
                seen.append(store.wait(HERE, 0, timeout=30))

    waiting = threading.Thread(target=wait)
    waiting.start()
    with closing(PostgresqlStore(url)) as other:
        write(other, "pay")
    waiting.join()
    assert seen == [1]


def end_sessions(database: PostgreSQL, url: str) -> None:
    database.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        name_of(url),
    )


def test_a_session_that_ends_within_a_write_leaves_no_effect(
    database: PostgreSQL, url: str, store: PostgresqlStore, caplog: pytest.LogCaptureFixture
) -> None:
    pause = Pause()

    def work(tables: Tables) -> None:
        putting("first")(tables)
        pause(tables)

    first = store.write(HERE, work)
    pause.begun()
    second = store.write(HERE, putting("second"))
    end_sessions(database, url)
    pause.go()
    with pytest.raises(StoreFailedError) as caught:
        first.result()
    assert caught.value.busy
    with suppress(StoreFailedError):  # its connection may have been ended too
        second.result()
    assert set(names(store)) <= {"second"}
    assert write(store, "third") == len(names(store))
    assert {record.name for record in caplog.records} == {Connections.__module__}


def test_a_commit_without_an_answer_has_an_unknown_outcome(
    database: PostgreSQL, url: str, store: PostgresqlStore
) -> None:
    database.query(AT_COMMIT, name_of(url))
    with pytest.raises(OutcomeUnknownError):
        write(store, "end")
    assert write(store, "later") == 1
    with pytest.raises(StoreFailedError, match="not this one"):
        write(store, "refuse")
    assert names(store) == ["later"]


def test_a_commit_that_no_standby_confirmed_is_not_acknowledged() -> None:
    with postgresql() as server, closing(PostgresqlStore(server.url())) as store:
        assert write(store, "before") == 1
        server.query("ALTER SYSTEM SET synchronous_standby_names = 'missing'")
        server.query("SELECT pg_reload_conf()")
        waiting = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        for name, end in (
            ("canceled", "SELECT pg_cancel_backend(pid)"),
            ("ended", "SELECT pg_terminate_backend(pid)"),
        ):
            writing = store.write(HERE, putting(name))
            while not server.query(f"{end} {waiting}"):
                # The process that decides about standbys reads the setting a moment later.
                if writing.done():
                    writing = store.write(HERE, putting(name))
            with pytest.raises(OutcomeUnknownError):
                writing.result(60)
        server.query("ALTER SYSTEM RESET synchronous_standby_names")
        server.query("SELECT pg_reload_conf()")
        assert names(store) == ["before", "canceled", "ended"]


def test_a_lock_that_is_not_released_fails_the_write_without_effect(
    url: str, store: PostgresqlStore
) -> None:
    write(store, "pay")
    with psycopg.connect(url) as holder:
        holder.execute("SELECT * FROM mesh_endpoint.scope FOR UPDATE")
        with pytest.raises(StoreFailedError, match="lock timeout") as caught:
            write(store, "other")
        assert caught.value.busy
        assert names(store) == ["pay"]
    assert write(store, "other") == 2


def test_a_database_without_the_tables_is_no_reason_to_try_again(
    database: PostgreSQL, url: str, store: PostgresqlStore
) -> None:
    database.query("DROP SCHEMA mesh_endpoint CASCADE", name_of(url))
    for failing in (
        store.read(lambda tables: tables.find(MESHES, "a")),
        store.write(HERE, putting("a")),
    ):
        with pytest.raises(StoreFailedError, match="does not exist") as caught:
            failing.result()
        assert not caught.value.busy


@pytest.mark.unmeasured
def test_a_server_that_goes_away_is_found_again_and_has_lost_nothing() -> None:
    # With this setting, the server acknowledges commits that are not on disk, unless it is asked.
    with (
        postgresql(synchronous_commit="off") as server,
        closing(PostgresqlStore(server.url())) as store,
    ):
        for number, end in enumerate((server.kill, server.stop)):
            assert write(store, f"m{number}") == number + 1
            end()
            for attempt in (lambda: names(store), lambda: write(store, "lost")):
                with pytest.raises(StoreFailedError) as caught:
                    attempt()
                assert caught.value.busy
            server.start()
            there = [f"m{each}" for each in range(number + 1)]
            assert eventually(lambda: names(store)) == there


def eventually(read: Callable[[], list[str]]) -> list[str]:
    while True:
        with suppress(StoreFailedError):
            return read()
