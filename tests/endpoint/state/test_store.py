"""The store: durable or not acknowledged, and no strange database is touched."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reconciler.endpoint.endpoint_errors import ApiError, InvalidStoreError, StoreFailedError
from reconciler.endpoint.state.store import Store
from reconciler.endpoint.state.tables import Collection, Resource, Scope, Tables

SHELF = Collection(Scope("000000000000", "us-east-1"), "Mesh", "")
FILE = "state.sqlite3"


def mesh(name: str) -> Resource:
    return Resource(SHELF, name, "000000000000", "uid", 1, 0, 0, {}, {})


def putting(name: str) -> Callable[[Tables], None]:
    return lambda tables: tables.put(mesh(name))


def names(store: Store) -> list[str]:
    return store.read(lambda tables: [each.name for each in tables.page(SHELF, "", 100)])


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path if request.param == "folder" else None)) as store:
        yield store


def test_what_is_written_is_read(store: Store) -> None:
    store.write(putting("pay")).result()
    assert store.read(lambda tables: tables.find(SHELF, "pay")) == mesh("pay")


def test_a_refused_write_leaves_its_neighbors_alone(store: Store) -> None:
    def refused(tables: Tables) -> None:
        tables.put(mesh("half"))
        raise ApiError("ConflictException", "no")

    writes = [store.write(work) for work in (putting("one"), refused, putting("two"))]
    with pytest.raises(ApiError):
        writes[1].result()
    writes[2].result()
    assert names(store) == ["one", "two"]


def test_a_database_error_undoes_everybody_who_shared_the_commit(store: Store) -> None:
    begun, going = threading.Event(), threading.Event()

    def wait(_: Tables) -> None:
        begun.set()
        going.wait()

    def failing(_: Tables) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    first = store.write(wait)
    begun.wait()
    writes = [store.write(work) for work in (putting("one"), failing, putting("two"))]
    going.set()
    first.result()
    for write in writes:
        with pytest.raises(StoreFailedError, match="disk is full") as caught:
            write.result()
        assert not caught.value.busy
    assert names(store) == []
    store.write(putting("later")).result()
    assert names(store) == ["later"]


def test_a_failed_read_is_our_error(store: Store) -> None:
    def failing(_: Tables) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(StoreFailedError):
        store.read(failing)


def test_writes_that_wait_share_one_commit(tmp_path: Path) -> None:
    begun, going = threading.Event(), threading.Event()
    seen: list[int] = []

    def wait(_: Tables) -> None:
        begun.set()
        going.wait()

    def look(_: Tables) -> None:
        with closing(sqlite3.connect(tmp_path / FILE)) as other:
            seen.append(other.execute("SELECT count(*) FROM resource").fetchone()[0])

    with closing(Store(tmp_path)) as store:
        store.write(wait)
        begun.wait()
        waiting = [store.write(putting(f"m{number}")) for number in range(10)]
        last = store.write(look)
        going.set()
        last.result()
        assert all(write.done() for write in waiting)
    assert seen == [0]


def test_a_write_that_nobody_waits_for_any_more_is_not_begun(store: Store) -> None:
    begun, going = threading.Event(), threading.Event()

    def wait(_: Tables) -> None:
        begun.set()
        going.wait()

    first = store.write(wait)
    begun.wait()
    abandoned = store.write(putting("pay"))
    assert abandoned.cancel()
    going.set()
    first.result()
    store.write(putting("other")).result()
    assert names(store) == ["other"]


def test_closing_finishes_what_waits(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        writes = [store.write(putting(f"m{number}")) for number in range(600)]
    assert all(write.result() is None for write in writes)
    with closing(Store(tmp_path)) as store:
        assert len(names(store)) == 100


def test_files_are_private(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        store.write(putting("pay")).result()
        modes = {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()}
    assert modes == dict.fromkeys([FILE, f"{FILE}-wal", f"{FILE}-shm"], 0o600)


def test_a_beginning_that_was_cut_short_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / f"{FILE}.new").write_bytes(b"half")
    with closing(Store(tmp_path)) as store:
        assert names(store) == []


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE resource (name TEXT)")


def newer(path: Path) -> None:
    Store(path.parent).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA user_version = 3")


def with_a_trigger(path: Path) -> None:
    Store(path.parent).close()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TRIGGER t AFTER INSERT ON token BEGIN DELETE FROM resource; END")


def torn(path: Path) -> None:
    with closing(Store(path.parent)) as store:
        for number in range(500):
            store.write(putting(f"m{number}"))
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
        (newer, "has version 3, this endpoint reads version 2"),
        (with_a_trigger, "unknown tables or triggers"),
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
            Store(tmp_path)
        assert "it was not changed" in str(caught.value)
    assert (path.read_bytes() if path.is_file() else None) == before
