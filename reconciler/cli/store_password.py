"""The password of the database in --store, --from and --to, which no output may show."""

import os
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from reconciler import known_secrets


def remember_store(store: str | None) -> None:
    """Hide the password of the URL of a store, and that of libpq, in all later text."""
    with suppress(ValueError):  # opening the store reports an invalid URL, without its text
        password = urlsplit(store or "").password or ""
        known_secrets.remember(password, unquote(password), os.environ.get("PGPASSWORD"))
