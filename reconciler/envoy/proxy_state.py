"""The packed resources that one proxy is served, with versions that follow from their content.

Two servers that read the same mesh give the same content the same version, so a proxy can leave one
for another and is sent only the difference.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

_TYPE_PREFIX = "type.googleapis.com/envoy.config."
CLUSTERS = f"{_TYPE_PREFIX}cluster.v3.Cluster"
ENDPOINTS = f"{_TYPE_PREFIX}endpoint.v3.ClusterLoadAssignment"
LISTENERS = f"{_TYPE_PREFIX}listener.v3.Listener"
ROUTES = f"{_TYPE_PREFIX}route.v3.RouteConfiguration"

# The order in which Envoy needs them. It asks for all clusters and listeners, and for the others by
# name.
TYPES = (CLUSTERS, ENDPOINTS, LISTENERS, ROUTES)
NAMED_TYPES = (ENDPOINTS, ROUTES)
TITLES = dict(zip(TYPES, ("clusters", "endpoints", "listeners", "routes"), strict=True))

_VERSION_CHARACTERS = 16


@dataclass(frozen=True, slots=True, weakref_slot=True)
class PackedResource:
    """One resource as Envoy reads it."""

    name: str
    digest: str
    """A hash of its content; equal for equal content."""
    encoded: bytes
    """Its encoding, without that of its parts."""
    parts: "tuple[PackedResource, ...]" = ()
    """The virtual hosts of a route table, which other tables share."""

    @property
    def body(self) -> bytes:
        """Its whole encoding."""
        return self.encoded

    @property
    def size(self) -> int:
        """About the number of bytes of its whole encoding."""
        return len(self.encoded) + sum(len(part.encoded) for part in self.parts)


@dataclass(frozen=True)
class TypeState:
    """All resources of one type, by name."""

    resources: Mapping[str, PackedResource]

    @cached_property
    def version(self) -> str:
        """A hash of all names and digests."""
        rows = sorted((item.name, item.digest) for item in self.resources.values())
        return hashlib.sha256(repr(rows).encode()).hexdigest()[:_VERSION_CHARACTERS]

    def only(self, names: Collection[str]) -> "TypeState":
        """Return the resources that `names` contains."""
        kept = {key: item for key, item in self.resources.items() if key in names}
        # The same object already knows its version.
        return self if len(kept) == len(self.resources) else TypeState(kept)

    def over(self, older: "TypeState") -> "TypeState":
        """Return these resources, and those of `older` whose names are not among them."""
        if older.resources.keys() <= self.resources.keys():
            return self
        return TypeState({**older.resources, **self.resources})


NOTHING = TypeState({})


@dataclass(frozen=True, slots=True)
class ProxyState:
    """All resources of one proxy at one revision of its mesh."""

    types: Mapping[str, TypeState]

    def __getitem__(self, type_url: str) -> TypeState:
        """Return the resources of a type."""
        return self.types.get(type_url, NOTHING)


@dataclass(slots=True)
class ProxyHistory:
    """The contents that one proxy was served during the last minutes.

    A proxy that reconnects names only versions. The history has their contents.
    """

    keep_seconds: float
    max_contents: int
    """The number of contents that are kept of each type."""
    unconfirmed_types: set[str] = field(default_factory=set)
    """The types whose last response the proxy did not accept; it may have taken a part of it."""
    older: Callable[[int], ProxyState | None] = lambda _: None
    """Returns a state of its mesh before this history; 0 is the newest. Called only if needed."""
    _older_read: int = 0
    _contents: dict[str, deque[tuple[float, TypeState]]] = field(
        default_factory=lambda: {name: deque() for name in TYPES}
    )

    def add_state(self, state: ProxyState, now: float) -> None:
        """Record that `state` is served from `now` on, in seconds of a clock that is never set."""
        for type_url in TYPES:
            self.add(type_url, state[type_url], now)

    def add(self, type_url: str, content: TypeState, now: float) -> None:
        """Record that `content` was sent, unless it is the last one already."""
        kept = self._contents[type_url]
        if kept and kept[-1][1].version == content.version:
            return
        kept.append((now, content))
        # A content is as old as the one that replaced it is.
        while len(kept) > self.max_contents or (
            len(kept) > 1 and kept[1][0] < now - self.keep_seconds
        ):
            kept.popleft()

    def find(self, type_url: str, version: str, names: Collection[str]) -> TypeState | None:
        """Return the resources of `type_url` that have `version`, or None.

        Args:
            type_url: The type.
            version: The version that the proxy has.
            names: The names that the proxy asks for, if it asks for this type by name.
        """
        if not version:
            return None
        known: list[TypeState] = []
        for content in self._newest_first(type_url):
            # Another server recorded whole states; this one recorded its responses.
            whole_and_named = [content]
            if type_url in NAMED_TYPES:
                whole_and_named.append(content.only(names))
            for candidate in _with_unions(whole_and_named, known):
                if candidate.version == version:
                    return candidate
            known += whole_and_named
        return None

    def _newest_first(self, type_url: str) -> Iterator[TypeState]:
        """Yield all contents of a type, and then read those before this history."""
        yield from [content for _, content in reversed(self._contents[type_url])]
        while (state := self.older(self._older_read)) is not None:
            self._older_read += 1
            for name in TYPES:
                kept = self._contents[name]
                kept.appendleft((kept[0][0] if kept else 0.0, state[name]))
            yield state[type_url]

    def newest(self, type_url: str, names: Collection[str]) -> TypeState:
        """Return the resource that was served last under each of `names`."""
        found: dict[str, PackedResource] = {}
        for _, content in self._contents[type_url]:
            found |= content.only(names).resources
        return TypeState(found)


def _with_unions(contents: Sequence[TypeState], newer: Sequence[TypeState]) -> Iterator[TypeState]:
    """Yield ``contents``, and those that another server sends on the way to newer ones."""
    yield from contents
    for older in contents:
        yield from (content.over(older) for content in newer)
