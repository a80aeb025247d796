"""Translates a snapshot of resources to the configuration of its proxies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from reconciler.core.resources import Key
from reconciler.envoy.context import MeshContext
from reconciler.envoy.gateway import gateway_proxy
from reconciler.envoy.losses import Loss
from reconciler.envoy.node import node_proxy
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.snapshot import MeshId, Snapshot, mesh_id
from reconciler.envoy.tls import AcmMap


@dataclass(frozen=True, slots=True)
class TranslateOptions:
    """The settings of a translation: the places of certificates and authorities of ACM."""

    acm: AcmMap = field(default_factory=lambda: MappingProxyType({}))


class Translator:
    """Translates the proxies of one snapshot; proxies of a mesh share clusters and routes."""

    def __init__(self, snapshot: Snapshot, options: TranslateOptions | None = None) -> None:
        self._snapshot = snapshot
        self._options = options or TranslateOptions()
        self._contexts: dict[MeshId, MeshContext] = {}

    def translate(self, key: Key) -> ProxyConfig:
        """Return the configuration of the proxy of a virtual node or gateway.

        Raises:
            KeyError: The snapshot does not have it.
        """
        name = mesh_id(key)
        mesh = self._snapshot.meshes[name]
        context = self._contexts.setdefault(name, MeshContext(mesh, self._options.acm))
        return translate_proxy(context, key)

    def translate_all(self) -> Mapping[Key, ProxyConfig]:
        """Return the configurations of all proxies."""
        return {key: self.translate(key) for key in self._snapshot.proxies}


def translate_proxy(context: MeshContext, key: Key) -> ProxyConfig:
    """Return the configuration of the proxy of a node or gateway in the mesh of ``context``.

    It is the same object for as long as it does not change.

    Raises:
        KeyError: The mesh does not have it.
    """
    return context.share([], _proxy, key)


def translate(snapshot: Snapshot, key: Key, options: TranslateOptions | None = None) -> ProxyConfig:
    """Return the configuration of one proxy of ``snapshot``."""
    return Translator(snapshot, options).translate(key)


def all_losses(configs: Mapping[Key, ProxyConfig]) -> list[Loss]:
    """Return the losses of all proxies, without duplicates, by resource and path."""
    found = dict.fromkeys(loss for config in configs.values() for loss in config.losses)
    return sorted(found, key=lambda loss: (loss.key, loss.path, loss.words))


def _proxy(context: MeshContext, key: Key, _: list[Loss]) -> ProxyConfig:
    is_gateway = key.kind == "virtual-gateway"
    resource = context.gateway(key.name) if is_gateway else context.node(key.name)
    if resource is None:
        raise KeyError(key)
    config = gateway_proxy(context, resource) if is_gateway else node_proxy(context, resource)
    config.losses[:] = dict.fromkeys(config.losses)
    return config
