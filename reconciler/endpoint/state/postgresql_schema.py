"""The tables of the PostgreSQL store, in a schema of their own, and their migrations."""

import psycopg

from reconciler.endpoint.endpoint_errors import InvalidStoreError

SCHEMA = "mesh_endpoint"
# The key of the advisory lock that lets one process at a time migrate.
_LOCK = 0x6D657368
# The statements that lead from each version to the next one; the collation "C" orders text by its
# bytes, as SQLite does.
_MIGRATIONS = {
    0: (
        """CREATE TABLE resource (
    account text COLLATE "C" NOT NULL, region text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL, parent text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    owner text COLLATE "C" NOT NULL, uid text COLLATE "C" NOT NULL, version bigint NOT NULL,
    created bigint NOT NULL, updated bigint NOT NULL,
    spec text NOT NULL, tags text NOT NULL,
    PRIMARY KEY (account, region, kind, parent, name))""",
        """CREATE TABLE token (
    account text COLLATE "C" NOT NULL, region text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    request text NOT NULL, answer text NOT NULL, remembered bigint NOT NULL,
    PRIMARY KEY (account, region, token))""",
        "CREATE INDEX token_by_age ON token (account, region, remembered)",
        # Each transaction updates its row: room in the page lets the update reuse the row's place.
        """CREATE TABLE scope (
    account text COLLATE "C" NOT NULL, region text COLLATE "C" NOT NULL, revision bigint NOT NULL,
    PRIMARY KEY (account, region)) WITH (fillfactor = 10)""",
    ),
}
_VERSION = len(_MIGRATIONS)


def migrate(connection: psycopg.Connection, location: str) -> None:
    """Lead the database to our version, in one transaction.

    Raises:
        InvalidStoreError: The database is of a newer version, or cannot hold every text.
        psycopg.Error: The server failed or denied it.
    """
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise InvalidStoreError(
            f"{location} has the encoding {encoding}, which cannot hold every name: create the"
            " database with ENCODING 'UTF8'"
        )
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        version = _version(connection)
        if version > _VERSION:
            raise InvalidStoreError(
                f"{location} has version {version}, this endpoint reads versions up to"
                f" {_VERSION}; it was not changed: use a newer release, or another database"
            )
        if version == 0:
            connection.execute("CREATE SCHEMA IF NOT EXISTS mesh_endpoint")
            connection.execute("CREATE TABLE mesh_endpoint.schema_version (version int NOT NULL)")
            connection.execute("INSERT INTO mesh_endpoint.schema_version VALUES (0)")
        connection.execute("SET LOCAL search_path = mesh_endpoint")
        for older in range(version, _VERSION):
            for statement in _MIGRATIONS[older]:
                connection.execute(statement.encode())
        if version != _VERSION:
            connection.execute("UPDATE schema_version SET version = %s", (_VERSION,))


def _version(connection: psycopg.Connection) -> int:
    look = "SELECT to_regclass('mesh_endpoint.schema_version') IS NOT NULL"
    found = connection.execute(look).fetchone()
    if found != (True,):
        return 0
    row = connection.execute("SELECT version FROM mesh_endpoint.schema_version").fetchone()
    return int(row[0]) if row else 0
