"""Desired and live resources, their keys, and canonical JSON.

Specs are plain JSON here, because the manifest package has validated them with typed models.
A new kind therefore needs no new code in the core.
"""

import base64
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import NamedTuple, TypeAlias
from urllib.parse import quote

from reconciler import limits

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None
Spec: TypeAlias = dict[str, Json]

OWNER_TAG = "mesh-reconciler:owner"
APPLIED_TAG = "mesh-reconciler:applied"
RESERVED_TAGS = frozenset({OWNER_TAG, APPLIED_TAG})
# The reason of an `Unreadable` that a list showed: it must not count as absent.
LISTED_BUT_NOT_FOUND = "it was listed, and then not found"
# A file's name has at most 255 bytes on most systems.
MAX_NAME_LENGTH = 200
_WILDCARD = re.compile(r"[*?[]")
# `json.dumps` with these options makes an encoder for each call.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


class Key(NamedTuple):
    """The identity of a resource within one target.

    Attributes:
        kind: The name of a row of `kinds.KINDS`.
        path: Names, parents first: ``("payments",)`` for a mesh, ``("payments", "edge", "v1")``
            for a route. Names are compared byte by byte.
        mesh_owner: Account (12 digits) that owns the mesh; empty for a mesh of the own account.
    """

    kind: str
    path: tuple[str, ...]
    mesh_owner: str = ""

    def __str__(self) -> str:
        """Return the text that users type and read: ``mesh/payments``.

        In a mesh of another account: ``virtual-node/payments@111122223333/checkout``.
        """
        mesh, *names = self.path
        shared = f"@{self.mesh_owner}" if self.mesh_owner else ""
        return "/".join((self.kind, mesh + shared, *names))

    @classmethod
    def parse(cls, text: str) -> "Key":
        """Return the key with the text ``text``, the inverse of ``str(key)``."""
        kind, mesh, *names = text.split("/")
        name, at, owner = mesh.rpartition("@")
        if at and len(owner) == len("111122223333") and owner.isdecimal():
            return cls(kind, (name, *names), owner)
        return cls(kind, (mesh, *names))

    @property
    def name(self) -> str:
        """The resource's own name, without its parents."""
        return self.path[-1]

    @property
    def mesh(self) -> "Key":
        """The key of its mesh; of a mesh, an equal key."""
        return Key("mesh", self.path[:1], self.mesh_owner)

    def matches(self, pattern: str) -> bool:
        """Whether ``pattern`` is the text of this key, or a glob that matches it."""
        return pattern == str(self) or matches_glob(str(self), pattern)


def is_glob(text: str) -> bool:
    """Whether ``text`` has a character with a meaning in globs."""
    return _WILDCARD.search(text) is not None


def matches_glob(text: str, pattern: str) -> bool:
    """Whether the glob ``pattern`` matches ``text``; one that is too long matches nothing."""
    return len(pattern) <= limits.MAX_PATTERN_CHARACTERS and fnmatchcase(text, pattern)


