"""One revision of a mesh, translated and packed for its proxies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from reconciler.core.resources import Key
from reconciler.envoy.context import MeshContext
from reconciler.envoy.packing import PackedProxy, Packer
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.snapshot import MeshId, Snapshot
from reconciler.envoy.translate import TranslateOptions, translate_proxy


@dataclass(frozen=True, slots=True)
class MeshState:
    """A mesh at one revision, with some of its proxies."""

    snapshot: Snapshot
    context: MeshContext
    revision: int
    proxies: Mapping[Key, PackedProxy] = field(default_factory=dict)

    def has(self, key: Key) -> bool:
        """Whether the mesh has the node or gateway of a proxy."""
        return key in self.snapshot.specs


@dataclass(frozen=True, slots=True)
class MeshStates:
    """Makes the states of meshes, which share everything that is equal.

    A bug in the translation raises any exception.
    """

    options: TranslateOptions
    _packer: Packer = field(default_factory=Packer)

    def first(self, name: MeshId, snapshot: Snapshot, revision: int) -> MeshState:
        """Return the state of a mesh without proxies, which shares nothing with earlier ones."""
        context = MeshContext(snapshot.meshes[name], self.options.acm)
        return MeshState(snapshot, context, revision)

    def next(self, name: MeshId, before: MeshState, snapshot: Snapshot, revision: int) -> MeshState:
        """Return the state of a mesh without proxies, which shares results with `before`."""
        context = before.context.for_mesh(snapshot.meshes[name])
        return MeshState(snapshot, context, revision)

    def with_proxies(
        self, mesh: MeshState, keys: Iterable[Key], before: MeshState | None = None
    ) -> MeshState:
        """Return a state with the proxies of `keys` too; shares those of `before`."""
        known = before.proxies if before else {}
        added: dict[Key, PackedProxy] = {}
        changed: list[ProxyConfig] = []
        for key in keys:
            config = translate_proxy(mesh.context, key)
            if key in known and known[key].config is config:
                added[key] = known[key]
            else:
                changed.append(config)
        for config, state in zip(changed, self._packer.pack(changed, known), strict=True):
            added[config.key] = PackedProxy(config, state)
        return replace(mesh, proxies={**mesh.proxies, **added})
