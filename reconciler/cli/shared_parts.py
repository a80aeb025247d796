"""Parts that the runs of one process may share: manifests and sessions of the SDK."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from reconciler.manifest.inputs import Inputs
from reconciler.manifest.loading import LoadResult
from reconciler.source.source import Source
from reconciler.targets.session import Sessions
from reconciler.wiring.manifests import LatestManifests, SharedManifests


class ReadManifests(Protocol):
    """Reads manifests, as ``wiring.manifests.read_manifests`` does."""

    def __call__(
        self,
        source: Source,
        inputs: Inputs,
        *,
        allow_empty: bool,
        find_revision: bool,
        beat: Callable[[], None],
    ) -> LoadResult:
        """Return the manifests of ``source``."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Parts that the runs of one process may share.

    Attributes:
        read: Reads the manifests of a run; None to read them for this run alone.
        sessions: Opens the sessions of the SDK; None to open one for this run alone.
    """

    read: ReadManifests | None = None
    sessions: Sessions | None = None

    @classmethod
    def of_fleet(cls) -> "Shared":
        """Return the parts of runs over many targets."""
        return cls(SharedManifests().read, Sessions())

    @classmethod
    def of_daemons(cls, count: int) -> "Shared":
        """Return the parts of the daemons of ``count`` targets, which read their files again."""
        return cls(LatestManifests(count).read, Sessions())


ALONE = Shared()
