"""The file of --instances as a source: read again when it changes."""

from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.errors import UsageError
from reconciler.envoy.instance_source import Queries, SourceHealth
from reconciler.envoy.instances import read_instances
from reconciler.envoy.snapshot import NO_INSTANCES, Instances


@dataclass(eq=False)
class InstancesFile:
    """A file with instances, read again when it changes."""

    path: Path
    health: SourceHealth = field(default_factory=SourceHealth)
    _stamp: tuple[int, int, int] = (0, 0, 0)
    _instances: Instances = field(default_factory=lambda: NO_INSTANCES)

    def start(self, queries: Queries) -> None:
        """Do nothing: `read` reads the file."""

    def stop(self) -> None:
        """Do nothing."""

    def read(self) -> Instances:
        """Return the instances of the last valid content of the file."""
        try:
            status = self.path.stat()
            stamp = status.st_mtime_ns, status.st_ino, status.st_size
            if stamp != self._stamp:
                self._instances = read_instances(str(self.path))
                self._stamp = stamp
        except OSError as error:
            self.health.record(f"reading {self.path}: {error.strerror}")
        except UsageError as error:
            self.health.record(str(error))
        else:
            self.health.record()
        return self._instances
