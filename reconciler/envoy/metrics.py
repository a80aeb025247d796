"""Metrics of the server of Envoys for Prometheus: its counters, and gauges of its control planes.

No label has a value that comes from outside.
"""

from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from reconciler.envoy.control_plane import ControlPlane
from reconciler.envoy.counters import PREFIX, Counters
from reconciler.envoy.losses import Grade
from reconciler.envoy.proxy_status import is_behind

CONTENT_TYPE = CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class Scrape(Collector):
    """Collects the metrics at one moment.

    Attributes:
        counters: The counters.
        planes: All control planes.
        is_current: Whether the state of each of them can be read.
        instances_age: Seconds since the instances of Cloud Map services were read.
    """

    counters: Counters
    planes: tuple[ControlPlane, ...]
    is_current: bool
    instances_age: float

    def exposition(self) -> str:
        """Return the metrics in the text format of Prometheus, whose type is `CONTENT_TYPE`."""
        return generate_latest(self).decode()

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        yield from self.counters.registry.collect()
        for name, value, help_text in self._plain():
            yield GaugeMetricFamily(f"{PREFIX}_{name}", help_text, value)
        # Proxies share losses of the services that they call.
        found = {
            loss
            for plane in self.planes
            for key in {stream.key for stream in plane.connected()}
            for loss in plane.losses(key)
        }
        tally = Tally(loss.grade for loss in found)
        losses = GaugeMetricFamily(
            f"{PREFIX}_losses",
            "Fields that connected proxies get differently or not at all, by grade.",
            labels=["grade"],
        )
        for grade in Grade:
            losses.add_metric([grade.value], tally[grade])
        yield losses

    def _plain(self) -> Iterator[tuple[str, float, str]]:
        behind = [is_behind(stream, plane) for plane in self.planes for stream in plane.connected()]
        held = sum(len(plane.failures) for plane in self.planes)
        yield "streams", len(behind), "Connected streams."
        yield "behind_streams", sum(behind), "Streams that have not acknowledged their last state."
        yield "held_meshes", held, "Meshes that stay at an older revision because of a bug."
        yield "state_readable", self.is_current, "Whether the state of the meshes can be read."
        yield (
            "instances_age_seconds",
            self.instances_age,
            "Time since the instances of Cloud Map services were read; 0 without any.",
        )
