"""Packs the configuration of a proxy to the bytes that Envoy reads, each resource once.

Proxies share clusters and the virtual hosts of services, so these are hashed and encoded once. The
route table of a proxy is put together from its virtual hosts.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import NamedTuple
from weakref import WeakValueDictionary

from reconciler.core.resources import Key
from reconciler.envoy import encoding
from reconciler.envoy.messages import Message
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.proxy_state import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    PackedResource,
    ProxyState,
    TypeState,
)

_NAMES = {
    CLUSTERS: encoding.CLUSTER,
    ENDPOINTS: encoding.ENDPOINTS,
    LISTENERS: encoding.LISTENER,
}
_VIRTUAL_HOST = "virtual host"
_NO_PROXIES: Mapping[Key, "PackedProxy"] = MappingProxyType({})


class RouteTable(PackedResource):
    """A route table, which is put together from its virtual hosts when it is sent.

    Earlier tables of all proxies are kept for some time, so they hold no copies of their hosts.
    """

    __slots__ = ()

    @property
    def body(self) -> bytes:
        """Its whole encoding; Protobuf joins messages of one type that follow each other."""
        content = [self.encoded, *(host.encoded for host in self.parts)]
        return encoding.as_any(encoding.ROUTE_TABLE, b"".join(content))


class PackedProxy(NamedTuple):
    """A proxy, translated and packed."""

    config: ProxyConfig
    state: ProxyState


class Packer:
    """Packs proxies, and shares equal results as long as any of them is in use.

    From one revision to the next most resources are equal.
    """

    def __init__(self) -> None:
        """Create a packer that has packed nothing."""
        self._resources = WeakValueDictionary[tuple[str, str], PackedResource]()
        self._contents = WeakValueDictionary[tuple[str, str], TypeState]()

    def pack(
        self, configs: Sequence[ProxyConfig], before: Mapping[Key, PackedProxy] = _NO_PROXIES
    ) -> list[ProxyState]:
        """Return the state of each proxy; equal parts of those in `before` are not packed again.

        Raises:
            ReconcilerError: A resource has a field that Envoy does not know.
        """
        packing = _Packing(self._resources)
        return [
            ProxyState(self._types(config, packing, before.get(config.key))) for config in configs
        ]

    def _types(
        self, config: ProxyConfig, packing: "_Packing", before: PackedProxy | None
    ) -> Mapping[str, TypeState]:
        types: dict[str, TypeState] = {}
        known = {} if before is None else _messages(before.config)
        for type_url, messages in _messages(config).items():
            if before and messages == known[type_url]:
                types[type_url] = before.state[type_url]
            else:
                found = packing.pack_all(type_url, messages)
                types[type_url] = self._share(type_url, found)
        return types

    def _share(self, type_url: str, resources: Mapping[str, PackedResource]) -> TypeState:
        content = TypeState(resources)
        return self._contents.setdefault((type_url, content.version), content)


class _Packing:
    """One pass, in which an object that is seen again is neither hashed nor encoded again.

    Objects are known by their addresses, so all of them must exist until the pass ends.
    """

    def __init__(self, known: WeakValueDictionary[tuple[str, str], PackedResource]) -> None:
        self._known = known
        self._by_object: dict[int, PackedResource] = {}

    def pack_all(self, type_url: str, messages: Mapping[str, Message]) -> dict[str, PackedResource]:
        """Return the packed resources of one type of a proxy."""
        if type_url == ROUTES:
            return {name: self._pack_route_table(name, table) for name, table in messages.items()}
        encode = partial(encoding.encode_any, _NAMES[type_url])
        return {
            name: self._pack_message(type_url, name, message, encode)
            for name, message in messages.items()
        }

    def _pack_route_table(self, name: str, table: Message) -> PackedResource:
        hosts = tuple(
            self._pack_message(_VIRTUAL_HOST, host["name"], host, _encode_host)
            for host in table["virtual_hosts"]
        )
        rest = {field: value for field, value in table.items() if field != "virtual_hosts"}
        digest = _digest(rest, (host.digest for host in hosts))
        return self._share(ROUTES, digest, lambda: RouteTable(name, digest, _encode(rest), hosts))

    def _pack_message(
        self, kind: str, name: str, message: Message, encode: Callable[[Message], bytes]
    ) -> PackedResource:
        found = self._by_object.get(id(message))
        if found is None:
            digest = _digest(message)
            found = self._share(kind, digest, lambda: PackedResource(name, digest, encode(message)))
            self._by_object[id(message)] = found
        return found

    def _share(self, kind: str, digest: str, pack: Callable[[], PackedResource]) -> PackedResource:
        found = self._known.get((kind, digest))
        if found is None:
            found = self._known[kind, digest] = pack()
        return found


def _messages(config: ProxyConfig) -> Mapping[str, Mapping[str, Message]]:
    return {
        CLUSTERS: config.clusters,
        ENDPOINTS: config.endpoints,
        LISTENERS: config.listeners,
        ROUTES: config.route_tables,
    }


def _digest(message: Message, parts: Iterable[str] = ()) -> str:
    """Return the digest of a message and the digests of its parts."""
    text = json.dumps(message, sort_keys=True)
    return hashlib.sha256("\n".join([text, *parts]).encode()).hexdigest()


def _encode(table: Message) -> bytes:
    return encoding.encode(encoding.ROUTE_TABLE, table)


def _encode_host(host: Message) -> bytes:
    return _encode({"virtual_hosts": [host]})
