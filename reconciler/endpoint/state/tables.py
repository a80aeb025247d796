"""The tables of the store, and the SQL statements on them.

Callers apply the rules of App Mesh and manage the transactions.
"""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SCHEMA = (
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
    "CREATE INDEX token_by_age ON token (remembered)",
)


@dataclass(frozen=True, slots=True)
class Scope:
    """One account in one region; its resources are not visible in other scopes."""

    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Collection:
    """The resources of one kind with the same parent.

    ``parent`` contains the names of the parents, joined by slashes; it is empty for meshes.
    """

    scope: Scope
    kind: str
    parent: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One live resource; times are milliseconds since 1970.

    ``owner`` is the account that created it, which may differ from the owner of a shared mesh.
    """

    collection: Collection
    name: str
    owner: str
    uid: str
    version: int
    created: int
    updated: int
    spec: dict[str, Any]
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """The use of a client token: the digest of the request, and the response."""

    request: str
    response: str


class Tables:
    """The statements over one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def find(self, collection: Collection, name: str) -> Resource | None:
        """Return the resource with this name, or None if there is none."""
        found = self._where(
            "account = ? AND region = ? AND kind = ? AND parent = ? AND name = ?",
            (*_columns(collection), name),
        )
        return next(found, None)

    def page(
        self, collection: Collection, after: str, limit: int, order: str = "name"
    ) -> list[Resource]:
        """Return up to ``limit`` resources of a collection that follow ``after`` in ``order``.

        ``order`` is an SQL expression over the columns; ``after`` is one of its values.
        """
        where = f"account = ? AND region = ? AND kind = ? AND parent = ? AND {order} > ?"
        tail = f"ORDER BY {order} LIMIT ?"
        return list(self._where(where, (*_columns(collection), after, limit), tail))

    def page_of_all_accounts(
        self, collection: Collection, after: str, limit: int, order: str
    ) -> list[Resource]:
        """Return a page like ``page``, but of the collections in all accounts of the region."""
        _, *place = _columns(collection)
        where = f"region = ? AND kind = ? AND parent = ? AND {order} > ?"
        return list(self._where(where, (*place, after, limit), f"ORDER BY {order} LIMIT ?"))

    def descendants(
        self, mesh: Collection, name: str, kind: str, text: str = ""
    ) -> Iterator[Resource]:
        """Yield the resources of a kind in a mesh whose spec, as JSON, contains ``text``."""
        where = (
            "account = ? AND region = ? AND kind = ? AND parent >= ? AND parent < ?"
            " AND instr(spec, ?) > 0"
        )
        # The slash that follows a mesh's name is the character before the digit 0.
        scope = mesh.scope
        bounds = (scope.account, scope.region, kind, name, f"{name}0", text)
        for found in self._where(where, bounds):
            if found.collection.parent.partition("/")[0] == name:
                yield found

    def tagged(self, owner: Scope, after: tuple[str, str, str, str]) -> Iterator[Resource]:
        """Yield the tagged resources that an account created, by account, kind, parent and name."""
        where = (
            "owner = ? AND region = ? AND tags <> '{}'"
            " AND (account, kind, parent, name) > (?, ?, ?, ?)"
        )
        tail = "ORDER BY account, kind, parent, name"
        return self._where(where, (owner.account, owner.region, *after), tail)

    def find_shared(self, owner: Scope, kind: str, parent: str, name: str) -> Resource | None:
        """Return the resource that an account created in a mesh of another account."""
        where = "owner = ? AND region = ? AND kind = ? AND parent = ? AND name = ?"
        values = (owner.account, owner.region, kind, parent, name)
        return next(self._where(where, values, "ORDER BY account"), None)

    def count(self, collection: Collection) -> int:
        """Return the number of resources in a collection."""
        row = self._execute(
            "SELECT count(*) FROM resource"
            " WHERE account = ? AND region = ? AND kind = ? AND parent = ?",
            _columns(collection),
        ).fetchone()
        return int(row[0])

    def put(self, resource: Resource) -> None:
        """Write a resource, new or changed."""
        self._execute(
            "INSERT OR REPLACE INTO resource VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *_columns(resource.collection),
                resource.name,
                resource.owner,
                resource.uid,
                resource.version,
                resource.created,
                resource.updated,
                json.dumps(resource.spec),
                json.dumps(resource.tags),
            ),
        )

    def remove(self, resource: Resource) -> None:
        """Delete a resource."""
        self._execute(
            "DELETE FROM resource"
            " WHERE account = ? AND region = ? AND kind = ? AND parent = ? AND name = ?",
            (*_columns(resource.collection), resource.name),
        )

    def find_token(self, scope: Scope, token: str) -> TokenRecord | None:
        """Return the record of a client token, or None if there is none."""
        row = self._execute(
            "SELECT request, answer FROM token WHERE account = ? AND region = ? AND token = ?",
            (scope.account, scope.region, token),
        ).fetchone()
        return TokenRecord(*row) if row else None

    def put_token(self, scope: Scope, token: str, record: TokenRecord, now: int) -> None:
        """Store the record of a client token."""
        self._execute(
            "INSERT OR REPLACE INTO token VALUES (?, ?, ?, ?, ?, ?)",
            (scope.account, scope.region, token, record.request, record.response, now),
        )

    def drop_tokens(self, before: int) -> None:
        """Delete the client tokens stored before a time, in milliseconds since 1970."""
        self._execute("DELETE FROM token WHERE remembered < ?", (before,))

    def clear(self) -> None:
        """Delete the resources and client tokens of all scopes."""
        self._execute("DELETE FROM resource")
        self._execute("DELETE FROM token")

    def _where(
        self, condition: str, values: tuple[str | int, ...], tail: str = ""
    ) -> Iterator[Resource]:
        # Conditions and tails are constants of this module, never parts of a request.
        rows = self._execute(f"SELECT * FROM resource WHERE {condition} {tail}", values)  # noqa: S608
        return map(_resource, rows)


def _columns(collection: Collection) -> tuple[str, str, str, str]:
    return collection.scope.account, collection.scope.region, collection.kind, collection.parent


def _resource(row: tuple[Any, ...]) -> Resource:
    collection = Collection(Scope(*row[:2]), *row[2:4])
    name, owner, uid, version, created, updated, spec, tags = row[4:]
    spec, tags = json.loads(spec), json.loads(tags)
    return Resource(collection, name, owner, uid, version, created, updated, spec, tags)
