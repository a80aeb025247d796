"""The SQLite store: one writer thread with durable commits, and readers in other processes.

A write is acknowledged only after it is on disk.
"""

import os
import queue
import sqlite3
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from reconciler import limits
from reconciler.endpoint.endpoint_errors import StoreFailedError
from reconciler.endpoint.state import sqlite_file
from reconciler.endpoint.state.pending_write import PendingWrite
from reconciler.endpoint.state.store import (
    Snapshot,
    Work,
    WriteSignal,
    Written,
    completed,
    read_scope,
)
from reconciler.endpoint.state.tables import Scope, Tables
from reconciler.serving.http_server import ServingError, start

Outcome = TypeVar("Outcome")

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class _SqliteReads:
    """The reads of a database over one connection."""

    def __init__(self, connection: sqlite3.Connection, poll_seconds: float) -> None:
        self._reading = connection
        self._guard = threading.Lock()
        self._signal = WriteSignal(poll_seconds)

    def read(self, work: Work[Outcome]) -> "Future[Outcome]":
        """Run `work` on the committed state, before this method returns."""
        return completed(lambda: self._read(work))

    def revision(self, scope: Scope) -> int:
        """Return the revision of a scope."""
        return self._read(lambda tables: tables.revision(scope))

    def wait(self, scope: Scope, after: int, timeout: float) -> int:
        """Wait until the revision of a scope is higher than `after`, and return the revision."""
        return self._signal.wait(lambda: self.revision(scope), after, timeout)

    def snapshot(self, work: Work[Outcome]) -> Outcome:
        """Run `work` in one transaction, so that all its reads see the same writes."""

        def read(tables: Tables) -> Outcome:
            self._reading.execute("BEGIN")
            try:
                return work(tables)
            finally:
                self._reading.execute("ROLLBACK")

        return self._read(read)

    def read_all(self, scope: Scope, before: Snapshot | None = None) -> Snapshot:
        """Read the resources of a scope and its revision in one transaction."""
        return self.snapshot(read_scope(scope, before))

    def _read(self, work: Work[Outcome]) -> Outcome:
        try:
            with self._guard:
                return work(Tables(self._reading.execute))
        except sqlite3.Error as error:
            raise _failed(error) from error


class SqliteReader(_SqliteReads):
    """A data directory that another process may serve; read without its lock."""

    def __init__(
        self, directory: Path, *, busy_seconds: float = limits.DATABASE_BUSY_SECONDS
    ) -> None:
        """Open the database in `directory`.

        Raises:
            InvalidStoreError: The database cannot be used.
        """
        self._path = directory / sqlite_file.FILE
        super().__init__(
            sqlite_file.open_to_read(self._path, busy_seconds), limits.DATA_VERSION_POLL_SECONDS
        )
        self._identity = _identity(self._path)
        self._data_version = 0
        self._revisions: dict[Scope, int] = {}

    def revision(self, scope: Scope) -> int:
        """Return the revision of a scope.

        Raises:
            StoreFailedError: It cannot be read, or another file is in the place of the database.
        """

        def look(tables: Tables) -> int:
            self._require_same_file()
            # Three microseconds; it changes with each commit of another process.
            (version,) = self._reading.execute("PRAGMA data_version").fetchone()
            if version != self._data_version:
                self._revisions.clear()
                self._data_version = version
            if scope not in self._revisions:
                self._revisions[scope] = tables.revision(scope)
            return self._revisions[scope]

        return self._read(look)

    def _require_same_file(self) -> None:
        """Reject a database that was replaced, such as by a restore: this one changes no more."""
        try:
            is_same = _identity(self._path) == self._identity
        except OSError as error:
            raise _failed(error) from error
        if not is_same:
            message = f"{self._path} was replaced: restart this process"
            raise StoreFailedError(message, busy=False)

    def close(self) -> None:
        """Close the database."""
        self._signal.close()
        with self._guard:
            self._reading.close()


class SqliteStore(_SqliteReads):
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
        self._files: dict[str, tuple[int, int]] = {}
        if directory is None:
            self._writing = reading = sqlite_file.open_memory()
        else:
            path = directory / sqlite_file.FILE
            self._writing, reading = sqlite_file.open_to_write(path, busy_seconds)
            log = path.with_name(f"{path.name}-wal")
            self._files = {str(file): _identity(file) for file in (path, log)}
        super().__init__(reading, limits.REVISION_POLL_SECONDS)
        # In memory, reads and writes share a connection: a read waits for the end of a commit.
        self._commit_guard = self._guard if directory is None else threading.Lock()
        self._waiting: queue.SimpleQueue[PendingWrite[Any] | None] = queue.SimpleQueue()
        self._writer = threading.Thread(
            target=self._write_until_closed, name="endpoint-writer", daemon=True
        )
        try:
            start(self._writer)
        except ServingError:
            self._disconnect()
            raise

    def write(self, scope: Scope | None, work: Work[Outcome]) -> "Future[Written[Outcome]]":
        """Queue `work` and return a future, which completes when its writes are durable."""
        write = PendingWrite(scope, work)
        self._waiting.put(write)
        return write.future

    def close(self) -> None:
        """Finish the waiting writes, and close the database."""
        self._waiting.put(None)
        self._writer.join()
        self._signal.close()
        self._disconnect()

    def _disconnect(self) -> None:
        with self._guard:
            self._reading.close()
            self._writing.close()

    def _write_until_closed(self) -> None:
        closing = False
        while not closing:
            batch = [self._waiting.get()]
            # Only this thread takes from the queue, so these writes are still in it.
            more = min(self._waiting.qsize(), limits.MAX_WRITES_PER_COMMIT - 1)
            batch += [self._waiting.get() for _ in range(more)]
            closing = None in batch
            writes = [write for write in batch if write and write.begin()]
            if writes:
                self._commit(writes)

    def _commit(self, writes: list[PendingWrite[Any]]) -> None:
        try:
            with self._commit_guard:
                self._writing.execute("BEGIN IMMEDIATE")
                is_alone = len(writes) == 1
                for write in writes:
                    write.attempt(self._writing.execute, fatal=sqlite3.Error, alone=is_alone)
                self._check_files()
                has_failed = is_alone and writes[0].problem
                self._writing.execute("ROLLBACK" if has_failed else "COMMIT")
                # If a file was removed during the commit, the write is lost: do not acknowledge it.
                self._check_files()
        except (sqlite3.Error, OSError) as error:
            if self._writing.in_transaction:
                self._writing.execute("ROLLBACK")
            for write in writes:
                write.future.set_exception(_failed(error))
            return
        # Wakes the threads that wait for a revision first: then a writer that is acknowledged finds
        # the interpreter idle.
        self._signal.give()
        for write in writes:
            write.acknowledge()

    def _check_files(self) -> None:
        for path, identity in self._files.items():
            if _identity(path) != identity:
                raise FileNotFoundError(f"{path} was replaced while the endpoint used it")


def _identity(path: Path | str) -> tuple[int, int]:
    found = os.stat(path)  # noqa: PTH116  # four times for each commit, where Path.stat is slower
    return found.st_dev, found.st_ino


def _failed(error: sqlite3.Error | OSError) -> StoreFailedError:
    # The low byte is the primary code: SQLITE_BUSY_SNAPSHOT is a SQLITE_BUSY too.
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return StoreFailedError(f"the database failed: {error}", busy=code in _BUSY)
