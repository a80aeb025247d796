"""The mesh that a translation is about, with the results that its proxies share.

A result is kept from one snapshot of the mesh to the next unless the next changes something that
the result was made of. The context is the only way to the mesh, so it knows all of this.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self, TypeVar

from reconciler.envoy.losses import Loss
from reconciler.envoy.snapshot import (
    CloudMapQuery,
    Instance,
    Mesh,
    Resource,
    matching_instances,
)
from reconciler.envoy.tls import AcmMap

_Built = TypeVar("_Built")


class _Read(NamedTuple):
    """One value of a mesh: the item ``name`` of the field ``table``."""

    table: str
    name: Hashable

    def value(self, mesh: Mesh) -> Any:
        table = getattr(mesh, self.table)
        if self.table == "instances":
            return matching_instances(table, self.name)  # type: ignore[arg-type]
        return table.get(self.name)


@dataclass(slots=True)
class _Sources:
    """The values and the shared results that a result was made of, the latter by their names."""

    reads: set[_Read] = field(default_factory=set)
    parts: set[Hashable] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Result:
    value: Any
    losses: tuple[Loss, ...]
    sources: _Sources
    is_asked_for: bool
    """Whether it is no part of another result."""


@dataclass(slots=True)
class MeshContext:
    """A mesh, the places of certificates of ACM, and the results of the translation so far."""

    _mesh: Mesh
    acm: AcmMap
    _results: dict[Hashable, _Result] = field(default_factory=dict)
    """A result comes after its parts."""
    _open: _Sources | None = None
    """The sources of the result that is being built."""

    @property
    def name(self) -> str:
        """The name of the mesh."""
        return self._mesh.key.name

    def mesh_field(self, name: str) -> Any:
        """Return a field of the spec of the mesh; an empty one if it is absent."""
        return self._read("spec", name) or {}

    def node(self, name: str) -> Resource | None:
        """Return a virtual node, or None if there is none of this name."""
        found: Resource | None = self._read("nodes", name)
        return found

    def router(self, name: str) -> Resource | None:
        """Return a virtual router, or None if there is none of this name."""
        found: Resource | None = self._read("routers", name)
        return found

    def service(self, name: str) -> Resource | None:
        """Return a virtual service, or None if there is none of this name."""
        found: Resource | None = self._read("services", name)
        return found

    def gateway(self, name: str) -> Resource | None:
        """Return a virtual gateway, or None if there is none of this name."""
        found: Resource | None = self._read("gateways", name)
        return found

    def routes(self, router: str) -> tuple[Resource, ...]:
        """Return the routes of a virtual router."""
        return self._read("routes", router) or ()

    def gateway_routes(self, gateway: str) -> tuple[Resource, ...]:
        """Return the routes of a virtual gateway."""
        return self._read("gateway_routes", gateway) or ()

    def first_by_host(self, host: str) -> str:
        """Return the first of the services whose names are ``host`` in lower case."""
        found: str = self._read("first_by_host", host)
        return found

    def instances(self, query: CloudMapQuery) -> tuple[Instance, ...] | None:
        """Return the instances of a query; None if they are not known yet."""
        found: tuple[Instance, ...] | None = self._read("instances", query)
        return found

    def share(
        self, losses: list[Loss], name: Hashable, build: Callable[[list[Loss]], _Built]
    ) -> _Built:
        """Return the result of ``build``, which is called once for each ``name``.

        Args:
            losses: Gets the losses of the result.
            name: Has everything that ``build`` depends on, except what it gets from this context.
            build: Is called with the list for its losses.
        """
        if self._open is not None:
            self._open.parts.add(name)
        known = self._results.get(name) or self._build(name, build)
        losses.extend(known.losses)
        built: _Built = known.value
        return built

    def for_mesh(self, mesh: Mesh) -> Self:
        """Return the context of another snapshot of the mesh, with the results that it keeps."""
        # Another thread may add results.
        results = self._results.copy()
        reads = {read for result in results.values() for read in result.sources.reads}
        changed = {read for read in reads if read.value(self._mesh) != read.value(mesh)}
        stale: set[Hashable] = set()
        for name, result in results.items():
            sources = result.sources
            if not (sources.reads.isdisjoint(changed) and sources.parts.isdisjoint(stale)):
                stale.add(name)
        return type(self)(mesh, self.acm, _used(results, stale))

    def _build(self, name: Hashable, build: Callable[[list[Loss]], Any]) -> _Result:
        outer, self._open = self._open, _Sources()
        losses: list[Loss] = []
        try:
            value = build(losses)
            result = _Result(value, tuple(losses), self._open, is_asked_for=outer is None)
        finally:
            self._open = outer
        self._results[name] = result
        return result

    def _read(self, table: str, name: Hashable) -> Any:
        read = _Read(table, name)
        if self._open is not None:
            self._open.reads.add(read)
        return read.value(self._mesh)


def _used(results: dict[Hashable, _Result], stale: set[Hashable]) -> dict[Hashable, _Result]:
    """Return the results that are not stale, except those that nothing used any more.

    Most parts of a stale result are parts of the next one too.
    """
    parts: set[Hashable] = set()
    found = []
    for name, result in reversed(results.items()):
        if result.is_asked_for or name in parts:
            parts |= result.sources.parts
            if name not in stale:
                found.append((name, result))
    return dict(reversed(found))
