"""An Envoy that answers late, rejects, reconnects and takes a part of what it rejects.

The bodies of resources are JSON: a cluster says whether its endpoints come by EDS, a route table
names its clusters, a listener names clusters and route tables. A body with ``bad`` is rejected.
"""

import json
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from reconciler.envoy.ads_session import DiscoveryRequest, DiscoveryResponse
from reconciler.envoy.proxy_state import CLUSTERS, ENDPOINTS, LISTENERS, ROUTES, PackedResource


def read(resource: PackedResource) -> dict[str, Any]:
    """Return the content of a resource."""
    return dict(json.loads(resource.body))


@dataclass
class Listener:
    """A listener with the route tables that it has now."""

    resource: PackedResource
    tables: dict[str, PackedResource] = field(default_factory=dict)

    def clusters(self) -> set[str]:
        """Return the clusters that requests to this listener may be sent to."""
        found = set(read(self.resource)["clusters"])
        return found.union(*(read(table)["clusters"] for table in self.tables.values()))

    @property
    def is_ready(self) -> bool:
        """Whether it has all of its tables."""
        return self.tables.keys() >= set(read(self.resource)["tables"])


class FakeEnvoy:
    """The part of Envoy that a control plane sees; `step` does one thing that is possible."""

    def __init__(self, chance: random.Random) -> None:
        """Create a proxy that has nothing yet; `chance` chooses what happens."""
        self._chance = chance
        # Whether it asks again for the endpoints of a cluster that changed.
        self.repeats = chance.random() < 0.5
        self.warm: dict[str, PackedResource] = {}
        self.warming: dict[str, PackedResource] = {}
        self.lacks_endpoints: set[str] = set()
        self.listeners: dict[str, Listener] = {}
        self.warming_listeners: dict[str, Listener] = {}
        self.versions: dict[str, str] = {}
        self.failures: list[str] = []
        self.inbox: deque[DiscoveryResponse] = deque()
        self.outbox: deque[DiscoveryRequest] = deque()
        self.held_ack: DiscoveryRequest | None = None
        self.nonces: dict[str, str] = {}
        self.opened: set[str] = set()
        self.names: dict[str, tuple[str, ...]] = {ENDPOINTS: (), ROUTES: ()}
        self.connect()

    def connect(self) -> None:
        """Begin a stream: ask for clusters first, and for the others when they are needed."""
        self.inbox.clear()
        self.outbox.clear()
        self.held_ack = None
        kinds = [kind for kind in (ENDPOINTS, ROUTES) if self.names[kind]]
        kinds += [LISTENERS] if LISTENERS in self.opened else []
        self._chance.shuffle(kinds)
        self.nonces, self.opened = {}, set()
        self.held_ack = self._request(CLUSTERS)
        self._send_held_ack()
        for kind in kinds:
            self._ask(kind)

    def steps(self) -> list[str]:
        """Return what may happen now."""
        found = ["take"] if self.inbox else []
        ready = [name for name in self.warming if name not in self.lacks_endpoints]
        return found + ["warm"] * bool(ready)

    def step(self, name: str) -> None:
        """Do one of `steps`."""
        if name == "take":
            self._take(self.inbox.popleft())
        else:
            ready = [name for name in self.warming if name not in self.lacks_endpoints]
            chosen = self._chance.choice(ready)
            self.warm[chosen] = self.warming.pop(chosen)
            self._send_held_ack()
        self.check()

    def check(self) -> None:
        """Record each listener that sends requests to a cluster that is not warm."""
        for listener in self.listeners.values():
            cold = listener.clusters() - self.warm.keys()
            if cold:
                self.failures.append(f"{listener.resource.name} uses {sorted(cold)}")

    def _take(self, response: DiscoveryResponse) -> None:
        kind = response.type_url
        bad = [item for item in response.resources if read(item).get("bad")]
        resources = response.resources
        if bad:
            takes_part = self._chance.random() < 0.5
            resources = tuple(item for item in resources if item not in bad) if takes_part else ()
        self.nonces[kind] = response.nonce
        if not bad or resources:
            {
                CLUSTERS: self._take_clusters,
                ENDPOINTS: self._take_endpoints,
                LISTENERS: self._take_listeners,
                ROUTES: self._take_tables,
            }[kind](resources, not bad)
        if bad:
            self._ask(kind, error=f"{bad[0].name} is bad")
            self._open_listeners()
        else:
            self.versions[kind] = response.version
            if kind == CLUSTERS:
                self.held_ack = self._request(CLUSTERS)
                self._send_held_ack()
            else:
                self._ask(kind)
        self._subscribe()

    def _take_clusters(self, resources: tuple[PackedResource, ...], whole: bool) -> None:
        taken = {item.name: item for item in resources}
        if whole:
            for pool in (self.warm, self.warming):
                for name in pool.keys() - taken.keys():
                    del pool[name]
        for name, item in taken.items():
            if self.warm.get(name) == item:
                self.warming.pop(name, None)
            elif self.warming.get(name) != item:
                self.warming[name] = item
                self.lacks_endpoints.discard(name)
                if read(item)["eds"]:
                    self.lacks_endpoints.add(name)
                    if self.repeats and name in self.warm and name in self.names[ENDPOINTS]:
                        self._ask(ENDPOINTS)
        self.lacks_endpoints &= self.warming.keys()

    def _take_endpoints(self, resources: tuple[PackedResource, ...], _: object) -> None:
        self.lacks_endpoints -= {item.name for item in resources}

    def _take_listeners(self, resources: tuple[PackedResource, ...], whole: bool) -> None:
        taken = {item.name: item for item in resources}
        # A listener that is removed keeps its tables while it drains.
        known = [*self.listeners.values(), *self.warming_listeners.values()]
        tables = {name: table for item in known for name, table in item.tables.items()}
        if whole:
            for pool in (self.listeners, self.warming_listeners):
                for name in pool.keys() - taken.keys():
                    del pool[name]
        for name, item in taken.items():
            if name not in self.listeners or self.listeners[name].resource != item:
                used = tables.keys() & set(read(item)["tables"])
                self.warming_listeners[name] = Listener(item, {key: tables[key] for key in used})
            else:
                self.warming_listeners.pop(name, None)
        self._activate()

    def _take_tables(self, resources: tuple[PackedResource, ...], _: object) -> None:
        for listener in (*self.listeners.values(), *self.warming_listeners.values()):
            wanted = set(read(listener.resource)["tables"])
            listener.tables |= {item.name: item for item in resources if item.name in wanted}
        self._activate()

    def _activate(self) -> None:
        for name, listener in list(self.warming_listeners.items()):
            if listener.is_ready:
                self.listeners[name] = self.warming_listeners.pop(name)

    def _subscribe(self) -> None:
        eds = {name for pool in (self.warm, self.warming) for name in pool if self._is_eds(name)}
        tables: set[str] = set()
        for listener in (*self.listeners.values(), *self.warming_listeners.values()):
            tables |= set(read(listener.resource)["tables"])
        for kind, names in ((ENDPOINTS, eds), (ROUTES, tables)):
            if set(self.names[kind]) != names:
                self.names[kind] = tuple(sorted(names))
                self._ask(kind)

    def _is_eds(self, name: str) -> bool:
        return bool(read(self.warming.get(name) or self.warm[name])["eds"])

    def _send_held_ack(self) -> None:
        if self.held_ack is not None and not self.warming:
            self.outbox.append(self.held_ack)
            self.held_ack = None
            if CLUSTERS in self.versions:
                self._open_listeners()

    def _open_listeners(self) -> None:
        if LISTENERS not in self.opened and not self.warming:
            self._ask(LISTENERS)

    def _request(self, kind: str, error: str | None = None) -> DiscoveryRequest:
        self.opened.add(kind)
        nonce, version = self.nonces.get(kind, ""), self.versions.get(kind, "")
        return DiscoveryRequest(kind, version, nonce, self.names.get(kind, ()), error)

    def _ask(self, kind: str, error: str | None = None) -> None:
        self.outbox.append(self._request(kind, error))
