"""The mesh that a translation is about, with the results that its proxies share.

A result is kept from one snapshot of the mesh to the next unless the next changes something that
the result was made of. The context is the only way to the mesh, so it knows all of this.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar

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
_Name: TypeAlias = tuple[Any, ...]
"""The name of a result: the function that builds it, and its arguments."""


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
    """The values and the shared results that a result is made of."""

    reads: set[_Read] = field(default_factory=set)
    parts: "list[_Result]" = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class _Result:
    value: Any
    losses: tuple[Loss, ...]
    reads: frozenset[_Read]
    parts: "tuple[_Result, ...]"
    is_root: bool
    """Whether it was built for a caller outside of the translation, not as a part."""


@dataclass(slots=True)
class MeshContext:
    """A mesh, the places of certificates of ACM, and the results of the translation so far."""

    _mesh: Mesh
    acm: AcmMap
    _results: dict[_Name, _Result] = field(default_factory=dict)
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
        self, losses: list[Loss], build: Callable[..., _Built], *arguments: Hashable
    ) -> _Built:
        """Return the result of ``build``, which is called once for each set of arguments.

        Args:
            losses: Gets the losses of the result.
            build: Is called with this context, the arguments, and the list for its losses.
            arguments: Everything that the result depends on besides this context.
        """
        name = (build, *arguments)
        known = self._results.get(name)
        if known is None:
            known = self._build(name)
        if self._open is not None:
            self._open.parts.append(known)
        if known.losses:
            losses.extend(known.losses)
        built: _Built = known.value
        return built

    def for_mesh(self, mesh: Mesh) -> Self:
        """Return the context of another snapshot of the mesh, with the results that it keeps."""
        # Another thread may add results.
        results = self._results.copy()
        reads = {read for result in results.values() for read in result.reads}
        changed = {read for read in reads if read.value(self._mesh) != read.value(mesh)}
        stale: set[_Result] = set()
        for result in results.values():
            if not (changed.isdisjoint(result.reads) and stale.isdisjoint(result.parts)):
                stale.add(result)
        return type(self)(mesh, self.acm, _used(results, stale))

    def _build(self, name: _Name) -> _Result:
        build, *arguments = name
        outer, sources = self._open, _Sources()
        losses: list[Loss] = []
        self._open = sources
        try:
            value = build(self, *arguments, losses)
        finally:
            self._open = outer
        reads, parts = frozenset(sources.reads), tuple(sources.parts)
        result = _Result(value, tuple(losses), reads, parts, is_root=outer is None)
        self._results[name] = result
        return result

    def _read(self, table: str, name: Hashable) -> Any:
        read = _Read(table, name)
        if self._open is not None:
            self._open.reads.add(read)
        return read.value(self._mesh)


def _used(results: dict[_Name, _Result], stale: set[_Result]) -> dict[_Name, _Result]:
    """Return the results that are not stale and still used.

    The parts of a stale result count as used, because most are parts of the next one too.
    """
    parts: set[_Result] = set()
    found = []
    for name, result in reversed(results.items()):
        if result.is_root or result in parts:
            parts.update(result.parts)
            if result not in stale:
                found.append((name, result))
    return dict(reversed(found))
