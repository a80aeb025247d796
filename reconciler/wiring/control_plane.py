"""Joins the state of the endpoint with the server of Envoys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.errors import UsageError
from reconciler.core.resources import Key
from reconciler.endpoint import Readable, Scope, Snapshot, StoreFailedError
from reconciler.envoy.follower import StateUnreadableError
from reconciler.envoy.instance_source import InstanceSource, NoInstances
from reconciler.envoy.node_identity import NodeIdentity
from reconciler.envoy.serve import EnvoyServer
from reconciler.envoy.server_tls import ServerTls
from reconciler.wiring.envoy_options import parse_address, translate_options
from reconciler.wiring.stored_resources import key_of


@dataclass(slots=True)
class StoredState:
    """The live resources of one account and region in a store of the endpoint."""

    store: Readable
    scope: Scope
    _last: Snapshot | None = None

    def wait(self, after: int, timeout: float) -> int:
        """Return the revision when it is higher than `after`, or after `timeout` seconds."""
        try:
            return self.store.wait(self.scope, after, timeout)
        except StoreFailedError as error:
            raise StateUnreadableError(str(error)) from error

    def read(self) -> tuple[int, Iterable[tuple[Key, Mapping[str, Any]]]]:
        """Return the revision and all resources at this revision."""
        try:
            found = self._last = self.store.read_all(self.scope, self._last)
        except StoreFailedError as error:
            raise StateUnreadableError(str(error)) from error
        return found.revision, [(key_of(resource), resource.spec) for resource in found.resources]


def make_envoy_server(
    store: Readable,
    addresses: Sequence[str],
    *,
    tls: ServerTls | None,
    instances: str | None,
    cloud_map: bool,
    acm: Mapping[str, Mapping[str, str]],
    identity: NodeIdentity,
) -> EnvoyServer:
    """Return a server that serves the proxies of the resources in `store`.

    Raises:
        UsageError: An address, the file of instances or a setting of the AWS SDK is invalid.
    """
    if instances and cloud_map:
        raise UsageError("pass either --instances FILE or --cloud-map")
    parsed = [parse_address("xds", address) for address in addresses]
    return EnvoyServer(
        [address for address in parsed if address is not None],
        lambda account, region: StoredState(store, Scope(account, region)),
        identity,
        translate_options(acm),
        _instance_source(instances, identity.region if cloud_map else None),
        tls,
    )


def _instance_source(file: str | None, region: str | None) -> InstanceSource:
    # Without these options, the modules of YAML and of the AWS SDK are not loaded: they would be a
    # fifth of the memory of a small server.
    if file is not None:
        from reconciler.envoy.instances import read_instances  # noqa: PLC0415
        from reconciler.envoy.instances_file import InstancesFile  # noqa: PLC0415

        # A wrong file is an error at the start; later, the last good content is kept.
        read_instances(file)
        return InstancesFile(Path(file))
    if region is not None:
        from reconciler.wiring.cloud_map import open_cloud_map  # noqa: PLC0415

        return open_cloud_map(region)
    return NoInstances()
