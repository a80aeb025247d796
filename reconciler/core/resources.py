"""The nouns of the product: what is wanted, what was seen, and how JSON is compared.

Performs no I/O and keeps its inputs untouched. Specs are plain JSON here: the edge has
already checked them with types, so a new kind needs no new code in the core.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TypeAlias

from reconciler import limits

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Spec: TypeAlias = dict[str, Json]

OWNER_TAG = "mesh-reconciler:owner"
APPLIED_TAG = "mesh-reconciler:applied"
RESERVED_TAGS = frozenset({OWNER_TAG, APPLIED_TAG})
# Why something is Unreadable: a list has shown it, so it does not pass for absent.
LISTED_BUT_NOT_FOUND = "it was listed, and then not found"
_WILDCARD = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """The identity of a resource within one target.

    ``path`` holds names, parents first: ``("payments",)`` for a mesh,
    ``("payments", "edge", "v1")`` for a route. Names are compared byte by byte. ``mesh_owner`` is
    the account, 12 digits, whose mesh it is in; empty where that is our own.
    """

    kind: str
    path: tuple[str, ...]
    mesh_owner: str = ""

    def __str__(self) -> str:
        """Return the form that users type and read: ``mesh/payments``.

        In a mesh of another account it is ``virtual-node/payments@111122223333/checkout``.
        """
        mesh, *names = self.path
        shared = f"@{self.mesh_owner}" if self.mesh_owner else ""
        return "/".join((self.kind, mesh + shared, *names))

    @classmethod
    def parse(cls, text: str) -> "Key":
        """Return the key that ``text`` is the form of."""
        kind, mesh, *names = text.split("/")
        name, at, owner = mesh.rpartition("@")
        if at and len(owner) == len("111122223333") and owner.isdecimal():
            return cls(kind, (name, *names), owner)
        return cls(kind, (mesh, *names))

    @property
    def name(self) -> str:
        """The resource's own name, without its parents."""
        return self.path[-1]

    def matches(self, pattern: str) -> bool:
        """Whether ``pattern`` is this key as users type it, or a glob that takes it in."""
        return pattern == str(self) or (
            len(pattern) <= limits.MAX_PATTERN_CHARACTERS and fnmatchcase(str(self), pattern)
        )


@dataclass(frozen=True, slots=True, order=True)
class Origin:
    """A place in a manifest; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Return ``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Suspension:
    """A pause that ends by itself; ``until`` carries a time zone."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Options:
    """What a manifest's ``reconcile`` block asks of us; nothing of it is sent to the target.

    ``ignore`` holds JSON pointers into the spec, to members of objects.
    """

    protect: bool = False
    adopt: bool = False
    suspend: Suspension | None = None
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Desired:
    """What a manifest asks for.

    ``spec`` is None where the manifest has none: the live spec is then not managed.
    ``tags`` are the user's own; the two that we write are not among them.
    """

    key: Key
    spec: Spec | None
    tags: Mapping[str, str]
    origin: Origin
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class LiveResource:
    """A live resource as the target showed it.

    ``account`` is whose it is, 12 digits; not always who owns the mesh that it is in.
    ``created_at`` is in seconds of the target's own clock. ``unknown`` holds pointers into the
    spec to fields that the API's description does not have: replacing the spec would wipe them.
    """

    key: Key
    spec: Spec
    tags: Mapping[str, str]
    uid: str
    version: int
    arn: str
    account: str
    created_at: float
    unknown: tuple[str, ...] = ()

    @property
    def owner(self) -> str | None:
        """The owner id it is marked with; None where nobody marked it."""
        return self.tags.get(OWNER_TAG)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A resource that may be there and could not be looked at: never to be taken for absent."""

    key: Key
    reason: str

    @property
    def why(self) -> str:
        """Why nothing is done about it, as a sentence."""
        return f"it could not be read: {self.reason}"


@dataclass(frozen=True, slots=True, order=True)
class Unlisted:
    """All resources of one kind in one parent, whose list could not be read: some may be ours."""

    kind: str
    parent: Key
    reason: str

    def __str__(self) -> str:
        """Return the pattern that matches all of them: ``virtual-node/payments/*``."""
        return f"{self._prefix}*"

    @property
    def why(self) -> str:
        """Why nothing is known of them, as a sentence."""
        return f"they could not be listed, and some may be ours: {self.reason}"

    def may_match(self, pattern: str) -> bool:
        """Whether ``pattern`` may match one of them, as far as its text before a wildcard tells."""
        literal = _WILDCARD.split(pattern, maxsplit=1)[0]
        return literal.startswith(self._prefix) or self._prefix.startswith(literal)

    def all_match(self, pattern: str) -> bool:
        """Whether ``pattern`` matches every one of them, whatever its name is."""
        return pattern.endswith("*") and fnmatchcase(self._prefix, pattern)

    @property
    def _prefix(self) -> str:
        return str(Key(self.kind, (*self.parent.path, ""), self.parent.mesh_owner))


@dataclass(frozen=True, slots=True)
class ResourceVersion:
    """What an answer or a list shows of a resource, without its spec.

    ``uid`` is None where a list showed it: lists have none. ``created_at`` is in seconds of the
    target's own clock. ``arn`` is what tags are asked for by. ``request_id`` identifies the answer
    to a write: no other answer has the same one.
    """

    version: int
    created_at: float
    uid: str | None = None
    arn: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class LiveState:
    """Everything the target showed of what we asked about or own.

    A key that is missing was seen to be absent, unless it is in one of the ``unlisted``: lists that
    could not be read. A world with gaps yields no delete. The tags of what is
    ``possibly_stale`` come from an index that may lag behind. ``not_selected`` are live and were
    not read: they are neither asked about nor known to be ours.
    """

    resources: Mapping[Key, LiveResource | Unreadable]
    unlisted: tuple[Unlisted, ...] = ()
    possibly_stale: frozenset[Key] = frozenset()
    not_selected: frozenset[Key] = frozenset()


@dataclass(frozen=True, slots=True)
class TargetId:
    """Which world a plan is about, as its first line names it.

    ``account`` is None where the endpoint does not answer GetCallerIdentity and nothing of it
    has been seen yet.
    """

    name: str
    url: str
    account: str | None
    region: str


def canonical_json(value: Json) -> str:
    """Return the one spelling of ``value``: equal values give equal text.

    Manifests hold whole numbers only; what a target shows may hold more than we know.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(value: Json) -> str:
    """Return 43 characters of base64url: the SHA-256 of the canonical JSON of ``value``."""
    return text_digest(canonical_json(value))


def text_digest(text: str) -> str:
    """Return 43 characters of base64url: the SHA-256 of ``text``."""
    hashed = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(hashed).decode().rstrip("=")


def drop_empty(value: Json) -> Json:
    """Return ``value`` less null members and empty containers inside it.

    App Mesh shows an unset list as ``[]`` in some places and leaves it out in others, so the
    two spellings must not count as a difference.
    """
    if isinstance(value, dict):
        kept = {name: drop_empty(member) for name, member in value.items()}
        return {name: member for name, member in kept.items() if member not in (None, [], {})}
    if isinstance(value, list):
        return [drop_empty(item) for item in value]
    return value


def shorten_list(keys: Sequence[object], limit: int = limits.MAX_KEYS_LISTED) -> str:
    """Return ``a, b and 7 more``."""
    more = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return ", ".join(map(str, keys[:limit])) + more
