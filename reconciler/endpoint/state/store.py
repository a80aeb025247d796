"""The store of the endpoint: SQLite with one writer thread and durable commits.

A write is acknowledged only after it is on disk.
"""

import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, closing, nullcontext
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from reconciler import limits
from reconciler.endpoint.endpoint_errors import InvalidStoreError, StoreFailedError
from reconciler.endpoint.state.tables import SCHEMA, Tables
from reconciler.serving.http_server import ServingError, start

Outcome = TypeVar("Outcome")

_FILE = "state.sqlite3"
_APPLICATION_ID = 0x6D657368  # "mesh"
_VERSION = 2
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_REMEDY = (
    "it was not changed: restore it from a backup, move it away,"
    " or set another directory with --data"
)


class Store:
    """Resources and client tokens, in a data directory or in memory.

    Waiting writes share one commit and one sync of the disk, but each is atomic on its own.
    """

    def __init__(
        self, directory: Path | None, *, busy_seconds: float = limits.DATABASE_BUSY_SECONDS
    ) -> None:
        """Open the database in ``directory``, or an empty one in memory if that is None.

        Args:
            directory: A directory that this process has locked.
            busy_seconds: The time that a write waits for another process to unlock the database.

        Raises:
            InvalidStoreError: The database in the directory cannot be used.
            ServingError: This process may not start another thread.
        """
        if directory is None:
            self._writing = self._reading = _connect(":memory:", busy_seconds)
            _write_schema(self._writing)
            # Reads and writes share one connection, so a read has to wait for the end of a commit.
            self._shared: threading.Lock | nullcontext[None] = threading.Lock()
            self._files: dict[Path, tuple[int, int]] = {}
        else:
            path = directory / _FILE
            self._writing, self._reading = _open(path, busy_seconds)
            self._shared = nullcontext()
            log = path.with_name(f"{path.name}-wal")
            self._files = {file: _identity(file) for file in (path, log)}
        self._waiting: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._writer = threading.Thread(
            target=self._write_until_closed, name="endpoint-writer", daemon=True
        )
        try:
            start(self._writer)
        except ServingError:
            self._disconnect()
            raise

    def read(self, work: Callable[[Tables], Outcome]) -> Outcome:
        """Run ``work`` on the committed state and return its result.

        Raises:
            StoreFailedError: The database could not be read.
        """
        try:
            with self._shared:
                return work(Tables(self._reading))
        except sqlite3.Error as error:
            raise _failed(error) from error

    def write(self, work: Callable[[Tables], Outcome]) -> "Future[Outcome]":
        """Queue ``work`` and return a future, which completes when its writes are durable.

        If ``work`` raises, nothing is written and the future raises the same error. If the database
        fails, the future raises StoreFailedError.
        """
        future: Future[Outcome] = Future()
        self._waiting.put((work, future))
        return future

    def close(self) -> None:
        """Finish the waiting writes, and close the database."""
        self._waiting.put(None)
        self._writer.join()
        self._disconnect()

    def _disconnect(self) -> None:
        self._reading.close()
        self._writing.close()

    def _write_until_closed(self) -> None:
        closing = False
        while not closing:
            batch = [self._waiting.get()]
            while batch[-1] is not None and len(batch) < limits.MAX_WRITES_PER_COMMIT:
                try:
                    batch.append(self._waiting.get_nowait())
                except queue.Empty:
                    break
            closing = batch[-1] is None
            writes = [write for write in batch if write and write[1].set_running_or_notify_cancel()]
            if writes:
                self._commit(writes)

    def _commit(self, writes: "list[_Write]") -> None:
        try:
            with self._shared:
                self._writing.execute("BEGIN IMMEDIATE")
                settled = [self._attempt(work) for work, _ in writes]
                self._check_files()
                self._writing.execute("COMMIT")
                # If a file was removed during the commit, the write is lost: do not acknowledge it.
                self._check_files()
        except (sqlite3.Error, OSError) as error:
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")
            for _, future in writes:
                future.set_exception(_failed(error))
            return
        for (_, future), (outcome, problem) in zip(writes, settled, strict=True):
            if problem is None:
                future.set_result(outcome)
            else:
                future.set_exception(problem)

    def _check_files(self) -> None:
        for path, identity in self._files.items():
            if _identity(path) != identity:
                raise FileNotFoundError(f"{path} was replaced while the endpoint used it")

    def _attempt(self, work: Callable[[Tables], Any]) -> tuple[Any, Exception | None]:
        execute = self._writing.execute
        execute("SAVEPOINT attempt")
        try:
            outcome, problem = work(Tables(self._writing)), None
        except sqlite3.Error:
            raise  # the whole transaction may be lost, so every write in it has to fail
        except Exception as error:  # noqa: BLE001 - reported to the caller of this write only
            execute("ROLLBACK TO attempt")
            outcome, problem = None, error
        execute("RELEASE attempt")
        return outcome, problem


