"""The PostgreSQL store: any number of endpoint processes on one database.

A transaction locks the rows of the scopes that it changes, so the writes of a scope come one after
the other in all processes, and each statement sees all writes before it (READ COMMITTED).
"""

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from reconciler import limits
from reconciler.endpoint.endpoint_errors import OutcomeUnknownError, StoreFailedError
from reconciler.endpoint.state.execute import Execute, Rows
from reconciler.endpoint.state.pending_write import PendingWrite
from reconciler.endpoint.state.postgresql_connections import Connections
from reconciler.endpoint.state.store import (
    Snapshot,
    Work,
    WriteSignal,
    Written,
    read_scope,
)
from reconciler.endpoint.state.tables import Scope, ScopeNotLockedError, Tables
from reconciler.serving.http_server import ServingError, start

Outcome = TypeVar("Outcome")

_CHANNEL = "mesh_endpoint"
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresqlStore:
    """Resources and client tokens in a database.

    Waiting writes of a scope share one transaction, but each is atomic on its own.
    """

    def __init__(self, url: str) -> None:
        """Open the database at `url`, as libpq reads it, with PG* variables and a password file.

        Raises:
            InvalidStoreError: The URL is invalid, or the database cannot be reached or used.
        """
        self._connections = Connections(url)
        self.location = self._connections.location
        self._signal = WriteSignal(limits.REVISION_POLL_SECONDS)
        self._readers = ThreadPoolExecutor(limits.POSTGRESQL_READERS, "endpoint-reader")
        self._writers = ThreadPoolExecutor(limits.POSTGRESQL_WRITERS, "endpoint-writer")
        self._waiting: dict[Scope | None, deque[PendingWrite[Any]]] = {}
        self._changed = threading.Condition()
        self._listener: threading.Thread | None = None
        self._closed = False

    def read(self, work: Work[Outcome]) -> "Future[Outcome]":
        """Run `work` on the committed state, in another thread."""
        return self._readers.submit(self._read, work)

    def write(self, scope: Scope | None, work: Work[Outcome]) -> "Future[Written[Outcome]]":
        """Queue `work` and return a future, which completes when its writes are durable."""
        write = PendingWrite(scope, work)
        with self._changed:
            waiting = self._waiting.get(scope)
            if waiting is None:
                self._waiting[scope] = deque([write])
                self._writers.submit(self._commit_waiting, scope)
            else:
                waiting.append(write)
        return write.future

    def revision(self, scope: Scope) -> int:
        """Return the revision of a scope."""
        return self._read(lambda tables: tables.revision(scope))

    def wait(self, scope: Scope, after: int, timeout: float) -> int:
        """Wait until the revision of a scope is higher than `after`, and return the revision."""
        with self._changed:
            if self._listener is None and not self._closed:
                self._listener = threading.Thread(
                    target=self._listen, name="endpoint-listener", daemon=True
                )
                self._listener.start()
        return self._signal.wait(lambda: self.revision(scope), after, timeout)

    def snapshot(self, work: Work[Outcome]) -> Outcome:
        """Run `work` in one transaction, so that all its reads see the same writes."""
        with self._connections.session(_SNAPSHOT) as connection:
            return work(Tables(_execute_on(connection)))

    def read_all(self, scope: Scope, before: Snapshot | None = None) -> Snapshot:
        """Read the resources of a scope and its revision in one transaction."""
        return self.snapshot(read_scope(scope, before))

    def close(self) -> None:
        """Finish the waiting writes, and close the connections.

        If the server does not answer, the outcome of writes stays unknown.
        """
        hanging_up = threading.Timer(limits.POSTGRESQL_CLOSE_SECONDS, self._connections.hang_up)
        hanging_up.daemon = True
        with suppress(ServingError):  # without another thread, it waits as long as it takes
            start(hanging_up)
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._waiting)
        self._signal.close()
        self._readers.shutdown()
        self._writers.shutdown()
        if self._listener is not None:
            self._listener.join()
        hanging_up.cancel()
        self._connections.close()

    def _read(self, work: Work[Outcome]) -> Outcome:
        with self._connections.session() as connection:
            return work(Tables(_execute_on(connection)))

    def _commit_waiting(self, scope: Scope | None) -> None:
        """Commit the waiting writes of a scope; the scopes take turns."""
        with self._changed:
            waiting = self._waiting[scope]
            size = min(len(waiting), limits.POSTGRESQL_WRITES_PER_COMMIT)
            batch = [waiting.popleft() for _ in range(size)]
        try:
            self._commit([write for write in batch if write.begin()], {scope} if scope else None)
        finally:
            with self._changed:
                if waiting:
                    self._writers.submit(self._commit_waiting, scope)
                else:
                    del self._waiting[scope]
                    self._changed.notify_all()

    def _commit(self, writes: list[PendingWrite[Any]], scopes: set[Scope] | None) -> None:
        try:
            self._transact(writes, scopes)
        except (StoreFailedError, OutcomeUnknownError) as error:
            for write in writes:
                write.future.set_exception(error)
            return
        for write in writes:
            if isinstance(write.problem, ScopeNotLockedError):
                # All locks of a transaction are taken at its beginning, in one order.
                self._commit([write], {*(scopes or ()), write.problem.scope})

    def _transact(self, writes: list[PendingWrite[Any]], scopes: set[Scope] | None) -> None:
        with self._connections.session() as connection:
            execute = _execute_on(connection)
            # Statements without a result are sent together; a result waits for all before it.
            with connection.pipeline():
                execute("BEGIN", ())
                locked = _lock(execute, scopes)
                for write in writes:
                    write.attempt(execute, fatal=psycopg.Error, locked=locked)
                _write_revisions(execute, locked)
            _commit(connection)
            for write in writes:
                if not isinstance(write.problem, ScopeNotLockedError):
                    write.acknowledge()
            self._signal.give()
            with suppress(psycopg.Error):  # the writes are committed, and others poll
                # Not in the transaction: it would hold up the commits of all other scopes.
                execute(f"NOTIFY {_CHANNEL}", ())

    def _listen(self) -> None:
        """Wake the waiting threads for the writes of other processes."""
        while not self._closed:
            try:
                with self._connections.connect() as connection:
                    connection.execute(f"LISTEN {_CHANNEL}".encode())
                    while not self._closed:
                        for _ in connection.notifies(timeout=0.5, stop_after=1):
                            self._signal.give()
            except psycopg.Error:
                threading.Event().wait(limits.REVISION_POLL_SECONDS)


