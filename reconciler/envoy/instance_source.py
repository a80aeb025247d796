"""Sources of the instances of Cloud Map services.

A source that fails changes nothing: a service must not lose its instances because of it.
"""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from reconciler.core.escaping import escaped
from reconciler.envoy.snapshot import NO_INSTANCES, CloudMapQuery, Instances

logger = logging.getLogger("reconciler.envoy")

Queries: TypeAlias = Callable[[], Collection[CloudMapQuery]]
"""Returns the queries of all nodes."""


@dataclass(eq=False)
class SourceHealth:
    """Whether a source could be read the last time.

    Attributes:
        error: Why it could not; empty if it could.
        read_at: The time of the last good read, of a clock that is never set; None before.
    """

    error: str = ""
    read_at: float | None = None

    def record(self, error: str = "") -> None:
        """Record a read that failed with `error`, or a good one."""
        if error and error != self.error:
            logger.error("instances cannot be read, the last ones are kept: %s", escaped(error))
        elif self.error and not error:
            logger.info("instances can be read again")
        self.error = error
        if not error:
            self.read_at = time.monotonic()

    def age(self, now: float) -> float:
        """Return the seconds since the last good read; 0 before it."""
        return 0.0 if self.read_at is None else now - self.read_at


class InstanceSource(Protocol):
    """A source of instances."""

    health: SourceHealth

    def start(self, queries: Queries) -> None:
        """Begin to read the instances for `queries`."""

    def stop(self) -> None:
        """End what `start` began."""

    def read(self) -> Instances:
        """Return the last good instances; the same object if they did not change."""


@dataclass(eq=False)
class NoInstances:
    """The source of a server without --instances and --cloud-map."""

    health: SourceHealth = field(default_factory=SourceHealth)

    def start(self, queries: Queries) -> None:
        """Do nothing."""

    def stop(self) -> None:
        """Do nothing."""

    def read(self) -> Instances:
        """Return no instances."""
        return NO_INSTANCES
