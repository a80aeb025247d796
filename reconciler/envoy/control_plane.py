"""Serves the proxies of one account and region: from a snapshot to the streams of its proxies.

A mesh is served as a whole. If one of its connected proxies cannot be translated, all of them stay
at the last revision that could be: a server that keeps its plain listener while its callers already
use TLS would answer none of their requests.
"""

import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from reconciler.core.resources import Key
from reconciler.envoy.ads_session import AdsSession, DiscoveryRequest, DiscoveryResponse
from reconciler.envoy.counters import Counters, Pushes
from reconciler.envoy.losses import Loss
from reconciler.envoy.mesh_state import MeshState, MeshStates
from reconciler.envoy.proxy_state import ProxyHistory, ProxyState
from reconciler.envoy.snapshot import MeshId, Snapshot, mesh_id
from reconciler.envoy.translate import TranslateOptions

HISTORY_SECONDS = 600.0
MAX_HISTORY = 64
# For each of them, a proxy with an unknown version is translated once.
MAX_OLDER = 16

logger = logging.getLogger("reconciler.envoy")

Send = Callable[[list[DiscoveryResponse]], None]


@dataclass(slots=True, eq=False)
class Stream:
    """One stream of a proxy."""

    key: Key
    session: AdsSession
    send: Send
    """Sends responses; called in the thread of the control plane and does not wait."""
    since: float
    client: str
    """Its name and version, as it states them."""
    revision: int = 0
    """The revision that the proxy was sent last."""
    responses: int = 0
    """The number of responses that it was sent."""
    behind_since: float | None = None
    """When the revision was published that the proxy has not accepted yet."""


@dataclass(frozen=True, slots=True)
class Update:
    """A snapshot that is translated and not served yet."""

    snapshot: Snapshot
    revision: int
    meshes: Mapping[MeshId, MeshState]
    failures: Mapping[MeshId, str]


