"""Metrics of the daemon for Prometheus.

No label has a value that comes from outside, except the digits of the commit of the manifests. The
names of targets come from the settings.
"""

from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, get_args

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reconciler.core.changes import DRIFT, Change, operation_name
from reconciler.core.exit_codes import ExitCode
from reconciler.core.fleet.rollout_status import RolloutStatus
from reconciler.core.report import PRECEDENCE, Outcome, outcome_name
from reconciler.core.state.daemon_status import DaemonStatus, ResourceStatus, State
from reconciler.core.state.fleet_status import MemberSummary

_PREFIX = "mesh_reconciler"
_NO_DRIFT = (State.IN_SYNC, State.SUSPENDED)
_SOURCE_HELP = "Commit of the manifests; dirty: they have local changes. Absent outside of git."
_MEMBERS_HELP = "Daemons that share the targets, as of the last heartbeat; only with --members."
_MEMBER_TARGETS_HELP = "Targets whose lease this daemon holds; only with --members."
_CYCLE_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """Counters since the start of the daemon, and gauges of its status."""

    def __init__(self) -> None:
        """Start all counters at 0."""
        # Omit the `_created` series, which would double the number of series.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        # The default registry of prometheus_client is shared by the whole process.
        registry = self._registry = CollectorRegistry()
        self._cycles = Counter(
            f"{_PREFIX}_cycles", "Cycles ended, by exit code.", ["result"], registry=registry
        )
        self._seconds = Histogram(
            f"{_PREFIX}_cycle_seconds", "Duration of a cycle in seconds.", buckets=_CYCLE_SECONDS,
            registry=registry,
        )  # fmt: skip
        self._outcomes = Counter(
            f"{_PREFIX}_outcomes", "Changes by operation and outcome.", ["verb", "outcome"],
            registry=registry,
        )  # fmt: skip
        self._notifications = Counter(
            f"{_PREFIX}_notifications", "Notifications by result: sent or dropped.", ["result"],
            registry=registry,
        )  # fmt: skip
        self._success = Gauge(
            f"{_PREFIX}_last_success_timestamp_seconds",
            "Time of the last cycle with exit code 0; 0 if there was none.",
            registry=registry,
        )
        # Start each series at 0: rate() does not see a series that starts with its first event.
        for code in (ExitCode.OK, ExitCode.LOCKED, *PRECEDENCE):
            self._cycles.labels(code.word)
        for change in get_args(Change):
            for outcome in get_args(Outcome):
                self._outcomes.labels(_label(change), _label(outcome))
        for result in ("sent", "dropped"):
            self._notifications.labels(result)

    def count_outcome(self, outcome: Outcome) -> None:
        """Count the outcome of a change."""
        self._outcomes.labels(operation_name(outcome.change), outcome_name(outcome)).inc()

    def count_notification(self, result: str) -> None:
        """Count a notification that was sent or dropped."""
        self._notifications.labels(result).inc()

    def count_cycle(self, status: DaemonStatus) -> None:
        """Count a cycle that has ended."""
        if status.exit_code is None or status.cycle_finished_at is None:
            return
        self._cycles.labels(status.exit_code.word).inc()
        started_at = status.cycle_started_at or status.cycle_finished_at
        # The wall clock may have been set back during the cycle.
        self._seconds.observe(max(0.0, status.cycle_finished_at - started_at))
        if status.exit_code is ExitCode.OK:
            self._success.set(status.cycle_finished_at)

    def scrape(self, status: DaemonStatus, now: float) -> "Scrape":
        """Return the metrics at one moment."""
        return Scrape(self._registry, status, now)

    def exposition(self, status: DaemonStatus, now: float) -> tuple[bytes, str]:
        """Return the metrics in the text format of Prometheus, and the content type."""
        return exposition(self.scrape(status, now))