class Origin(NamedTuple):
    """A position in a manifest; lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        """Return ``file:line:column``."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Suspension:
    """A pause of a resource that ends at ``until``, a time with a time zone."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Options:
    """The ``reconcile`` block of a manifest, which is not sent to the target.

    Attributes:
        ignore: JSON pointers to members of objects in the spec.
    """

    protect: bool = False
    adopt: bool = False
    suspend: Suspension | None = None
    ignore: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Desired:
    """The desired state of a resource, from its manifest.

    Attributes:
        spec: None if the manifest has none; then the live spec is not managed.
        tags: The user's tags, without the two that mesh-reconciler writes.
    """

    key: Key
    spec: Spec | None
    tags: Mapping[str, str]
    origin: Origin
    options: Options = field(default_factory=Options)


@dataclass(frozen=True, slots=True)
class LiveResource:
    """A live resource as read from the target.

    Attributes:
        account: Account (12 digits) that owns the resource; another account may own its mesh.
        created_at: Seconds of the target's clock.
        unknown: Pointers to fields of the spec that the API description does not have. An update
            of the spec would remove them.
        attested: Whether it was not described: its record attests the spec at the listed version.
            Then ``spec`` is the managed part of the desired spec, and ``uid`` is empty.
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
    attested: bool = False

    @property
    def owner(self) -> str | None:
        """The owner id in the owner tag; None if there is no such tag."""
        return self.tags.get(OWNER_TAG)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A resource that may exist but could not be read. It must not count as absent."""

    key: Key
    reason: str

    @property
    def message(self) -> str:
        """The reason as a sentence about the resource."""
        return f"it could not be read: {self.reason}"


class Unlisted(NamedTuple):
    """All resources of one kind in one parent, if their list could not be read."""

    kind: str
    parent: Key
    reason: str

    def __str__(self) -> str:
        """Return the pattern that matches all of them: ``virtual-node/payments/*``."""
        return f"{self._prefix}*"

    @property
    def message(self) -> str:
        """The reason as a sentence about the resources."""
        return f"they could not be listed, and some may be ours: {self.reason}"

    def may_match(self, pattern: str) -> bool:
        """Whether ``pattern`` may match one of them, judged by its text before a wildcard."""
        literal = _WILDCARD.split(pattern, maxsplit=1)[0]
        return literal.startswith(self._prefix) or self._prefix.startswith(literal)

    def all_match(self, pattern: str) -> bool:
        """Whether ``pattern`` matches all of them, independent of their names."""
        return pattern.endswith("*") and fnmatchcase(self._prefix, pattern)

    @property
    def _prefix(self) -> str:
        return str(Key(self.kind, (*self.parent.path, ""), self.parent.mesh_owner))


@dataclass(frozen=True, slots=True)
class ResourceVersion:
    """The metadata of a resource in a response or a list, without its spec.

    Attributes:
        version: Version of the spec; a change of tags does not change it.
        created_at: Seconds of the target's clock.
        uid: None if the metadata is from a list, because lists have no uids.
        arn: Key for reading the tags.
        request_id: Id of the response to a write, unique among all responses.
    """

    version: int
    created_at: float
    uid: str | None = None
    arn: str = ""
    request_id: str = ""


Attests: TypeAlias = Callable[[Key, ResourceVersion, Mapping[str, str]], Spec | None]
"""Returns the live spec that the record in some tags attests at a version, or None."""


class ReadCount(NamedTuple):
    """The progress of a read of many resources."""

    done: int
    """The number of resources that were read."""
    total: int | None
    """The number of resources to read; None until the lists were read."""


@dataclass(frozen=True, slots=True)
class LiveState:
    """The live state of the requested resources and of all resources of an owner."""

    resources: Mapping[Key, LiveResource | Unreadable]
    """A key that is missing here is absent, unless it is in one of the ``unlisted``."""

    unlisted: tuple[Unlisted, ...] = ()
    """Lists that could not be read. If not empty, nothing is deleted."""

    possibly_stale: frozenset[Key] = frozenset()
    """Keys with tags from an index that may lag."""

    not_selected: frozenset[Key] = frozenset()
    """Live keys outside the plan: not selected, or neither requested nor known to be owned."""


@dataclass(frozen=True, slots=True)
class TargetId:
    """The target of a plan, as the first line of its output shows it.

    Attributes:
        account: None if the endpoint does not answer GetCallerIdentity and no resource that shows
            the account has been read yet.
    """

    name: str
    url: str
    account: str | None
    region: str


def canonical_json(value: Json) -> str:
    """Return the canonical JSON text of ``value``: equal values have equal text.

    Numbers in manifests are integers. A spec from a target may have other numbers.
    """
    return _encode(value)


def digest(value: Json) -> str:
    """Return 43 characters of base64url: the SHA-256 of the canonical JSON of ``value``."""
    return text_digest(canonical_json(value))


def text_digest(text: str) -> str:
    """Return 43 characters of base64url: the SHA-256 of ``text``."""
    hashed = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(hashed).decode().rstrip("=")


def file_name_part(name: str) -> str:
    """Return ``name`` as a part of a path that cannot leave its directory, never a hidden file."""
    safe = quote(name, safe="", errors="surrogatepass")
    safe = f"%2E{safe[1:]}" if safe.startswith(".") else safe
    return safe if len(safe) <= MAX_NAME_LENGTH else f"{safe[:MAX_NAME_LENGTH]}-{text_digest(safe)}"


def drop_empty(value: Json) -> Json:
    """Return ``value`` without null members and empty containers.

    App Mesh returns an unset list as ``[]`` in some fields and omits it in others, so the two
    must not count as a difference.
    """
    if isinstance(value, dict):
        return {
            name: kept
            for name, member in value.items()
            if (kept := drop_empty(member)) not in (None, [], {})
        }
    if isinstance(value, list):
        return [drop_empty(item) for item in value]
    return value


def describe_owner(owner: str | None) -> str:
    """Return ``owned by X``, or ``unowned`` if there is no owner id."""
    return f"owned by {owner}" if owner else "unowned"


def shorten_list(keys: Sequence[object], limit: int = limits.MAX_KEYS_LISTED) -> str:
    """Return at most ``limit`` keys as text: ``a, b and 7 more``."""
    more = f" and {len(keys) - limit} more" if len(keys) > limit else ""
    return ", ".join(map(str, keys[:limit])) + more
