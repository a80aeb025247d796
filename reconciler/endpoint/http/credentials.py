"""The access keys of --credentials: a TOML file with one table for each key."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler import limits
from reconciler.serving.reloaded_file import InvalidFileError, ReloadedFiles, read_private

READ, WRITE, ADMIN = "read", "write", "admin"
PERMISSIONS = (READ, WRITE, ADMIN)
_KEY_ID = re.compile(r"[A-Za-z0-9_]{1,128}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_FIELDS = {"secret", "account", "allow", "session_token"}


@dataclass(frozen=True, slots=True)
class AccessKey:
    """One access key; a text of it does not contain its secrets."""

    account: str
    permissions: frozenset[str]
    secret: str = field(repr=False)
    session_token: str = field(repr=False, default="")
    """The token that requests must have; empty for a long-term key, which has none."""


def open_credentials(path: Path) -> ReloadedFiles[Mapping[str, AccessKey]]:
    """Return the access keys by id in ``path``, read again after a change.

    Raises:
        InvalidFileError: The file cannot be read or is invalid, or other users can read it.
    """
    return ReloadedFiles((path,), lambda: _read(path))


def _read(path: Path) -> Mapping[str, AccessKey]:
    content = read_private(path, limits.MAX_CREDENTIALS_FILE_BYTES)
    try:
        tables = tomllib.loads(content.decode())
    except (ValueError, RecursionError):
        # The text of a TOML error may quote a secret.
        raise InvalidFileError(f"{path} is not TOML in UTF-8") from None
    if not tables:
        raise InvalidFileError(f"{path} has no access key: add a table [KEY] with {_usage()}")
    return {key_id: _parse(path, key_id, table) for key_id, table in tables.items()}


def _parse(path: Path, key_id: str, table: Any) -> AccessKey:
    place = f"{path}: [{key_id}]" if _KEY_ID.fullmatch(key_id) else f"{path}: an access key id"
    if not _KEY_ID.fullmatch(key_id):
        raise InvalidFileError(f"{place} must have up to 128 letters, digits and underscores")
    if not isinstance(table, dict) or not table.keys() <= _FIELDS:
        raise InvalidFileError(f"{place} must be a table with {_usage()}")
    secret, account = table.get("secret"), table.get("account")
    allowed, token = table.get("allow"), table.get("session_token", "")
    if not isinstance(secret, str) or len(secret) < limits.MIN_SECRET_CHARACTERS:
        raise InvalidFileError(
            f"{place} secret must be a string of at least {limits.MIN_SECRET_CHARACTERS} characters"
        )
    if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
        raise InvalidFileError(f"{place} account must be a string of 12 digits")
    if not isinstance(token, str):
        raise InvalidFileError(f"{place} session_token must be a string")
    if not isinstance(allowed, list) or not all(item in PERMISSIONS for item in allowed):
        raise InvalidFileError(f"{place} allow must be a list of {', '.join(PERMISSIONS)}")
    return AccessKey(account, frozenset(allowed), secret, token)


def _usage() -> str:
    return "secret, account, allow, and optionally session_token"
