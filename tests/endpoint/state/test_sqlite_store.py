"""The SQLite store: durable or not acknowledged, and no strange database is touched."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from endpoint.state.worlds import HERE, Pause, names, putting

from reconciler.endpoint.endpoint_errors import InvalidStoreError, StoreFailedError
from reconciler.endpoint.state.sqlite_store import SqliteReader, SqliteStore
from reconciler.endpoint.state.tables import Scope, Tables

FILE = "state.sqlite3"
VERSION_2 = Path(__file__).parent / "fixtures/version2.sql"


@pytest.mark.parametrize("kind", ["directory", "memory"])
def test_a_database_error_undoes_everybody_who_shared_the_commit(kind: str, tmp_path: Path) -> None:
    def failing(_: Tables) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with closing(SqliteStore(tmp_path if kind == "directory" else None)) as store:
        pause = Pause()
        first = store.write(HERE, pause)
        pause.begun()
        works = (putting("one"), failing, putting("two"))
        writes = [store.write(HERE, work) for work in works]
        pause.go()
        first.result()
        for write in writes:
            with pytest.raises(StoreFailedError, match="disk is full") as caught:
                write.result()
            assert not caught.value.busy
        assert (names(store), store.revision(HERE)) == ([], 0)
        store.write(HERE, putting("later")).result()
        assert (names(store), store.revision(HERE)) == (["later"], 1)


def test_a_failed_read_is_our_error() -> None:
    def failing(_: Tables) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with closing(SqliteStore(None)) as store, pytest.raises(StoreFailedError):
        store.read(failing).result()


def test_writes_that_wait_share_one_commit(tmp_path: Path) -> None:
    seen: list[int] = []

    def look(_: Tables) -> None:
        with closing(sqlite3.connect(tmp_path / FILE)) as other:
            seen.append(other.execute("SELECT count(*) FROM resource").fetchone()[0])

    with closing(SqliteStore(tmp_path)) as store:
        pause = Pause()
        store.write(HERE, pause)
        pause.begun()
        waiting = [store.write(HERE, putting(f"m{number}")) for number in range(10)]
        last = store.write(HERE, look)
        pause.go()
        last.result()
        assert all(write.done() for write in waiting)
    assert seen == [0]


def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        writes = [store.write(HERE, putting(f"m{number}")) for number in range(600)]
    assert [write.result().revision for write in writes] == list(range(1, 601))
    with closing(SqliteStore(tmp_path)) as store:
        assert (len(names(store)), store.revision(HERE)) == (600, 600)


def test_files_are_private(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store:
        store.write(HERE, putting("pay")).result()
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys([FILE, f"{FILE}-wal", f"{FILE}-shm"], 0o600)


def test_a_beginning_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / f"{FILE}.new").write_bytes(b"half")
    with closing(SqliteStore(tmp_path)) as store:
        assert names(store) == []


def version_2(path: Path) -> None:
    with closing(sqlite3.connect(path)) as old:
        old.executescript(VERSION_2.read_text())


def test_a_database_of_the_version_before_is_migrated(tmp_path: Path) -> None:
    version_2(tmp_path / FILE)
    scope = Scope("111111111111", "eu-west-1")
    with pytest.raises(InvalidStoreError, match="older version 2: start `reconciler endpoint`"):
        SqliteReader(tmp_path)
    for number in (0, 1):
        with closing(SqliteStore(tmp_path)) as store:
            assert store.revision(scope) == number
            there = store.read_all(scope).resources
            assert [each.name for each in there] == ["pay", *["q0"][:number], "web"]
            token = store.read(lambda tables: tables.find_token(scope, "t-pay")).result()
            assert token is not None
            assert there[0].uid in token.response
            store.write(scope, putting(f"q{number}", scope)).result()


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE resource (name TEXT)")


def newer(path: Path) -> None:
    SqliteStore(path.parent).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 4")


def with_a_trigger(path: Path) -> None:
    SqliteStore(path.parent).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TRIGGER t AFTER INSERT ON token BEGIN DELETE FROM resource; END")


def old_with_a_trigger(path: Path) -> None:
    version_2(path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TRIGGER t AFTER INSERT ON token BEGIN DELETE FROM resource; END")


def torn(path: Path) -> None:
    with closing(SqliteStore(path.parent)) as store:
        for number in range(500):
            store.write(HERE, putting(f"m{number}"))
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 6] = b"\xa5" * 4096 * 3
    path.write_bytes(content)


def without_its_file(path: Path) -> None:
    path.with_name(f"{path.name}-wal").write_bytes(b"log")


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda path: path.write_bytes(b""), "not a database of this endpoint"),
        (lambda path: path.write_bytes(b"text" * 1000), "file is not a database"),
        (lambda path: path.mkdir(), "unable to open"),
        (foreign, "not a database of this endpoint"),
        (newer, "has version 4, this endpoint reads versions 2 to 3"),
        (with_a_trigger, "unknown tables or triggers"),
        (old_with_a_trigger, "unknown tables or triggers"),
        (torn, "damaged"),
        (without_its_file, "write-ahead log"),
    ],
)
def test_a_strange_database_is_refused_and_left_alone(
    tmp_path: Path, harm: Callable[[Path], None], says: str
) -> None:
    path = tmp_path / FILE
    harm(path)
    before = path.read_bytes() if path.is_file() else None
    for _ in range(2):
        with pytest.raises(InvalidStoreError, match=says) as caught:
            SqliteStore(tmp_path)
        assert "it was not changed" in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_another_process_reads_a_served_directory_and_sees_its_revisions(tmp_path: Path) -> None:
    with closing(SqliteStore(tmp_path)) as store, closing(SqliteReader(tmp_path)) as reader:
        assert reader.wait(HERE, 0, timeout=0) == 0
        seen: list[int] = []
        waiting = threading.Thread(target=lambda: seen.append(reader.wait(HERE, 1, timeout=30)))
        store.write(HERE, putting("one")).result()
        waiting.start()
        store.write(HERE, putting("two")).result()
        waiting.join()
        assert seen == [2]
        assert reader.revision(HERE) == 2
        shot = reader.read_all(HERE)
        assert (shot.revision, [each.name for each in shot.resources]) == (2, ["one", "two"])


def test_a_reader_does_not_go_on_with_a_database_that_was_replaced(tmp_path: Path) -> None:
    SqliteStore(tmp_path).close()
    with closing(SqliteReader(tmp_path)) as reader:
        assert reader.revision(HERE) == 0
        (tmp_path / FILE).rename(tmp_path / "old")
        with pytest.raises(StoreFailedError, match="No such file"):
            reader.revision(HERE)
        (tmp_path / "restored").mkdir()
        SqliteStore(tmp_path / "restored").close()
        (tmp_path / "restored" / FILE).rename(tmp_path / FILE)
        with pytest.raises(StoreFailedError, match="was replaced: restart this process"):
            reader.revision(HERE)


def test_a_reader_opens_no_missing_database_and_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidStoreError, match="cannot be opened"):
        SqliteReader(tmp_path)
    SqliteStore(tmp_path).close()
    with closing(SqliteReader(tmp_path)) as reader, pytest.raises(StoreFailedError):
        reader.read(putting("never")).result()
