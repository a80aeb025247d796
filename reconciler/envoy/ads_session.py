"""One stream of a proxy: decides what to send, in an order in which no request fails.

A route may refer only to clusters that the proxy has warmed. Envoy acknowledges clusters when they
are warm, so an update is sent in three steps: the new clusters beside the old ones, then listeners
and routes, then the clusters without the old ones. Each step waits for the acknowledgement of the
step before. The session does no input or output; the server sends its responses.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count

from reconciler.envoy.proxy_state import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    NAMED_TYPES,
    NOTHING,
    ROUTES,
    TYPES,
    PackedResource,
    ProxyHistory,
    ProxyState,
    TypeState,
)


@dataclass(frozen=True, slots=True)
class DiscoveryRequest:
    """The request of a proxy, and its answer to the last response of the type."""

    type_url: str
    version: str = ""
    """The version that the proxy has; empty if it has none."""
    nonce: str = ""
    """The nonce of the response that this request answers; empty in the first one of a stream."""
    names: tuple[str, ...] = ()
    """The resources asked for; empty for all."""
    error: str | None = None
    """Why the proxy rejected the response, or None if it did not."""


@dataclass(frozen=True, slots=True)
class DiscoveryResponse:
    """Resources of one type for a proxy."""

    type_url: str
    version: str
    nonce: str
    resources: tuple[PackedResource, ...]


@dataclass(slots=True)
class TypeProgress:
    """How far one type of a stream is."""

    is_open: bool = False
    """Whether the proxy has asked for this type."""
    names: frozenset[str] = frozenset()
    """The names that it asks for, if it asks for this type by name."""
    acked: TypeState = NOTHING
    """The content that the proxy has accepted last."""
    unacked: TypeState | None = None
    """The content that was sent and not answered yet."""
    nonce: str = ""
    rejected_version: str = ""
    """The version that the proxy rejected last; empty if it accepted the last response."""
    error: str = ""
    """The proxy's reason for the rejection."""
    must_answer: bool = False
    """Whether the proxy waits for a response even if its content did not change."""

    def has_accepted(self, content: TypeState) -> bool:
        """Whether `content` is all that the proxy has.

        A proxy that rejects a response may have taken a part of it.
        """
        is_open = self.unacked is not None or self.must_answer or self.rejected_version
        return not is_open and self.acked.version == content.version

    def needs(self, content: TypeState) -> bool:
        """Whether the proxy lacks `content`, and was not sent it yet."""
        if self.unacked is not None:
            return content.version != self.unacked.version
        return not self.has_accepted(content)


