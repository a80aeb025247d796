"""The configuration of one proxy, and its construction."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.core.resources import Key
from reconciler.envoy.clusters import Cluster
from reconciler.envoy.losses import Loss
from reconciler.envoy.messages import Message


@dataclass(frozen=True, slots=True)
class ProxyConfig:
    """The resources of one proxy by name, in the JSON form of protobuf, and the losses."""

    key: Key
    clusters: dict[str, Message] = field(default_factory=dict)
    endpoints: dict[str, Message] = field(default_factory=dict)
    listeners: dict[str, Message] = field(default_factory=dict)
    route_tables: dict[str, Message] = field(default_factory=dict)
    losses: list[Loss] = field(default_factory=list)

    def add_cluster(self, message: Message) -> None:
        """Add a cluster."""
        self.clusters[message["name"]] = message

    def add_listener(self, message: Message) -> None:
        """Add a listener."""
        self.listeners[message["name"]] = message

    def add_route_table(self, message: Message) -> None:
        """Add a route table."""
        self.route_tables[message["name"]] = message

    def add_egress(self, clusters: Iterable[Cluster]) -> None:
        """Add the clusters of targets."""
        for cluster in clusters:
            name = cluster.message["name"]
            if name not in self.clusters:
                self.clusters[name] = cluster.message
                if cluster.endpoints is not None:
                    self.endpoints[name] = cluster.endpoints
