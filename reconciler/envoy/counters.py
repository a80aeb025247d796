"""Counters of the server of Envoys, which its control planes share."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics

from reconciler.envoy.proxy_state import TITLES

PREFIX = "mesh_reconciler_xds"
_PUSH_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_TRANSLATE_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Counters:
    """Counts since the start of the server.

    Attributes:
        registry: The registry of Prometheus; not its default one, which the whole process shares.
    """

    def __init__(self) -> None:
        """Start all counters at 0."""
        # Omit the `_created` series, which would double the number of series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        registry = self.registry = CollectorRegistry()
        pushes = Counter(
            f"{PREFIX}_pushes", "Responses sent, by type.", ["type"], registry=registry
        )
        nacks = Counter(
            f"{PREFIX}_nacks", "Responses that a proxy rejected, by type.", ["type"],
            registry=registry,
        )  # fmt: skip
        # Each series starts at 0: rate() does not see a series that starts with its first event.
        self._pushes = {type_url: pushes.labels(title) for type_url, title in TITLES.items()}
        self._nacks = {type_url: nacks.labels(title) for type_url, title in TITLES.items()}
        self._push_seconds = Histogram(
            f"{PREFIX}_push_seconds",
            "From a revision until all connected proxies of its mesh have acknowledged it.",
            buckets=_PUSH_SECONDS, registry=registry,
        )  # fmt: skip
        self._translate_seconds = Histogram(
            f"{PREFIX}_translate_seconds", "Translation of a revision.",
            buckets=_TRANSLATE_SECONDS, registry=registry,
        )  # fmt: skip
        self._failures = Counter(
            f"{PREFIX}_translate_failures", "Translations of a mesh that failed.",
            registry=registry,
        )  # fmt: skip

    def count_pushes(self, types: Iterable[str]) -> None:
        """Count a response of each of `types` that is sent."""
        for type_url in types:
            self._pushes[type_url].inc()

    def count_nack(self, type_url: str) -> None:
        """Count a rejection; a type that is not served is ignored, as the session does."""
        if type_url in self._nacks:
            self._nacks[type_url].inc()

    def count_acknowledged(self, seconds: float) -> None:
        """Count a revision that all proxies of a mesh have acknowledged after `seconds`."""
        self._push_seconds.observe(seconds)

    def count_translated(self, seconds: float) -> None:
        """Count a snapshot that was translated in `seconds`."""
        self._translate_seconds.observe(seconds)

    def count_failure(self) -> None:
        """Count a mesh that could not be translated."""
        self._failures.inc()


@dataclass(slots=True)
class Pushes:
    """Measures the time from a revision until all streams of a mesh have acknowledged it."""

    _waiting: dict[Hashable, tuple[float, set[object]]] = field(default_factory=dict)

    def begin(self, mesh: Hashable, streams: Iterable[object], now: float) -> None:
        """Wait also for `streams`, which have not acknowledged the revision of `now`."""
        began, waiting = self._waiting.get(mesh, (now, set[object]()))
        found = {*streams} | (waiting if began == now else set())
        if found:
            self._waiting[mesh] = now, found

    def end(self, mesh: Hashable, stream: object, now: float, counters: Counters) -> None:
        """Wait no longer for a stream, which has acknowledged its state or ended."""
        began, waiting = self._waiting.get(mesh, (now, set[object]()))
        if stream in waiting:
            waiting.remove(stream)
            if not waiting:
                del self._waiting[mesh]
                counters.count_acknowledged(now - began)
