"""A lease in a row of a PostgreSQL database, written by one conditional statement."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import DuplicateObject, DuplicateTable, UniqueViolation

from reconciler import limits
from reconciler.core.errors import LockError, UsageError
from reconciler.known_secrets import remember, shown
from reconciler.locks.lease import StoreContext
from reconciler.sockets import end_calls

TABLE = (
    "CREATE TABLE IF NOT EXISTS mesh_reconciler_lease (name text PRIMARY KEY, record text NOT NULL)"
)
_READ = "SELECT record FROM mesh_reconciler_lease WHERE name = %s"
_INSERT = (
    "INSERT INTO mesh_reconciler_lease (name, record) VALUES (%s, %s) ON CONFLICT (name) DO NOTHING"
)
# A concurrent update waits for the row, compares it again, and then changes nothing.
_UPDATE = "UPDATE mesh_reconciler_lease SET record = %s WHERE name = %s AND record = %s"


def open_store(location: str, context: StoreContext) -> "PostgreSqlStore":
    """Return the store of postgresql://HOST/DATABASE.

    Raises:
        UsageError: The URL is invalid.
    """
    try:
        parameters = conninfo_to_dict(f"postgresql:{location}")
    except psycopg.Error:
        # The error quotes the URL, which may contain a password.
        raise UsageError(
            "the URL of the lock is invalid: use postgresql://[USER@]HOST[:PORT]/DATABASE"
        ) from None
    return PostgreSqlStore(parameters, context.lease_name)


class PostgreSqlStore:
    """A record in a row. Each call has a connection of its own, so a lost one is no state."""

    def __init__(self, parameters: dict[str, Any], lease_name: str) -> None:
        """Keep the record of `lease_name` in the database that libpq finds by `parameters`."""
        remember(parameters.get("password"))
        self._parameters = parameters
        self._lease_name = lease_name

    @property
    def name(self) -> str:
        """Name for messages."""
        database = self._parameters.get("dbname", "of libpq's defaults")
        host = self._parameters.get("host")
        place = f"database {database} at {host}" if host else f"database {database}"
        return f"the lock {self._lease_name} in the PostgreSQL {place}"

    def read(self) -> str | None:
        """Return the record, or None if there is none."""
        with self._transaction() as connection:
            if not _has_table(connection):
                return None
            row = connection.execute(_READ, (self._lease_name,)).fetchone()
            return None if row is None else str(row[0])

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        """Replace the record with `after` if it is `before`; return whether it was."""
        with self._transaction() as connection:
            if before is not None:
                if not _has_table(connection):
                    return False
                values = after, self._lease_name, before
                return connection.execute(_UPDATE, values).rowcount == 1
            _create_table(connection)
            return connection.execute(_INSERT, (self._lease_name, after)).rowcount == 1

    @contextmanager
    def _transaction(self) -> Iterator[psycopg.Connection[Any]]:
        timeout = limits.LOCK_DATABASE_TIMEOUT_SECONDS
        parameters = {"connect_timeout": timeout} | self._parameters
        try:
            with psycopg.connect(**parameters) as connection:
                # psycopg waits without a limit for a server that does not answer.
                timer = Timer(timeout, _hang_up, (connection,))
                timer.daemon = True
                timer.start()
                try:
                    # The server gives up first, so an abandoned write has no effect later.
                    connection.execute(f"SET LOCAL statement_timeout = {1000 * timeout - 1000}")
                    # A process that is paused before its commit must not keep the row locked.
                    connection.execute(
                        f"SET LOCAL idle_in_transaction_session_timeout = {1000 * timeout}"
                    )
                    yield connection
                    connection.commit()
                finally:
                    timer.cancel()
        except psycopg.Error as error:
            raise LockError(f"{self.name} cannot be used: {shown(error)}") from error


def _has_table(connection: psycopg.Connection[Any]) -> bool:
    return connection.execute("SELECT to_regclass('mesh_reconciler_lease')").fetchone() != (None,)


def _create_table(connection: psycopg.Connection[Any]) -> None:
    if not _has_table(connection):
        # Two processes may create it at once. It then fails in one, for the table or its type.
        with suppress(DuplicateTable, DuplicateObject, UniqueViolation), connection.transaction():
            connection.execute(TABLE)


def _hang_up(connection: psycopg.Connection[Any]) -> None:
    """Close the socket of `connection`, which may be in use by another thread."""
    # The call may have ended just before.
    with suppress(psycopg.Error):
        end_calls(connection.fileno())