def _commit(connection: psycopg.Connection) -> None:
    """Commit the transaction.

    Raises:
        OutcomeUnknownError: The connection was lost, or a standby did not confirm the commit.
        psycopg.Error: Nothing was committed.
    """
    severities: list[str | None] = []

    def note(notice: psycopg.errors.Diagnostic) -> None:
        severities.append(notice.severity_nonlocalized)

    connection.add_notice_handler(note)
    try:
        done = connection.execute("COMMIT")
    except psycopg.Error as error:
        if connection.info.transaction_status == TransactionStatus.IDLE:
            raise  # the server answered that it rolled back
        raise OutcomeUnknownError from error
    finally:
        connection.remove_notice_handler(note)
    # The only warning of a commit: it is on this server, but its wait for a standby was canceled.
    if done.statusmessage != "COMMIT" or "WARNING" in severities:
        raise OutcomeUnknownError


def _lock(execute: Execute, scopes: set[Scope] | None) -> dict[Scope, int] | None:
    """Lock scopes in one order, and return their revisions; lock all if `scopes` is None."""
    if scopes is None:
        execute("LOCK TABLE scope IN EXCLUSIVE MODE", ())
        return None
    revisions = {}
    for scope in sorted(scopes, key=lambda each: (each.account, each.region)):
        where = (scope.account, scope.region)
        lock = "SELECT revision FROM scope WHERE account = ? AND region = ? FOR UPDATE"
        row = execute(lock, where).fetchone()
        if row is None:
            execute("INSERT INTO scope VALUES (?, ?, 0) ON CONFLICT DO NOTHING", where)
            row = execute(lock, where).fetchone()
        revisions[scope] = int(row[0])
    return revisions


def _write_revisions(execute: Execute, locked: dict[Scope, int] | None) -> None:
    for scope, revision in (locked or {}).items():
        values = (revision, scope.account, scope.region, revision)
        execute(
            "UPDATE scope SET revision = ? WHERE account = ? AND region = ? AND revision <> ?",
            values,
        )


def _execute_on(connection: psycopg.Connection) -> Execute:
    def execute(statement: str, values: Any) -> Rows:
        return connection.execute(_with_placeholders(statement), values)

    return execute


@cache
def _with_placeholders(statement: str) -> bytes:
    return statement.replace("?", "%s").encode()
