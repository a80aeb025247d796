"""Copies everything from one store to another, and checks it."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.endpoint.endpoint_errors import StoreNotCopiedError
from reconciler.endpoint.state.data_directory import DataDirectoryLock
from reconciler.endpoint.state.open_store import is_url, open_store
from reconciler.endpoint.state.sqlite_store import SqliteReader
from reconciler.endpoint.state.store import Readable, Store
from reconciler.endpoint.state.tables import Tables

_Rows = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class State:
    """The rows of all tables, in the order of their keys."""

    scopes: _Rows
    resources: _Rows
    tokens: _Rows


def copy_state(source: str, target: str) -> str:
    """Copy the resources, client tokens and revisions of all scopes, in one transaction.

    A target that has the same state already is left as it is, so a copy can be repeated.

    Args:
        source: The directory or URL of the store to read; a process may serve it.
        target: The directory or URL of an empty store, or of the target of an earlier copy.

    Returns:
        A sentence with the numbers of copied and checked rows.

    Raises:
        StoreNotCopiedError: The target has other data, or a store was written during the copy.
        DataDirectoryLockedError: Another process serves the target directory.
        EndpointError: One of the stores cannot be opened, or failed; nothing was copied.
    """
    with _open_source(source) as (reading, origin), _open_target(target) as (writing, copy):
        wanted = reading.snapshot(_dump)
        writing.write(None, lambda tables: _load(tables, wanted, copy)).result()
        if writing.snapshot(_dump) != wanted:
            raise StoreNotCopiedError(f"{copy} was written during the copy: stop its endpoints")
        if reading.snapshot(_dump) != wanted:
            raise StoreNotCopiedError(
                f"{origin} was written during the copy: stop its endpoints, empty {copy} and copy"
                " again"
            )
    return (
        f"{copy} has the {len(wanted.resources)} resources, {len(wanted.tokens)} client tokens and"
        f" {len(wanted.scopes)} revisions of {origin}"
    )


@contextmanager
def _open_source(place: str) -> Iterator[tuple[Readable, str]]:
    if is_url(place):
        store, name = open_store(place, None)
        with closing(store):
            yield store, name
    else:
        with closing(SqliteReader(Path(place))) as reader:
            yield reader, place


@contextmanager
def _open_target(place: str) -> Iterator[tuple[Store, str]]:
    with ExitStack() as opened:
        directory = None if is_url(place) else Path(place)
        if directory:
            opened.callback(DataDirectoryLock(directory).close)
        store, name = open_store(None if directory else place, directory)
        yield opened.enter_context(closing(store)), name


def _dump(tables: Tables) -> State:
    return State(
        list(tables.execute("SELECT * FROM scope ORDER BY account, region", ())),
        list(
            tables.execute(
                "SELECT * FROM resource ORDER BY account, region, kind, parent, name", ()
            )
        ),
        list(tables.execute("SELECT * FROM token ORDER BY account, region, token", ())),
    )


def _load(tables: Tables, state: State, name: str) -> None:
    there = _dump(tables)
    if there == state:
        return
    if there != State([], [], []):
        raise StoreNotCopiedError(f"{name} has other data, which was not changed: use an empty one")
    for row in state.scopes:
        tables.execute("INSERT INTO scope VALUES (?, ?, ?)", row)
    for row in state.resources:
        tables.execute("INSERT INTO resource VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    for row in state.tokens:
        tables.execute("INSERT INTO token VALUES (?, ?, ?, ?, ?, ?)", row)
