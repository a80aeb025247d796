"""Opens the store that the settings select."""

from pathlib import Path

from reconciler.endpoint.endpoint_errors import InvalidStoreError
from reconciler.endpoint.state.sqlite_store import SqliteReader, SqliteStore
from reconciler.endpoint.state.store import Readable, Store

_SCHEMES = ("postgresql:", "postgres:")


def is_url(text: str) -> bool:
    """Return whether `text` is the URL of a database, and not a directory."""
    return text.startswith(_SCHEMES)


def open_store(url: str | None, directory: Path | None) -> tuple[Store, str]:
    """Open the database at `url`, or in `directory`, or else in memory.

    Returns:
        The store, and its place for messages, without a password.

    Raises:
        InvalidStoreError: The database cannot be used.
        ServingError: This process may not start another thread.
    """
    if url is None:
        return SqliteStore(directory), str(directory or "memory")
    if not is_url(url):
        raise InvalidStoreError(
            "the URL of the store is invalid: use postgresql://USER@HOST:PORT/DATABASE, or --data"
            " for a directory"
        )
    try:
        from reconciler.endpoint.state.postgresql_store import PostgresqlStore  # noqa: PLC0415
    except ImportError as error:
        raise InvalidStoreError(
            f"a PostgreSQL store needs psycopg ({error}): install mesh-reconciler[postgresql]"
        ) from error
    store = PostgresqlStore(url)
    return store, store.location


def open_reader(url: str | None, directory: Path) -> tuple[Readable, str]:
    """Open the database at `url`, or in `directory`, to read it beside the process that serves it.

    Returns:
        The store, and its place for messages, without a password.

    Raises:
        InvalidStoreError: The database cannot be used.
    """
    if url is None:
        return SqliteReader(directory), str(directory)
    return open_store(url, None)
