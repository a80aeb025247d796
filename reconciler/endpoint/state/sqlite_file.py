"""The database file of the SQLite store: creates, checks, migrates and opens it."""

import os
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reconciler.endpoint.endpoint_errors import InvalidStoreError

FILE = "state.sqlite3"
_APPLICATION_ID = 0x6D657368  # "mesh"
_VERSION = 3
_TABLES = (
    """CREATE TABLE resource (
    account TEXT NOT NULL, region TEXT NOT NULL, kind TEXT NOT NULL,
    parent TEXT NOT NULL, name TEXT NOT NULL,
    owner TEXT NOT NULL, uid TEXT NOT NULL, version INTEGER NOT NULL,
    created INTEGER NOT NULL, updated INTEGER NOT NULL,
    spec TEXT NOT NULL, tags TEXT NOT NULL,
    PRIMARY KEY (account, region, kind, parent, name))""",
    """CREATE TABLE token (
    account TEXT NOT NULL, region TEXT NOT NULL, token TEXT NOT NULL,
    request TEXT NOT NULL, answer TEXT NOT NULL, remembered INTEGER NOT NULL,
    PRIMARY KEY (account, region, token))""",
)
_REVISIONS = (
    """CREATE TABLE scope (
    account TEXT NOT NULL, region TEXT NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (account, region))""",
    "CREATE INDEX token_by_age ON token (account, region, remembered)",
)
# The statements that each version consists of.
_SCHEMAS = {
    2: (*_TABLES, "CREATE INDEX token_by_age ON token (remembered)"),
    3: (*_TABLES, *_REVISIONS),
}
# The statements that lead from each version to the next one.
_MIGRATIONS = {
    2: (
        "DROP INDEX token_by_age",
        *_REVISIONS,
        "INSERT INTO scope SELECT DISTINCT account, region, 0 FROM resource",
    ),
}
_REMEDY = (
    "it was not changed: restore it from a backup, move it away,"
    " or set another directory with --data"
)


def open_memory() -> sqlite3.Connection:
    """Return a connection to an empty database in memory."""
    connection = _connect(":memory:", 0)
    _write_schema(connection)
    return connection


def open_to_write(path: Path, busy_seconds: float) -> tuple[sqlite3.Connection, sqlite3.Connection]:
    """Return a writing and a reading connection to the database at `path`.

    A missing database is created, and one of an older version is migrated.

    Raises:
        InvalidStoreError: The database cannot be used.
    """
    with ExitStack() as opened:
        try:
            if not path.exists():
                _create(path)
            writing = opened.enter_context(closing(_connect(_uri(path), busy_seconds)))
            reading = opened.enter_context(closing(_connect(_uri(path), busy_seconds)))
            _migrate(writing, _check(path, writing))
            writing.execute("PRAGMA synchronous = FULL")
            # Creates the write-ahead log, so that its replacement can be detected.
            reading.execute("SELECT count(*) FROM token").fetchone()
        except (OSError, sqlite3.Error) as error:
            raise _unopened(path, error) from error
        opened.pop_all()
    return writing, reading


def open_to_read(path: Path, busy_seconds: float) -> sqlite3.Connection:
    """Return a connection that only reads the database at `path`, which others may write.

    Raises:
        InvalidStoreError: The database cannot be used, or is of an older version.
    """
    with ExitStack() as opened:
        try:
            reading = opened.enter_context(closing(_connect(_uri(path), busy_seconds)))
            if (version := _check(path, reading)) != _VERSION:
                raise InvalidStoreError(
                    f"{path} has the older version {version}: start `reconciler endpoint` on its"
                    " directory once, which migrates it"
                )
            # Not the mode "ro", which cannot open a database that no other process has open.
            reading.execute("PRAGMA query_only = ON")
        except sqlite3.Error as error:
            raise _unopened(path, error) from error
        opened.pop_all()
    return reading


def _unopened(path: Path, error: Exception) -> InvalidStoreError:
    return InvalidStoreError(f"{path} cannot be opened ({error}); {_REMEDY}")


def _uri(path: Path) -> str:
    return f"file:{quote(str(path))}?mode=rw"


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
    for statement in _SCHEMAS[_VERSION]:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    """Lead the database from an older version to ours, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    for older in range(version, _VERSION):
        for statement in _MIGRATIONS[older]:
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {_VERSION}")
    connection.execute("COMMIT")


def _check(path: Path, connection: sqlite3.Connection) -> int:
    """Return the version of a database that this endpoint can use.

    Raises:
        InvalidStoreError: It cannot.
    """

    def pragma(name: str) -> Any:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]

    if pragma("application_id") != _APPLICATION_ID:
        raise InvalidStoreError(f"{path} is not a database of this endpoint; {_REMEDY}")
    version: int = pragma("user_version")
    if version not in _SCHEMAS:
        raise InvalidStoreError(
            f"{path} has version {version}, this endpoint reads versions {min(_SCHEMAS)} to"
            f" {_VERSION}; {_REMEDY}"
        )
    if (verdict := pragma("quick_check(1)")) != "ok":
        raise InvalidStoreError(f"{path} is damaged ({verdict}); {_REMEDY}")
    # Additional triggers or views would run inside our own statements.
    found = {row[0] for row in connection.execute("SELECT sql FROM sqlite_schema WHERE sql <> ''")}
    if found != set(_SCHEMAS[version]):
        raise InvalidStoreError(f"{path} has unknown tables or triggers; {_REMEDY}")
    return version
