"""Joins the state of the endpoint with the server of Envoys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reconciler.core.errors import UsageError
from reconciler.core.kinds import KINDS
from reconciler.core.resources import Key
from reconciler.endpoint import Readable, Resource, Scope, StoreFailedError
from reconciler.envoy.follower import StateUnreadableError
from reconciler.envoy.node_identity import NodeIdentity
from reconciler.envoy.serve import EnvoyServer
from reconciler.envoy.server_tls import ServerTls
from reconciler.envoy.snapshot import NO_INSTANCES, Instances
from reconciler.wiring.envoy import parse_address, read_instances, translate_options

_KINDS = {kind.title: name for name, kind in KINDS.items()}


@dataclass(frozen=True, slots=True)
class StoredState:
    """The live resources of one account and region in a store of the endpoint."""

    store: Readable
    scope: Scope

    def wait(self, after: int, timeout: float) -> int:
        """Return the revision when it is higher than `after`, or after `timeout` seconds."""
        try:
            return self.store.wait(self.scope, after, timeout)
        except StoreFailedError as error:
            raise StateUnreadableError(str(error)) from error

    def read(self) -> tuple[int, Iterable[tuple[Key, Mapping[str, Any]]]]:
        """Return the revision and all resources at this revision."""
        try:
            found = self.store.read_all(self.scope)
        except StoreFailedError as error:
            raise StateUnreadableError(str(error)) from error
        return found.revision, [(_key(resource), resource.spec) for resource in found.resources]


@dataclass(slots=True)
class InstancesFile:
    """The file with the instances of Cloud Map services, read again when it changes.

    A file that cannot be read or is invalid changes nothing: a service must not lose its instances
    because of it.
    """

    path: Path
    _stamp: tuple[int, int, int] = (0, 0, 0)
    _instances: Instances = field(default_factory=lambda: NO_INSTANCES)

    def __call__(self) -> Instances:
        """Return the instances; the same object if the file did not change."""
        try:
            status = self.path.stat()
            stamp = status.st_mtime_ns, status.st_ino, status.st_size
            if stamp != self._stamp:
                self._instances = read_instances(str(self.path))
                self._stamp = stamp
        except (OSError, UsageError):
            pass
        return self._instances


def make_envoy_server(
    store: Readable,
    addresses: Sequence[str],
    *,
    tls: ServerTls | None,
    instances: str | None,
    acm: Mapping[str, Mapping[str, str]],
    identity: NodeIdentity,
) -> EnvoyServer:
    """Return a server that serves the proxies of the resources in `store`.

    Raises:
        UsageError: An address or the file of instances is invalid.
    """
    parsed = [parse_address("xds", address) for address in addresses]
    file = InstancesFile(Path(instances)) if instances else None
    if file is not None:
        # A wrong file is an error at the start, and only ignored later.
        read_instances(str(file.path))
    return EnvoyServer(
        [address for address in parsed if address is not None],
        lambda account, region: StoredState(store, Scope(account, region)),
        identity,
        translate_options(acm),
        file or (lambda: NO_INSTANCES),
        tls,
    )


def _key(resource: Resource) -> Key:
    collection = resource.collection
    parents = collection.parent.split("/") if collection.parent else []
    return Key(_KINDS[collection.kind], (*parents, resource.name))
