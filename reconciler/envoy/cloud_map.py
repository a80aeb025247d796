"""Polls AWS Cloud Map for the instances of the services that nodes use."""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any, TypeAlias

from reconciler import limits
from reconciler.core.errors import ReconcilerError
from reconciler.envoy.instance_source import Queries, SourceHealth
from reconciler.envoy.snapshot import CloudMapQuery, Instance, Instances, PolledInstances

Discover: TypeAlias = Callable[[CloudMapQuery], Mapping[str, Any]]
"""Returns the response of DiscoverInstances; raises ReconcilerError if there is none."""
_IPV4, _IPV6 = "AWS_INSTANCE_IPV4", "AWS_INSTANCE_IPV6"


@dataclass(eq=False)
class CloudMap:
    """The instances that Cloud Map knows; of each query, the last good response is kept."""

    discover: Discover
    health: SourceHealth = field(default_factory=SourceHealth)
    _responses: dict[CloudMapQuery, Mapping[str, Any]] = field(default_factory=dict)
    _instances: PolledInstances = field(default_factory=lambda: PolledInstances({}, ()))
    _stopped: Event = field(default_factory=Event)
    _thread: Thread | None = None

    def start(self, queries: Queries) -> None:
        """Poll in a thread."""
        self._thread = Thread(target=self._run, args=(queries,), name="cloud-map", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; a call that has begun may still end later."""
        self._stopped.set()

    def read(self) -> Instances:
        """Return the instances of the last good responses."""
        return self._instances

    def poll(self, queries: Collection[CloudMapQuery]) -> None:
        """Ask Cloud Map once for each query."""
        errors = []
        known = self._responses
        self._responses = {query: known[query] for query in queries if query in known}
        for query in sorted(queries):
            try:
                found = self.discover(query)
            except ReconcilerError as error:
                errors.append(str(error))
                continue
            revision = found.get("InstancesRevision")
            before = known.get(query)
            if before is None or revision is None or revision != before.get("InstancesRevision"):
                self._responses[query] = found
        instances = _instances(self._responses)
        if instances != self._instances:
            self._instances = instances
        self.health.record(errors[0] if errors else "")

    def _run(self, queries: Queries) -> None:
        polled_at, polled = 0.0, frozenset[CloudMapQuery]()
        while not self._stopped.wait(limits.XDS_INSTANCES_POLL_SECONDS):
            current = frozenset(queries())
            is_due = time.monotonic() - polled_at >= limits.CLOUD_MAP_POLL_SECONDS
            # A new node does not wait.
            if is_due or current - polled:
                self.poll(current)
                polled_at, polled = time.monotonic(), current


def _instances(responses: Mapping[CloudMapQuery, Mapping[str, Any]]) -> PolledInstances:
    """Return the instances of all queries; Cloud Map returns them in any order."""
    found: dict[tuple[str, str], set[tuple[str, str, tuple[tuple[str, str], ...]]]] = {}
    for query, response in responses.items():
        rows = found.setdefault((query.namespace, query.service), set())
        for item in response["Instances"]:
            attributes = item.get("Attributes", {})
            addresses = attributes.get(_IPV4, ""), attributes.get(_IPV6, "")
            rows.add((*addresses, tuple(sorted(attributes.items()))))
    instances = {
        service: tuple(Instance(ipv4, ipv6, dict(rest)) for ipv4, ipv6, rest in sorted(rows))
        for service, rows in found.items()
    }
    return PolledInstances(instances, responses)
