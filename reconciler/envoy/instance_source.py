"""Sources of the instances of Cloud Map services.

A source that fails changes nothing: a service must not lose its instances because of it.
"""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from reconciler.core.errors import UsageError
from reconciler.core.escaping import escaped
from reconciler.envoy.instances import read_instances
from reconciler.envoy.snapshot import NO_INSTANCES, CloudMapQuery, Instances

logger = logging.getLogger("reconciler.envoy")

Queries: TypeAlias = Callable[[], Collection[CloudMapQuery]]
"""Returns the queries of all nodes."""


@dataclass(eq=False)
class InstanceSource:
    """No instances, and the base of all sources.

    Attributes:
        error: Why the last read failed; empty if it did not.
        read_at: The time of the last good read, of a clock that is never set; None before.
    """

    error: str = field(default="", init=False)
    read_at: float | None = field(default=None, init=False)

    def start(self, queries: Queries) -> None:
        """Begin to read the instances for `queries`."""

    def stop(self) -> None:
        """End what `start` began."""

    def read(self) -> Instances:
        """Return the last good instances; the same object if they did not change."""
        return NO_INSTANCES

    def age(self, now: float) -> float:
        """Return the seconds since the last good read; 0 before it."""
        return 0.0 if self.read_at is None else now - self.read_at

    def _report(self, error: str = "") -> None:
        if error and error != self.error:
            logger.error("instances cannot be read, the last ones are kept: %s", escaped(error))
        elif self.error and not error:
            logger.info("instances can be read again")
        self.error = error


@dataclass(eq=False)
class InstancesFile(InstanceSource):
    """A file with instances, read again when it changes."""

    path: Path
    _stamp: tuple[int, int, int] = (0, 0, 0)
    _instances: Instances = field(default_factory=lambda: NO_INSTANCES)

    def read(self) -> Instances:
        """Return the instances of the last valid content of the file."""
        try:
            status = self.path.stat()
            stamp = status.st_mtime_ns, status.st_ino, status.st_size
            if stamp != self._stamp:
                self._instances = read_instances(str(self.path))
                self._stamp = stamp
        except OSError as error:
            self._report(f"reading {self.path}: {error.strerror}")
        except UsageError as error:
            self._report(str(error))
        else:
            self.read_at = time.monotonic()
            self._report()
        return self._instances
