"""The mesh that a translation is about, with the results that its proxies share."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from reconciler.envoy.losses import Loss
from reconciler.envoy.snapshot import Mesh
from reconciler.envoy.tls import AcmMap

_Built = TypeVar("_Built")


@dataclass(frozen=True, slots=True)
class MeshContext:
    """A mesh, the places of certificates of ACM, and results that do not depend on the proxy."""

    mesh: Mesh
    acm: AcmMap
    _built: dict[Hashable, tuple[Any, tuple[Loss, ...]]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the mesh."""
        return self.mesh.key.name

    def share(
        self, losses: list[Loss], name: Hashable, build: Callable[[list[Loss]], _Built]
    ) -> _Built:
        """Return the result of ``build``, which is called once for each ``name``.

        The losses of the result are added to ``losses`` of every caller.
        """
        known = self._built.get(name)
        if known is None:
            found: list[Loss] = []
            known = self._built[name] = build(found), tuple(found)
        built: _Built
        built, shared = known
        losses.extend(shared)
        return built
