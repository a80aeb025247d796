"""Packs the configuration of a proxy to the bytes that Envoy reads, each resource once."""

import hashlib
import json
from collections.abc import Iterable, Mapping

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
    ROUTES: encoding.ROUTE_TABLE,
}
_Packed = dict[tuple[str, str], PackedResource]


class Packer:
    """Packs proxies, and keeps the results for the next revision.

    Proxies of a mesh share resources, and from one revision to the next most of them are equal.
    """

    def __init__(self) -> None:
        """Create a packer that has packed nothing."""
        self._by_digest: _Packed = {}

    def pack(self, configs: Iterable[ProxyConfig]) -> list[ProxyState]:
        """Return the state of each proxy.

        Raises:
            ReconcilerError: A resource has a field that Envoy does not know.
        """
        by_object: dict[int, PackedResource] = {}
        return [ProxyState(self._types(config, by_object)) for config in configs]

    def forget_all_but(self, states: Iterable[ProxyState]) -> None:
        """Forget what none of `states` has."""
        self._by_digest = {
            (type_url, resource.digest): resource
            for state in states
            for type_url, content in state.types.items()
            for resource in content.resources.values()
        }

    def _types(
        self, config: ProxyConfig, by_object: dict[int, PackedResource]
    ) -> Mapping[str, TypeState]:
        messages = {
            CLUSTERS: config.clusters,
            ENDPOINTS: config.endpoints,
            LISTENERS: config.listeners,
            ROUTES: config.route_tables,
        }
        return {
            type_url: TypeState(
                {
                    name: self._packed(type_url, name, message, by_object)
                    for name, message in named.items()
                }
            )
            for type_url, named in messages.items()
        }

    def _packed(
        self, type_url: str, name: str, message: Message, by_object: dict[int, PackedResource]
    ) -> PackedResource:
        known = by_object.get(id(message))
        if known is not None:
            return known
        digest = hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()
        found = self._by_digest.get((type_url, digest))
        if found is None:
            body = encoding.encode_any(_NAMES[type_url], message)
            found = self._by_digest[type_url, digest] = PackedResource(name, digest, body)
        by_object[id(message)] = found
        return found