@dataclass(frozen=True, slots=True)
class Scrape(Collector):
    """Collects the counters and the gauges of a status."""

    registry: CollectorRegistry
    status: DaemonStatus
    now: float

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics of the daemon."""
        yield from self.registry.collect()
        yield from _labeled_metrics(self.status)
        for name, value, help_text in _plain_metrics(self.status, self.now):
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", help_text, value)


@dataclass(frozen=True, slots=True)
class _Process(Collector):
    """Collects the metrics of this process after those of ``collector``."""

    collector: Collector

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield from self.collector.collect()
        yield from ProcessCollector(registry=None).collect()


@dataclass(frozen=True, slots=True)
class FleetScrape(Collector):
    """Collects the metrics of many targets, each sample with the name of its target.

    Names of members are no labels, because each start of a daemon has a new one.
    """

    scrapes: Mapping[str, Scrape]
    members: Sequence[MemberSummary] = ()
    rollout: RolloutStatus | None = None

    def collect(self) -> Iterator[Metric]:
        """Yield each metric once, with the samples of all targets."""
        merged: dict[str, Metric] = {}
        for target, scrape in self.scrapes.items():
            for metric in scrape.collect():
                known = merged.setdefault(
                    metric.name, Metric(metric.name, metric.documentation, metric.type)
                )
                known.samples += [
                    sample._replace(labels={"target": target, **sample.labels})
                    for sample in metric.samples
                ]
        yield from merged.values()
        if self.members:
            own = sum(member.targets for member in self.members if member.is_self)
            yield GaugeMetricFamily(f"{_PREFIX}_members", _MEMBERS_HELP, len(self.members))
            yield GaugeMetricFamily(f"{_PREFIX}_member_targets", _MEMBER_TARGETS_HELP, own)
        if self.rollout is not None:
            waiting = sum(scrape.status.waits_for is not None for scrape in self.scrapes.values())
            for name, value, help_text in (
                ("stopped", bool(self.rollout.stopped_by), "Whether a target stopped the rollout."),
                ("held", self.rollout.is_held, "Whether a person holds the rollout."),
                ("waiting_targets", waiting, "Targets of this daemon whose wave has not begun."),
            ):
                yield GaugeMetricFamily(f"{_PREFIX}_rollout_{name}", help_text, value)


def exposition(collector: Collector) -> tuple[bytes, str]:
    """Return the metrics and those of this process as text for Prometheus, and the content type."""
    return generate_latest(_Process(collector)), CONTENT_TYPE_LATEST


def _labeled_metrics(status: DaemonStatus) -> Iterator[Metric]:
    gauge, counter = GaugeMetricFamily, CounterMetricFamily
    versions = {version("mesh-reconciler"): 1}
    tally = Tally(resource.state for resource in status.resources)
    states = {state.name.lower(): tally[state] for state in State}
    responses = {"throttled": 0, **status.responses}
    responses_help = "API responses by result: ok, refused, throttled, failed or none."
    kinds: tuple[tuple[type[GaugeMetricFamily | CounterMetricFamily], str, str, str, Any], ...] = (
        (gauge, "build_info", "Version of the daemon.", "version", versions),
        (gauge, "resources", "Resources by state.", "state", states),
        (counter, "api_calls", "API calls sent.", "operation", status.calls),
        (counter, "api_answers", responses_help, "result", responses),
    )
    for kind, name, help_text, label, values in kinds:
        family = kind(f"{_PREFIX}_{name}", help_text, labels=[label])
        for value, number in values.items():
            family.add_metric([value], number)
        yield family
    source = gauge(f"{_PREFIX}_source_info", _SOURCE_HELP, labels=["commit", "dirty"])
    if status.revision is not None:
        source.add_metric([status.revision.commit, str(status.revision.dirty).lower()], 1)
    yield source


def _plain_metrics(status: DaemonStatus, now: float) -> Iterator[tuple[str, float, str]]:
    leading = "leading", status.is_leader, "Whether this daemon may write; always 1 without a lock."
    if status.held_by is not None:
        # Another daemon runs the cycles, so an alert on their times must not see this one.
        yield leading
        return
    drifted = [resource.since for resource in status.resources if _is_drift(resource)]
    age = max(0.0, now - min(drifted)) if drifted else 0.0
    started_at = status.cycle_started_at or 0
    yield (
        "drifted_resources",
        len(drifted),
        "Resources changed or deleted outside of mesh-reconciler.",
    )
    yield "oldest_drift_seconds", age, "Age of the oldest drift that is not repaired."
    yield "source_valid", status.source_valid, "Whether the manifests are valid."
    readable = status.error is None and not status.unlisted
    yield "target_readable", readable, "Whether the last cycle could read the whole target."
    yield leading
    yield "cycle_interval_seconds", status.interval_seconds, "Seconds between two cycles."
    yield (
        "last_attempt_timestamp_seconds",
        started_at,
        "Start of the last cycle; 0 if there was none.",
    )


def _is_drift(resource: ResourceStatus) -> bool:
    # A suspended resource differs on purpose, so it must not trigger the drift alert.
    drift = resource.cause in DRIFT and resource.state not in _NO_DRIFT
    return drift or resource.state is State.DRIFTED


def _label(kind: type[Change] | type[Outcome]) -> str:
    return kind.__name__.lower()
