"""The configuration of one proxy, and its construction."""

from dataclasses import dataclass, field
from functools import partial

from reconciler.core.resources import Key
from reconciler.envoy.clusters import egress_cluster
from reconciler.envoy.context import MeshContext
from reconciler.envoy.losses import Loss
from reconciler.envoy.messages import Message
from reconciler.envoy.targets import Target
from reconciler.envoy.tls import ClientPolicy


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

    def add_targets(
        self, context: MeshContext, targets: tuple[Target, ...], policy: ClientPolicy
    ) -> None:
        """Add the clusters of ``targets`` as callers with ``policy`` see them."""
        for target in targets:
            if target.cluster not in self.clusters:
                cluster = context.share(
                    self.losses,
                    ("cluster", target, policy.id),
                    partial(egress_cluster, context, target, policy),
                )
                self.add_cluster(cluster.message)
                if cluster.endpoints is not None:
                    self.endpoints[target.cluster] = cluster.endpoints