@dataclass(slots=True)
class AdsSession:
    """The state of one stream.

    Attributes:
        history: The contents that this proxy was served before, by this stream or another.
        wanted: Its state; None while its node is unknown, and nothing is sent.
        progress: How far each type is.
    """

    history: ProxyHistory
    wanted: ProxyState | None = None
    progress: Mapping[str, TypeProgress] = field(
        default_factory=lambda: {name: TypeProgress() for name in TYPES}
    )
    _nonces: Iterator[int] = field(default_factory=lambda: count(1))
    # The clusters that its listeners and routes may refer to.
    _in_use: TypeState = NOTHING

    @property
    def is_settled(self) -> bool:
        """Whether the proxy has accepted all of `wanted` and has nothing else."""
        wanted = self.wanted
        return (
            wanted is not None
            and self._routes_by(wanted)
            and self._has_warmed(wanted, wanted[CLUSTERS])
        )

    def publish(self, state: ProxyState, now: float) -> list[DiscoveryResponse]:
        """Serve `state` from `now` on, in seconds; return what to send for it at once."""
        if state is self.wanted:
            return []
        self.wanted = state
        self.history.add_state(state, now)
        return self._advance(now)

    def receive(self, request: DiscoveryRequest, now: float) -> list[DiscoveryResponse]:
        """Take a request of the proxy, and return what to send at once.

        A request for a type that is not served is ignored, and one that answers an older response
        too, because the answer to the newest one follows.
        """
        progress = self.progress.get(request.type_url)
        if progress is None or (request.nonce and request.nonce != progress.nonce):
            return []
        sent = progress.unacked if request.nonce else None
        if sent is not None:
            self._take_answer(request, progress, sent)
        if request.type_url in NAMED_TYPES:
            is_repeated = bool(request.nonce) and sent is None
            _subscribe(progress, frozenset(request.names), is_repeated=is_repeated)
        if not progress.is_open:
            progress.is_open = True
            self._resume(progress, request)
        return self._advance(now)

    def _take_answer(
        self, request: DiscoveryRequest, progress: TypeProgress, sent: TypeState
    ) -> None:
        if request.error is None:
            progress.acked, progress.rejected_version, progress.error = sent, "", ""
            self.history.unconfirmed_types.discard(request.type_url)
        else:
            progress.rejected_version, progress.error = sent.version, request.error
        progress.unacked = None

    def _resume(self, progress: TypeProgress, request: DiscoveryRequest) -> None:
        """Find out which content the proxy has, if it was connected before."""
        current = NOTHING if self.wanted is None else self._content(request.type_url, self.wanted)
        if current.version == request.version:
            known: TypeState | None = current
        else:
            known = self.history.find(request.type_url, request.version, progress.names)
        progress.must_answer = known is None or self._may_lack(request.type_url)
        if known is not None:
            progress.acked = known
            if request.type_url == CLUSTERS:
                self._in_use = known

    def _advance(self, now: float) -> list[DiscoveryResponse]:
        """Return the responses of the next step, if those of the step before are acknowledged."""
        wanted = self.wanted
        if wanted is None:
            return []
        if not self.progress[CLUSTERS].is_open:
            # Envoy asks for clusters when those that it has are warm, which may need endpoints.
            return self._offer({ENDPOINTS: self._content(ENDPOINTS, wanted)}, now)
        clusters = self._beside_those_in_use(wanted)
        contents = {CLUSTERS: clusters, ENDPOINTS: self._content(ENDPOINTS, wanted)}
        responses = self._offer(contents, now)
        if not responses and self._has_warmed(wanted, clusters):
            contents = {name: self._content(name, wanted) for name in (LISTENERS, ROUTES)}
            responses = self._offer(contents, now)
            if responses:
                self._in_use = clusters
        return responses

    def _beside_those_in_use(self, wanted: ProxyState) -> TypeState:
        """Return the clusters of `wanted`, and those that listeners and routes still refer to."""
        if self._routes_by(wanted):
            self._in_use = self._in_use.only(wanted[CLUSTERS].resources)
        return wanted[CLUSTERS].over(self._in_use)

    def _may_lack(self, type_url: str) -> bool:
        """Whether a proxy with a new subscription may lack the content whose version it states."""
        clusters, listeners = self.progress[CLUSTERS], self.progress[LISTENERS]
        if type_url == ENDPOINTS:
            # Clusters that were warming when the stream before this one ended wait for them.
            return not clusters.is_open or clusters.nonce != ""
        if type_url == ROUTES and listeners.nonce:
            return True
        return type_url in self.history.unconfirmed_types

    def _routes_by(self, wanted: ProxyState) -> bool:
        """Whether the proxy routes by the listeners and routes of `wanted` alone."""
        listeners, routes = self.progress[LISTENERS], self.progress[ROUTES]
        return (
            listeners.is_open
            and listeners.has_accepted(wanted[LISTENERS])
            and routes.names >= wanted[ROUTES].resources.keys()
            and routes.has_accepted(self._content(ROUTES, wanted))
        )

    def _has_warmed(self, wanted: ProxyState, clusters: TypeState) -> bool:
        """Whether the proxy has acknowledged `clusters` and the endpoints of `wanted`."""
        endpoints = self.progress[ENDPOINTS]
        return (
            self.progress[CLUSTERS].has_accepted(clusters)
            and endpoints.unacked is None
            and endpoints.names >= wanted[ENDPOINTS].resources.keys()
        )

    def _content(self, type_url: str, state: ProxyState) -> TypeState:
        """Return the resources of a type for this proxy: all, or those that it asks for."""
        if type_url not in NAMED_TYPES:
            return state[type_url]
        content = state[type_url]
        names = self.progress[type_url].names
        if type_url == ENDPOINTS:
            # A cluster that is not wanted any more may still have to warm.
            content = content.over(self.history.newest(type_url, names))
        return content.only(names)

    def _offer(self, contents: Mapping[str, TypeState], now: float) -> list[DiscoveryResponse]:
        """Return a response for each content that the proxy needs now."""
        responses = []
        for type_url, content in contents.items():
            progress = self.progress[type_url]
            if not _is_due(type_url, progress, content):
                continue
            if type_url == CLUSTERS:
                self._repeat_endpoints(content)
            progress.must_answer = False
            progress.nonce = str(next(self._nonces))
            progress.unacked = content
            self.history.add(type_url, content, now)
            self.history.unconfirmed_types.add(type_url)
            resources = tuple(content.resources.values())
            responses.append(
                DiscoveryResponse(type_url, content.version, progress.nonce, resources)
            )
        return responses

    def _repeat_endpoints(self, clusters: TypeState) -> None:
        """Send endpoints with clusters: Envoy waits for them to warm a cluster that changed."""
        endpoints = self.progress[ENDPOINTS]
        endpoints.must_answer |= not endpoints.names.isdisjoint(clusters.resources)


def _is_due(type_url: str, progress: TypeProgress, content: TypeState) -> bool:
    if not progress.is_open or content.version == progress.rejected_version:
        return False
    if type_url in NAMED_TYPES and not content.resources:
        # The names do not exist here; the proxy ends its subscription if that is meant.
        return False
    # Envoy takes new clusters while others warm; responses of the other types it answers in turn.
    if progress.unacked is not None and type_url != CLUSTERS:
        return False
    return progress.must_answer or progress.needs(content)


def _subscribe(progress: TypeProgress, names: frozenset[str], *, is_repeated: bool) -> None:
    """Take the names that the proxy asks for.

    Envoy repeats a request for the endpoints of a cluster that it warms again. It is answered also
    when it asks for less, so that it knows the version of the rest when it reconnects.
    """
    progress.must_answer |= is_repeated or names != progress.names
    if not names:
        # There is nothing to answer, and a proxy that ends its subscription ends its rejection.
        progress.must_answer = False
        progress.rejected_version = progress.error = ""
    progress.acked = progress.acked.only(names)
    progress.names = names