_Write = tuple[Callable[[Tables], Any], "Future[Any]"]


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_dev, found.st_ino


def _failed(error: sqlite3.Error | OSError) -> StoreFailedError:
    # The low byte is the primary code: SQLITE_BUSY_SNAPSHOT is a SQLITE_BUSY too.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return StoreFailedError(f"the database failed: {error}", busy=code in _BUSY)


def _connect(database: str, busy_seconds: float) -> sqlite3.Connection:
    connection = sqlite3.connect(
        database,
        timeout=busy_seconds,
        isolation_level=None,
        check_same_thread=False,
        uri=True,
    )
    # The file may come from an untrusted source: run no code that is stored in it.
    connection.execute("PRAGMA trusted_schema = OFF")
    return connection


def _open(path: Path, busy_seconds: float) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    database = f"file:{quote(str(path))}?mode=rw"
    with ExitStack() as opened:
        try:
            if not path.exists():
                _create(path)
            writing = opened.enter_context(closing(_connect(database, busy_seconds)))
            reading = opened.enter_context(closing(_connect(database, busy_seconds)))
            _check(path, writing)
            writing.execute("PRAGMA synchronous = FULL")
            # Creates the write-ahead log, so that its replacement can be detected.
            reading.execute("SELECT count(*) FROM token").fetchone()
        except (OSError, sqlite3.Error) as error:
            raise InvalidStoreError(f"{path} cannot be opened ({error}); {_REMEDY}") from error
        opened.pop_all()
    return writing, reading


def _create(path: Path) -> None:
    """Create an empty database at ``path`` atomically.

    So an empty or incomplete file at ``path`` is always damage, never an interrupted creation.
    """
    if path.with_name(f"{path.name}-wal").exists():
        raise InvalidStoreError(f"{path} is missing but its write-ahead log exists; {_REMEDY}")
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    os.close(os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    connection = _connect(str(new), 0)
    _write_schema(connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    new.rename(path)
    directory = os.open(path.parent, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def _write_schema(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN")
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


def _check(path: Path, connection: sqlite3.Connection) -> None:
    def pragma(name: str) -> Any:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    if pragma("application_id") != _APPLICATION_ID:
        raise InvalidStoreError(f"{path} is not a database of this endpoint; {_REMEDY}")
    if (version := pragma("user_version")) != _VERSION:
        raise InvalidStoreError(
            f"{path} has version {version}, this endpoint reads version {_VERSION}; {_REMEDY}"
        )
    if (verdict := pragma("quick_check(1)")) != "ok":
        raise InvalidStoreError(f"{path} is damaged ({verdict}); {_REMEDY}")
    # Additional triggers or views would run inside our own statements.
    found = {row[0] for row in connection.execute("SELECT sql FROM sqlite_schema WHERE sql <> ''")}
    if found != set(SCHEMA):
        raise InvalidStoreError(f"{path} has unknown tables or triggers; {_REMEDY}")
