"""Connections to PostgreSQL: parameters, pool, and the error that a failure becomes."""

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from weakref import WeakSet

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from reconciler import limits
from reconciler.endpoint.endpoint_errors import InvalidStoreError, StoreFailedError
from reconciler.endpoint.state.postgresql_schema import SCHEMA, migrate
from reconciler.sockets import end_calls

# Used unless the URL or the environment sets them. A standby is never used; a server that does
# not answer is noticed.
_DEFAULTS = {
    "target_session_attrs": ("PGTARGETSESSIONATTRS", "read-write"),
    "connect_timeout": ("PGCONNECT_TIMEOUT", str(limits.POSTGRESQL_CONNECT_SECONDS)),
    "application_name": ("PGAPPNAME", "mesh-reconciler endpoint"),
    "keepalives_idle": (None, "5"),
    "keepalives_interval": (None, "2"),
    "keepalives_count": (None, "3"),
    "tcp_user_timeout": (None, "10000"),
}
_PERMANENT = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.NotSupportedError,
    psycopg.ProgrammingError,
)
# Classes of SQLSTATE: the connection failed, or an operator ended the session.
_LOST = ("08", "57")

logger = logging.getLogger(__name__)
# It logs each attempt to connect and each pipeline that ends; one line for each outage is ours.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)


class Connections:
    """A bounded pool of connections to one database, which it migrates when it is opened.

    Attributes:
        location: The database for messages, without the password.
        conninfo: The parameters of a connection.
    """

    def __init__(self, url: str) -> None:
        """Connect to the database.

        Raises:
            InvalidStoreError: The URL is invalid, or the database cannot be reached or used.
        """
        parameters = _parameters(url)
        self.conninfo = make_conninfo(**parameters)
        self.location = _location(parameters)
        self._lost = False
        self._guard = threading.Lock()
        self._sessions: WeakSet[psycopg.Connection] = WeakSet()
        try:
            with psycopg.connect(self.conninfo, autocommit=True) as connection:
                migrate(connection, self.location)
        except psycopg.Error as error:
            raise InvalidStoreError(
                f"{self.location} cannot be opened: {_line(error)}; check the URL, the PG*"
                " variables and the server"
            ) from error
        self._pool = ConnectionPool(
            self.conninfo,
            kwargs={"autocommit": True},
            min_size=1,
            max_size=limits.POSTGRESQL_CONNECTIONS,
            configure=self._configure,
            timeout=limits.POSTGRESQL_POOL_SECONDS,
            # It stops to try after this time, and the next request makes it try again; otherwise
            # its growing delays would outlast the outage.
            reconnect_timeout=limits.POSTGRESQL_RECONNECT_SECONDS,
            open=True,
        )

    @contextmanager
    def session(self, begin: str = "") -> Iterator[psycopg.Connection]:
        """Yield a connection; if `begin` starts a transaction, it ends with the block.

        Raises:
            StoreFailedError: The server failed.
        """
        try:
            connection = self._pool.getconn()
            try:
                if begin:
                    connection.execute(begin.encode())
                yield connection
                self._note(None)
            finally:
                _end_transaction(connection)
                self._pool.putconn(connection)
        except psycopg.Error as error:
            self._note(error)
            raise _failure(error) from error

    def connect(self) -> psycopg.Connection:
        """Return a connection outside of the pool.

        Raises:
            psycopg.Error: It cannot be made.
        """
        connection = psycopg.connect(self.conninfo, autocommit=True)
        self._sessions.add(connection)
        return connection

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._pool.close()

    def hang_up(self) -> None:
        """Close the sockets of all connections, which may be in use by other threads."""
        self._pool.close(timeout=0)
        for connection in list(self._sessions):
            with suppress(psycopg.Error):  # it is closed already
                end_calls(connection.fileno())

    def _configure(self, connection: psycopg.Connection) -> None:
        self._sessions.add(connection)
        _set_parameters(connection)

    def _note(self, error: psycopg.Error | None) -> None:
        if self._pool.closed:
            return
        lost = isinstance(error, psycopg.OperationalError) and (
            error.sqlstate is None or error.sqlstate.startswith(_LOST)
        )
        with self._guard:
            is_new, self._lost = lost != self._lost, lost
        if is_new and lost:
            logger.warning(
                "%s failed: %s; requests are answered with 503 until it answers",
                *(self.location, _line(error)),
            )
            # Sessions that the server ended are found here and not by one request each.
            self._pool.check()
        elif is_new:
            logger.warning("%s answers again", self.location)


def _parameters(url: str) -> dict[str, str]:
    try:
        parameters = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    except psycopg.ProgrammingError as error:
        # The message of libpq repeats the URL with its password.
        raise InvalidStoreError(
            "the URL of the store is invalid: use postgresql://USER@HOST:PORT/DATABASE?sslmode=…,"
            " with % escapes for special characters"
        ) from error
    for name, (variable, value) in _DEFAULTS.items():
        if variable is None or variable not in os.environ:
            parameters.setdefault(name, value)
    return parameters


def _location(parameters: dict[str, str]) -> str:
    host = parameters.get("host") or os.environ.get("PGHOST") or "localhost"
    port = parameters.get("port") or os.environ.get("PGPORT") or "5432"
    database = parameters.get("dbname") or os.environ.get("PGDATABASE") or ""
    return f"postgresql://{host}:{port}/{database}"


def _end_transaction(connection: psycopg.Connection) -> None:
    if connection.info.transaction_status != TransactionStatus.IDLE and not connection.closed:
        with suppress(psycopg.Error):  # the pool replaces a connection that is lost
            connection.execute("ROLLBACK")


def _failure(error: psycopg.Error) -> StoreFailedError:
    busy = not isinstance(error, _PERMANENT)
    return StoreFailedError(f"the database failed: {_line(error)}", busy=busy)


def _set_parameters(connection: psycopg.Connection) -> None:
    """Set the parameters that the guarantees depend on."""
    connection.execute(
        # A process that is stopped in a transaction must not keep its lock for ever.
        "SELECT set_config('idle_in_transaction_session_timeout', %s, false),"
        " set_config('lock_timeout', %s, false), set_config('search_path', %s, false),"
        # Without it, the server acknowledges commits that are not on disk.
        " set_config('synchronous_commit', CASE current_setting('synchronous_commit')"
        " WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)",
        (f"{limits.POSTGRESQL_IDLE_SECONDS}s", f"{limits.POSTGRESQL_LOCK_SECONDS}s", SCHEMA),
    )


def _line(error: psycopg.Error | None) -> str:
    if isinstance(error, PoolTimeout | TooManyRequests):
        return "no connection was free or could be made in time"
    return " ".join(str(error).split()) or type(error).__name__
