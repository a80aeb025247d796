"""A copy has everything, is checked, and can be repeated."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from conftest import Cli
from endpoint.postgresql import PASSWORD, PostgreSQL
from endpoint.state.worlds import ELSEWHERE, HERE, mesh, names

from reconciler.endpoint.endpoint_errors import (
    DataDirectoryLockedError,
    InvalidStoreError,
    StoreNotCopiedError,
)
from reconciler.endpoint.state.copy_state import copy_state
from reconciler.endpoint.state.data_directory import DataDirectoryLock
from reconciler.endpoint.state.open_store import open_store
from reconciler.endpoint.state.sqlite_store import SqliteStore
from reconciler.endpoint.state.tables import Scope, Tables, TokenRecord

# Changes a row behind the back of the copy.
MEDDLING = """
CREATE FUNCTION mesh_endpoint.meddle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.revision := NEW.revision + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER meddle BEFORE INSERT ON mesh_endpoint.scope
    FOR EACH ROW EXECUTE FUNCTION mesh_endpoint.meddle();
"""
RECORD = TokenRecord("digest", '{"n": "\u20ac"}')


def fill(directory: Path) -> None:
    directory.mkdir()
    with closing(SqliteStore(directory)) as store:
        for scope in (HERE, ELSEWHERE):
            for number in range(3):
                store.write(scope, working(f"m{number}", scope)).result()


def working(name: str, scope: Scope) -> Callable[[Tables], None]:
    def work(tables: Tables) -> None:
        tables.put(mesh(name, scope, text="\u20ac", number=2**53))
        tables.put_token(scope, name, RECORD, 5)

    return work


@pytest.fixture(params=["directory", pytest.param("postgresql", marks=pytest.mark.process)])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "directory":
        return str(tmp_path / "copy")
    server: PostgreSQL = request.getfixturevalue("database")
    return server.empty_database()


def test_everything_is_copied_and_again(tmp_path: Path, target: str) -> None:
    fill(tmp_path / "source")
    for _ in range(2):
        said = copy_state(str(tmp_path / "source"), target)
        assert "has the 6 resources, 6 client tokens and 2 revisions of" in said
        assert PASSWORD not in said
    back = str(tmp_path / "back")
    copy_state(target, back)
    with closing(SqliteStore(Path(back))) as store:
        assert names(store) == names(store, ELSEWHERE) == ["m0", "m1", "m2"]
        assert (store.revision(HERE), store.revision(ELSEWHERE)) == (3, 3)
        (first, *_) = store.read_all(HERE).resources
        assert first == mesh("m0", HERE, text="\u20ac", number=2**53)
        record = store.read(lambda tables: tables.find_token(ELSEWHERE, "m2")).result()
        assert record == RECORD


def test_other_data_is_never_replaced(tmp_path: Path, target: str) -> None:
    fill(tmp_path / "source")
    copy_state(str(tmp_path / "source"), target)
    with closing(SqliteStore(tmp_path / "source")) as store:
        store.write(HERE, lambda tables: tables.put(mesh("later"))).result()
    with pytest.raises(StoreNotCopiedError, match="has other data, which was not changed"):
        copy_state(str(tmp_path / "source"), target)
    directory = None if target.startswith("postgresql") else Path(target)
    copied, _ = open_store(None if directory else target, directory)
    with closing(copied):
        assert names(copied) == ["m0", "m1", "m2"]


def test_a_served_directory_is_a_source_and_no_target(tmp_path: Path) -> None:
    fill(tmp_path / "source")
    fill(tmp_path / "served")
    holder = DataDirectoryLock(tmp_path / "served")
    copy_state(str(tmp_path / "served"), str(tmp_path / "copy"))
    holder.announce("http://127.0.0.1:1")
    with pytest.raises(DataDirectoryLockedError):
        copy_state(str(tmp_path / "source"), str(tmp_path / "served"))
    holder.close()
    with pytest.raises(InvalidStoreError):
        copy_state(str(tmp_path / "nowhere"), str(tmp_path / "copy"))


@pytest.mark.process
def test_a_copy_fails_if_a_store_is_written_at_the_same_time(
    tmp_path: Path, database: PostgreSQL
) -> None:
    fill(tmp_path / "source")
    url = database.empty_database()
    open_store(url, None)[0].close()
    with ThreadPoolExecutor(1) as pool, psycopg.connect(url) as holder:
        holder.execute("LOCK TABLE mesh_endpoint.scope")
        copying = pool.submit(copy_state, str(tmp_path / "source"), url)
        waiting = "SELECT 1 FROM pg_locks WHERE NOT granted AND mode = 'ExclusiveLock'"
        while not database.query(waiting):
            assert not copying.done()
        with closing(SqliteStore(tmp_path / "source")) as store:
            store.write(HERE, working("later", HERE)).result()
        holder.rollback()
        with pytest.raises(StoreNotCopiedError, match="source was written during the copy"):
            copying.result()
    url = database.empty_database()
    open_store(url, None)[0].close()
    database.query(MEDDLING, "emptied")
    with pytest.raises(StoreNotCopiedError, match="emptied was written during the copy"):
        copy_state(str(tmp_path / "source"), url)


def test_the_command_copies_and_says_what(cli: Cli, tmp_path: Path) -> None:
    fill(tmp_path / "source")
    done = cli("endpoint", "copy", "--from", "source", "--to", "copy")
    assert (done.code, done.err) == (0, "")
    assert done.out == "copy has the 6 resources, 6 client tokens and 2 revisions of source\n"
    fill(tmp_path / "other")
    for arguments, code, says in (
        (["copy", "--from", "source"], 64, "pass --from and --to"),
        (["--from", "source"], 64, "--from and --to are for copy"),
        (["copy", "--from", "nowhere", "--to", "copy"], 1, "cannot be opened"),
        (["copy", "--from", "source", "--to", f"postgresql://u:{PASSWORD}@127.0.0.1:1/d"], 1,
         "postgresql://127.0.0.1:1/d cannot be opened"),
    ):  # fmt: skip
        refused = cli("endpoint", *arguments)
        assert refused.code == code
        assert says in refused.err
        assert len(refused.err.splitlines()) == 1
    holder = DataDirectoryLock(tmp_path / "held")
    holder.announce("http://127.0.0.1:1")
    locked = cli("endpoint", "copy", "--from", "source", "--to", "held")
    assert locked.code == 7
    assert "pass another --to DIR" in locked.err
    holder.close()
