"""The tables of a store, and the SQL statements on them.

SQLite and PostgreSQL run the same statements. Callers apply the rules of App Mesh; the stores
manage the transactions and their locks.
"""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from reconciler import limits
from reconciler.endpoint.state.execute import Execute

_KEY = "account = ? AND region = ? AND kind = ? AND parent = ? AND name = ?"


# Each request makes several of these three, which takes longer with frozen dataclasses.
class Scope(NamedTuple):
    """One account in one region; its resources are not visible in other scopes."""

    account: str
    region: str


class Collection(NamedTuple):
    """The resources of one kind with the same parent.

    ``parent`` contains the names of the parents, joined by slashes; it is empty for meshes.
    """

    scope: Scope
    kind: str
    parent: str


class Resource(NamedTuple):
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


class ScopeNotLockedError(Exception):
    """The work changes a scope that its transaction has not locked, so it has to run again."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"{scope} is not locked")
        self.scope = scope


class Tables:
    """The statements of one piece of work.

    Attributes:
        execute: Runs a statement with values; question marks are its placeholders.
        after_commit: Functions that the store calls when the writes are committed.
    """

    def __init__(self, execute: Execute, locked: dict[Scope, int] | None = None) -> None:
        """Use `execute`, with question marks as placeholders.

        Args:
            execute: Runs a statement with values.
            locked: The scopes that the transaction has locked, with their revisions, which the
                store writes in the end; None if it has locked all scopes.
        """
        self.execute = execute
        self._locked = locked
        self._changed: Scope | None = None
        self.after_commit: list[Callable[[], None]] = []

    def find(self, collection: Collection, name: str) -> Resource | None:
        """Return the resource with this name, or None if there is none."""
        return next(self._where(_KEY, (*_columns(collection), name)), None)

    def page(
        self,
        collection: Collection,
        limit: int = sys.maxsize,
        order: Sequence[str] = ("name",),
        after: Sequence[str | int] = (),
        *,
        all_accounts: bool = False,
    ) -> list[Resource]:
        """Return up to `limit` resources of a collection, from the beginning or from a position.

        Args:
            collection: The collection to read.
            limit: The maximum number of resources.
            order: The names of the columns by which the list is ordered.
            after: The values of these columns in the last resource of the page before.
            all_accounts: Whether to read the collections of all accounts in the region.
        """
        where, values = "region = ? AND kind = ? AND parent = ?", _columns(collection)
        if all_accounts:
            return list(self._page(where, values[1:], order, after, limit))
        return list(self._page(f"account = ? AND {where}", values, order, after, limit))

    def descendants(self, mesh: Collection, name: str, kind: str, text: str) -> Iterator[Resource]:
        """Yield the resources of a kind in a mesh whose spec, as JSON, contains `text`."""
        where = (
            "account = ? AND region = ? AND kind = ? AND parent >= ? AND parent < ?"
            " AND replace(spec, ?, '') <> spec"
        )
        # The slash that follows a mesh's name is the character before the digit 0.
        scope = mesh.scope
        bounds = (scope.account, scope.region, kind, name, f"{name}0", text)
        for found in self._where(where, bounds):
            if found.collection.parent.partition("/")[0] == name:
                yield found

    def tagged(self, owner: Scope, after: tuple[str, ...] = ()) -> Iterator[Resource]:
        """Yield the tagged resources that an account created, by account, kind, parent and name.

        Args:
            owner: The account and the region.
            after: The account, kind, parent and name of the resource before the first one.
        """
        where = "owner = ? AND region = ? AND tags <> '{}'"
        order = ("account", "kind", "parent", "name")
        while True:
            size = limits.TAGGED_ROWS_PER_QUERY
            page = list(self._page(where, (owner.account, owner.region), order, after, size))
            yield from page
            if len(page) < size:
                return
            last = page[-1]
            after = (last.collection.scope.account, *_columns(last.collection)[2:], last.name)

    def find_shared(self, owner: Scope, kind: str, parent: str, name: str) -> Resource | None:
        """Return the resource that an account created in a mesh of another account."""
        where = "owner = ? AND region = ? AND kind = ? AND parent = ? AND name = ?"
        values = (owner.account, owner.region, kind, parent, name)
        return next(self._where(where, values, "ORDER BY account"), None)

    def count(self, collection: Collection) -> int:
        """Return the number of resources in a collection."""
        where = "account = ? AND region = ? AND kind = ? AND parent = ?"
        rows = self.execute(f"SELECT count(*) FROM resource WHERE {where}", _columns(collection))  # noqa: S608
        return int(rows.fetchone()[0])

    def put(self, resource: Resource) -> None:
        """Write a resource, new or changed."""
        self._change(resource.collection.scope)
        self.execute(
            "INSERT INTO resource VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (account, region, kind, parent, name) DO UPDATE SET"
            " owner = excluded.owner, uid = excluded.uid, version = excluded.version,"
            " created = excluded.created, updated = excluded.updated,"
            " spec = excluded.spec, tags = excluded.tags",
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
        self._change(resource.collection.scope)
        key = (*_columns(resource.collection), resource.name)
        self.execute(f"DELETE FROM resource WHERE {_KEY}", key)  # noqa: S608

    def find_token(self, scope: Scope, token: str, since: int = 0) -> TokenRecord | None:
        """Return the record of a client token, or None if there is none.

        Records from before `since`, in milliseconds since 1970, do not count.
        """
        self._require_lock(scope)
        row = self.execute(
            "SELECT request, answer FROM token"
            " WHERE account = ? AND region = ? AND token = ? AND remembered >= ?",
            (scope.account, scope.region, token, since),
        ).fetchone()
        return TokenRecord(*row) if row else None

    def put_token(self, scope: Scope, token: str, record: TokenRecord, now: int) -> None:
        """Store the record of a client token."""
        self._require_lock(scope)
        self.execute(
            "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (account, region, token) DO UPDATE SET request = excluded.request,"
            " answer = excluded.answer, remembered = excluded.remembered",
            (scope.account, scope.region, token, record.request, record.response, now),
        )

    def drop_tokens(self, scope: Scope, before: int) -> None:
        """Delete the tokens of a scope from before a time, in milliseconds since 1970."""
        self._require_lock(scope)
        self.execute(
            "DELETE FROM token WHERE account = ? AND region = ? AND remembered < ?",
            (scope.account, scope.region, before),
        )

    def clear(self) -> None:
        """Delete the resources and client tokens of all scopes, which raises every revision."""
        self.execute("DELETE FROM resource", ())
        self.execute("DELETE FROM token", ())
        self.execute("UPDATE scope SET revision = revision + 1", ())

    def revision(self, scope: Scope) -> int:
        """Return the number of committed writes of a scope."""
        row = self.execute(
            "SELECT revision FROM scope WHERE account = ? AND region = ?",
            (scope.account, scope.region),
        ).fetchone()
        return row[0] if row else 0

    def raise_revision(self, scope: Scope) -> int:
        """Raise the revision of the scope that was changed, and return it.

        Without a change, return the revision of `scope`.
        """
        changed = self._changed
        if self._locked is not None:
            if changed is None:
                return self._locked[scope]
            self._locked[changed] += 1
            return self._locked[changed]
        if changed is None:
            return self.revision(scope)
        raised = self.revision(changed) + 1
        # In SQLite, a RETURNING clause takes three times as long as these two statements.
        self.execute(
            "INSERT INTO scope VALUES (?, ?, ?) ON CONFLICT (account, region)"
            " DO UPDATE SET revision = excluded.revision",
            (changed.account, changed.region, raised),
        )
        return raised

    def revisions(self) -> dict[Scope, int]:
        """Return the revision of each scope that was written, by account and region."""
        rows = self.execute("SELECT * FROM scope ORDER BY account, region", ())
        return {Scope(*row[:2]): row[2] for row in rows}

    def all_of(
        self, scope: Scope, parse: Callable[[str], dict[str, Any]] = json.loads
    ) -> list[Resource]:
        """Return all resources of a scope, by kind, parent and name.

        Args:
            scope: The scope.
            parse: Returns the spec of a text in the table.
        """
        where, values = "account = ? AND region = ?", (scope.account, scope.region)
        return list(self._where(where, values, "ORDER BY kind, parent, name", parse))

    def _change(self, scope: Scope) -> None:
        self._require_lock(scope)
        self._changed = scope

    def _require_lock(self, scope: Scope) -> None:
        if self._locked is not None and scope not in self._locked:
            raise ScopeNotLockedError(scope)

    def _page(
        self,
        where: str,
        values: Sequence[str],
        order: Sequence[str],
        after: Sequence[str | int],
        limit: int,
    ) -> Iterator[Resource]:
        columns = ", ".join(order)
        if after:
            where = f"{where} AND ({columns}) > ({', '.join('?' * len(after))})"
        return self._where(where, (*values, *after, limit), f"ORDER BY {columns} LIMIT ?")

    def _where(
        self,
        condition: str,
        values: Sequence[str | int],
        tail: str = "",
        parse: Callable[[str], dict[str, Any]] = json.loads,
    ) -> Iterator[Resource]:
        # Conditions and tails are constants of the endpoint, never parts of a request.
        rows = self.execute(f"SELECT * FROM resource WHERE {condition} {tail}", values)  # noqa: S608
        return (_resource(row, parse) for row in rows)


def _columns(collection: Collection) -> tuple[str, str, str, str]:
    return collection.scope.account, collection.scope.region, collection.kind, collection.parent


def _resource(row: tuple[Any, ...], parse: Callable[[str], dict[str, Any]]) -> Resource:
    collection = Collection(Scope(*row[:2]), *row[2:4])
    name, owner, uid, version, created, updated, spec, tags = row[4:]
    times = created, updated
    return Resource(collection, name, owner, uid, version, *times, parse(spec), json.loads(tags))
