"""What the store keeps, and the statements that read and write it.

It decides nothing about App Mesh and nothing about transactions: both belong to its callers.
"""

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

SCHEMA = (
    """CREATE TABLE resource (
    account TEXT NOT NULL, region TEXT NOT NULL, kind TEXT NOT NULL,
    parent TEXT NOT NULL, name TEXT NOT NULL,
    uid TEXT NOT NULL, version INTEGER NOT NULL,
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
class World:
    """One account in one region: nothing in it is seen from another one."""

    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where resources of one kind stand side by side.

    ``parent`` holds the names of their parents, joined by slashes; it is empty for meshes.
    """

    world: World
    kind: str
    parent: str


@dataclass(frozen=True, slots=True)
class Resource:
    """One live resource; times are milliseconds since 1970."""

    shelf: Shelf
    name: str
    uid: str
    version: int
    created: int
    updated: int
    spec: dict[str, Any]
    tags: dict[str, str]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a client token was used for: the digest of its request, and the answer it got."""

    request: str
    answer: str


class Records:
    """The statements over one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute

    def find(self, shelf: Shelf, name: str) -> Resource | None:
        """Return the resource of that name, None where there is none."""
        row = self._execute(
            "SELECT name, uid, version, created, updated, spec, tags FROM resource"
            " WHERE account = ? AND region = ? AND kind = ? AND parent = ? AND name = ?",
            (shelf.world.account, shelf.world.region, shelf.kind, shelf.parent, name),
        ).fetchone()
        return _resource(shelf, row) if row else None

    def page(self, shelf: Shelf, after: str, limit: int) -> list[Resource]:
        """Return up to ``limit`` resources of a shelf, by name, whose names follow ``after``."""
        rows = self._execute(
            "SELECT name, uid, version, created, updated, spec, tags FROM resource"
            " WHERE account = ? AND region = ? AND kind = ? AND parent = ? AND name > ?"
            " ORDER BY name LIMIT ?",
            (shelf.world.account, shelf.world.region, shelf.kind, shelf.parent, after, limit),
        )
        return [_resource(shelf, row) for row in rows]

    def put(self, resource: Resource) -> None:
        """Write a resource, new or changed."""
        shelf = resource.shelf
        self._execute(
            "INSERT OR REPLACE INTO resource VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                shelf.world.account,
                shelf.world.region,
                shelf.kind,
                shelf.parent,
                resource.name,
                resource.uid,
                resource.version,
                resource.created,
                resource.updated,
                json.dumps(resource.spec),
                json.dumps(resource.tags),
            ),
        )

    def remove(self, resource: Resource) -> None:
        """Take a resource away."""
        shelf = resource.shelf
        self._execute(
            "DELETE FROM resource"
            " WHERE account = ? AND region = ? AND kind = ? AND parent = ? AND name = ?",
            (shelf.world.account, shelf.world.region, shelf.kind, shelf.parent, resource.name),
        )

    def recall(self, world: World, token: str) -> Remembered | None:
        """Return what a client token was used for, None where it is not remembered."""
        row = self._execute(
            "SELECT request, answer FROM token WHERE account = ? AND region = ? AND token = ?",
            (world.account, world.region, token),
        ).fetchone()
        return Remembered(*row) if row else None

    def remember(self, world: World, token: str, what: Remembered, now: int) -> None:
        """Remember what a client token was used for."""
        self._execute(
            "INSERT INTO token VALUES (?, ?, ?, ?, ?, ?)",
            (world.account, world.region, token, what.request, what.answer, now),
        )

    def forget(self, before: int) -> None:
        """Forget the client tokens remembered before a time in milliseconds."""
        self._execute("DELETE FROM token WHERE remembered < ?", (before,))

    def clear(self) -> None:
        """Empty every world, and the memory of client tokens."""
        self._execute("DELETE FROM resource")
        self._execute("DELETE FROM token")


def _resource(shelf: Shelf, row: tuple[Any, ...]) -> Resource:
    name, uid, version, created, updated, spec, tags = row
    return Resource(shelf, name, uid, version, created, updated, json.loads(spec), json.loads(tags))
