"""An immutable snapshot of all resources, and of the instances of Cloud Map services."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple, TypeAlias

from reconciler.core.kinds import PROXY_KINDS
from reconciler.core.resources import Desired, Key, LiveResource, Spec, canonical_json, text_digest

MeshId: TypeAlias = tuple[str, str]
"""The name of a mesh, and its owner as in `Key.mesh_owner`."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One registered instance of a Cloud Map service; an absent address is empty."""

    ipv4: str = ""
    ipv6: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


Instances: TypeAlias = Mapping[tuple[str, str], tuple[Instance, ...]]
"""The instances of Cloud Map services, by the names of namespace and service."""


class CloudMapQuery(NamedTuple):
    """The instances that a node uses: those of a service that have all `attributes`."""

    namespace: str
    service: str
    attributes: tuple[tuple[str, str], ...] = ()


NO_INSTANCES: Instances = MappingProxyType({})


class PolledInstances(dict[tuple[str, str], tuple[Instance, ...]]):
    """The instances of the queries that were answered; of others they are not known yet."""

    def __init__(self, instances: Instances, queries: Iterable[CloudMapQuery]) -> None:
        super().__init__(instances)
        self.queries = frozenset(queries)

    def __eq__(self, other: object) -> bool:
        """Whether the instances are equal and of the same queries; an empty answer is one too."""
        is_same = isinstance(other, PolledInstances) and self.queries == other.queries
        return is_same and super().__eq__(other)

    def __ne__(self, other: object) -> bool:
        """Whether they are not equal."""
        return not self == other

    __hash__ = None  # as of a dict


def matching_instances(instances: Instances, query: CloudMapQuery) -> tuple[Instance, ...] | None:
    """Return the instances of a query; None if they are not known yet."""
    if isinstance(instances, PolledInstances) and query not in instances.queries:
        return None
    wanted = dict(query.attributes).items()
    found = instances.get((query.namespace, query.service), ())
    return tuple(it for it in found if wanted <= it.attributes.items())


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource; ``spec`` is shared and must not be changed."""

    key: Key
    spec: Mapping[str, Any]


@dataclass(frozen=True)
class Mesh:
    """The resources of one mesh by name, and routes by the name of their router or gateway."""

    key: Key
    spec: Mapping[str, Any]
    nodes: Mapping[str, Resource]
    routers: Mapping[str, Resource]
    services: Mapping[str, Resource]
    gateways: Mapping[str, Resource]
    routes: Mapping[str, tuple[Resource, ...]]
    gateway_routes: Mapping[str, tuple[Resource, ...]]
    instances: Instances

    @cached_property
    def first_by_host(self) -> Mapping[str, str]:
        """The first name of the services that differ only in case, by their host name."""
        return {name.lower(): name for name in sorted(self.services, reverse=True)}


@dataclass(frozen=True)
class Snapshot:
    """All resources of one moment by key, and the known instances."""

    specs: Mapping[Key, Spec]
    instances: Instances = field(default_factory=lambda: NO_INSTANCES)

    @classmethod
    def from_rows(
        cls,
        rows: Iterable[tuple[Key, Spec | None]],
        instances: Instances = NO_INSTANCES,
        previous: "Snapshot | None" = None,
    ) -> "Snapshot":
        """Return the snapshot of ``rows``; specs equal to those of ``previous`` are its objects."""
        known = previous.specs if previous else {}
        specs: dict[Key, Spec] = {}
        for key, row in rows:
            spec = row or {}
            specs[key] = known[key] if known.get(key) == spec else spec
        return cls(MappingProxyType(dict(sorted(specs.items()))), instances)

    @classmethod
    def from_resources(
        cls,
        resources: Iterable[Desired | LiveResource],
        instances: Instances = NO_INSTANCES,
        previous: "Snapshot | None" = None,
    ) -> "Snapshot":
        """Return the snapshot of desired or live resources."""
        rows = ((resource.key, resource.spec) for resource in resources)
        return cls.from_rows(rows, instances, previous)

    @cached_property
    def revision(self) -> str:
        """The digest of everything in the snapshot."""
        specs = {str(key): spec for key, spec in self.specs.items()}
        found = [
            [*service, *([item.ipv4, item.ipv6, dict(item.attributes)] for item in items)]
            for service, items in sorted(self.instances.items())
        ]
        return text_digest(canonical_json([specs, found]))  # type: ignore[list-item]

    @property
    def proxies(self) -> tuple[Key, ...]:
        """The keys of all virtual nodes and gateways, in order."""
        return tuple(key for key in self.specs if key.kind in PROXY_KINDS)

    @cached_property
    def cloud_map_queries(self) -> frozenset[CloudMapQuery]:
        """The instances that nodes use."""
        discoveries: list[Any] = [spec.get("serviceDiscovery", {}) for spec in self.specs.values()]
        found = [it["awsCloudMap"] for it in discoveries if "awsCloudMap" in it]
        return frozenset(map(cloud_map_query, found))

    @cached_property
    def meshes(self) -> Mapping[MeshId, Mesh]:
        """The meshes; one of another account may be here without its own spec."""
        by_mesh: dict[MeshId, dict[str, list[Resource]]] = {}
        for key, spec in self.specs.items():
            kinds = by_mesh.setdefault(mesh_id(key), defaultdict(list))
            kinds[key.kind].append(Resource(key, spec))
        return {name: _mesh(name, kinds, self.instances) for name, kinds in by_mesh.items()}


def cloud_map_query(cloud_map: Mapping[str, Any]) -> CloudMapQuery:
    """Return the query for the ``awsCloudMap`` of a node."""
    attributes = {item["key"]: item["value"] for item in cloud_map.get("attributes", ())}
    service = cloud_map["namespaceName"], cloud_map["serviceName"]
    return CloudMapQuery(*service, tuple(sorted(attributes.items())))


def mesh_id(key: Key) -> MeshId:
    """Return the mesh that ``key`` is in."""
    return key.path[0], key.mesh_owner


def _mesh(mesh: MeshId, kinds: Mapping[str, list[Resource]], instances: Instances) -> Mesh:
    key = Key("mesh", (mesh[0],), mesh[1])
    spec = next((resource.spec for resource in kinds["mesh"]), {})
    return Mesh(
        key,
        spec,
        nodes=_by_name(kinds["virtual-node"]),
        routers=_by_name(kinds["virtual-router"]),
        services=_by_name(kinds["virtual-service"]),
        gateways=_by_name(kinds["virtual-gateway"]),
        routes=_by_parent(kinds["route"]),
        gateway_routes=_by_parent(kinds["gateway-route"]),
        instances=instances,
    )


def _by_name(resources: Iterable[Resource]) -> Mapping[str, Resource]:
    return {resource.key.name: resource for resource in resources}


def _by_parent(resources: Iterable[Resource]) -> Mapping[str, tuple[Resource, ...]]:
    found: dict[str, list[Resource]] = defaultdict(list)
    for resource in resources:
        found[resource.key.path[1]].append(resource)
    return {parent: tuple(items) for parent, items in found.items()}