@dataclass(slots=True)
class ControlPlane:
    """The proxies of one account and region.

    `prepare` may run in another thread; everything else runs in one thread.

    Attributes:
        options: The settings of the translation.
        make_session: Returns the session of a stream; tests leave out its order.
        counters: The counters of the metrics.
        revision: The revision of the last snapshot.
        failures: Why a mesh is held at an older revision.
        streams: The streams by the key of their proxy.
    """

    options: TranslateOptions = field(default_factory=TranslateOptions)
    make_session: Callable[[ProxyHistory], AdsSession] = AdsSession
    counters: Counters = field(default_factory=Counters)
    revision: int = 0
    failures: dict[MeshId, str] = field(default_factory=dict)
    streams: dict[Key, list[Stream]] = field(default_factory=lambda: defaultdict(list))
    _snapshot: Snapshot | None = None
    _meshes: dict[MeshId, MeshState] = field(default_factory=dict)
    _states: MeshStates = field(init=False)
    _histories: dict[Key, ProxyHistory] = field(default_factory=dict)
    _pushes: Pushes = field(default_factory=Pushes)
    # Earlier states of meshes, with the time when each was replaced. A proxy of another server has
    # one of them.
    _older: dict[MeshId, deque[tuple[float, MeshState]]] = field(
        default_factory=lambda: defaultdict(lambda: deque(maxlen=MAX_OLDER))
    )

    def __post_init__(self) -> None:
        """Create the maker of states."""
        self._states = MeshStates(self.options)

    @property
    def snapshot(self) -> Snapshot | None:
        """The last snapshot, or None before the first one."""
        return self._snapshot

    @property
    def has_resources(self) -> bool:
        """Whether the last snapshot has any."""
        return self._snapshot is not None and bool(self._snapshot.specs)

    def prepare(self, snapshot: Snapshot, revision: int) -> Update:
        """Translate and pack the connected proxies of all meshes that `snapshot` changes."""
        meshes: dict[MeshId, MeshState] = {}
        failures: dict[MeshId, str] = {}
        before = {} if self._snapshot is None else self._snapshot.meshes
        connected = self._connected_keys()
        for name, mesh in snapshot.meshes.items():
            if name not in self.failures and before.get(name) == mesh:
                continue
            keys = [key for key in connected[name] if key in snapshot.specs]
            try:
                known = self._meshes.get(name)
                if known is None:
                    following = self._states.first(name, snapshot, revision)
                else:
                    following = self._states.next(name, known, snapshot, revision)
                meshes[name] = self._states.with_proxies(following, keys, known)
            except Exception as error:  # noqa: BLE001  # a bug must not break the traffic
                failures[name] = self._failure(name, "stays at its last revision", error)
        return Update(snapshot, revision, meshes, failures)

    def publish(self, update: Update, now: float) -> None:
        """Serve a prepared update from `now` on, in seconds of a clock that is never set."""
        meshes, failures = self._complete(update)
        held = self.failures.keys() & update.snapshot.meshes.keys() - meshes.keys()
        self.failures = {name: self.failures[name] for name in held} | failures
        self._snapshot, self.revision = update.snapshot, update.revision
        self._keep_older(meshes, now)
        self._meshes |= meshes
        self._forget_deleted(update.snapshot)
        for key, streams in list(self.streams.items()):
            if streams and mesh_id(key) in meshes:
                self._serve(key, streams, now)
                behind = [stream for stream in streams if stream.behind_since is not None]
                self._pushes.begin(mesh_id(key), behind, now)

    def connect(self, key: Key, send: Send, client: str, now: float) -> Stream:
        """Return a stream for the proxy of `key`, which need not exist yet."""
        history = self._histories.get(key)
        if history is None:
            older = partial(self._older_state, key)
            history = ProxyHistory(HISTORY_SECONDS, MAX_HISTORY, older=older)
            self._histories[key] = history
        stream = Stream(key, self.make_session(history), send, now, client)
        self._serve(key, [stream], now)
        self.streams[key].append(stream)
        return stream

    def disconnect(self, stream: Stream, now: float) -> None:
        """Forget a stream that ended, but not its history."""
        streams = self.streams[stream.key]
        streams.remove(stream)
        self._pushes.end(mesh_id(stream.key), stream, now, self.counters)
        if not streams and not self.exists(stream.key):
            # Any client may claim any node id, so nothing is kept for it.
            self._histories.pop(stream.key, None)
            del self.streams[stream.key]

    def receive(self, stream: Stream, request: DiscoveryRequest, now: float) -> None:
        """Take a request of a proxy, and send its responses."""
        if request.error is not None:
            self.counters.count_nack(request.type_url)
        self._send(stream, stream.session.receive(request, now), now)

    def losses(self, key: Key) -> tuple[Loss, ...]:
        """Return the losses of a connected proxy at the revision that it is served."""
        mesh = self._meshes.get(mesh_id(key))
        return tuple(mesh.proxies[key].config.losses) if mesh and key in mesh.proxies else ()

    def connected(self) -> Iterator[Stream]:
        """Yield all streams by the key of their proxy."""
        for key in sorted(self.streams):
            yield from self.streams[key]

    def exists(self, key: Key) -> bool:
        """Whether the last snapshot has the node or gateway of a proxy."""
        return self._snapshot is not None and key in self._snapshot.specs

    def _connected_keys(self) -> Mapping[MeshId, list[Key]]:
        found: dict[MeshId, list[Key]] = defaultdict(list)
        for key, streams in list(self.streams.items()):
            if streams:
                found[mesh_id(key)].append(key)
        return found

    def _complete(self, update: Update) -> tuple[dict[MeshId, MeshState], dict[MeshId, str]]:
        """Return the meshes of an update with the proxies that connected since, and failures."""
        meshes: dict[MeshId, MeshState] = {}
        failures = dict(update.failures)
        connected = self._connected_keys()
        for name, mesh in update.meshes.items():
            missing = [it for it in connected[name] if mesh.has(it) and it not in mesh.proxies]
            try:
                meshes[name] = self._states.with_proxies(mesh, missing)
            except Exception as error:  # noqa: BLE001  # a bug must not break the traffic
                failures[name] = self._failure(name, "stays at its last revision", error)
        return meshes, failures

    def _keep_older(self, newer: Iterable[MeshId], now: float) -> None:
        for name in newer:
            if name in self._meshes:
                # Without its proxies, which few streams will ask for.
                before = self._meshes[name]
                first = self._states.first(name, before.snapshot, before.revision)
                self._older[name].append((now, first))
        for states in self._older.values():
            while states and states[0][0] < now - HISTORY_SECONDS:
                states.popleft()

    def _older_state(self, key: Key, place: int) -> ProxyState | None:
        """Return the state of a proxy `place` revisions before the last one that its mesh had.

        A proxy that comes from another server was served by that one.
        """
        older = self._older.get(mesh_id(key), ())
        if place >= len(older):
            return None
        _, mesh = older[-1 - place]
        if not mesh.has(key):
            return None
        try:
            return self._states.with_proxies(mesh, [key]).proxies[key].state
        except Exception as error:  # noqa: BLE001  # a bug must not break the traffic
            self._failure(mesh_id(key), f"has no earlier state of {key}", error)
            return None

    def _serve(self, key: Key, streams: Iterable[Stream], now: float) -> None:
        """Publish the state of a proxy to its streams.

        A proxy whose node does not exist yet is sent nothing; one whose node was deleted keeps its
        last state.
        """
        name = mesh_id(key)
        mesh = self._meshes.get(name)
        if mesh is None or not mesh.has(key):
            return
        if key not in mesh.proxies:
            try:
                mesh = self._meshes[name] = self._states.with_proxies(mesh, [key])
            except Exception as error:  # noqa: BLE001  # a bug must not break the traffic
                self.failures[name] = self._failure(name, f"cannot serve {key}", error)
                return
        for stream in streams:
            stream.revision = mesh.revision
            stream.behind_since = now
            self._send(stream, stream.session.publish(mesh.proxies[key].state, now), now)

    def _forget_deleted(self, snapshot: Snapshot) -> None:
        """Forget deleted proxies and meshes that no stream uses any more."""
        for key in [*self._histories]:
            if key not in snapshot.specs and not self.streams.get(key):
                del self._histories[key]
                self.streams.pop(key, None)
        gone = self._meshes.keys() - snapshot.meshes.keys() - self._connected_keys().keys()
        for name in gone:
            del self._meshes[name]
            self._older.pop(name, None)

    def _send(self, stream: Stream, responses: list[DiscoveryResponse], now: float) -> None:
        if stream.session.is_settled:
            stream.behind_since = None
            self._pushes.end(mesh_id(stream.key), stream, now, self.counters)
        elif stream.behind_since is None:
            stream.behind_since = now
        if responses:
            self.counters.count_pushes(response.type_url for response in responses)
            stream.responses += len(responses)
            stream.send(responses)

    def _failure(self, mesh: MeshId, consequence: str, error: Exception) -> str:
        text = f"{type(error).__name__}: {error}"
        logger.error(
            "mesh %s %s, because of a bug in mesh-reconciler: %s", mesh[0], consequence, text
        )
        logger.debug("the bug", exc_info=error)
        self.counters.count_failure()
        return text
