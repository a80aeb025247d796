"""Keeps the lists of the last read until the revision of the target shows a write.

Endpoints of this package answer ListMeshes with the revision of the account and region, which every
write raises, also of tags. AWS has no such number, so there every list is read in each cycle.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reconciler import limits
from reconciler.core.resources import Key
from reconciler.targets.listing import Listing


@dataclass(frozen=True, slots=True)
class ReadInput:
    """The arguments of a read, and its first response. Equal inputs have equal lists.

    Attributes:
        url: The URL of the target.
        revision: The revision at the first response; None if the target has none.
        meshes: The meshes of the target.
        requested: The keys of the manifests.
        owner: The owner id of the run.
    """

    url: str
    revision: int | None
    meshes: Mapping[Key, Mapping[str, Any]]
    requested: frozenset[Key]
    owner: str

    @property
    def covers_all(self) -> bool:
        """Whether the revision is of every resource. Those in shared meshes have another one."""
        keys = (*self.meshes, *self.requested)
        return self.revision is not None and not any(key.mesh_owner for key in keys)


class UnchangedLists:
    """The lists of the last reads with equal inputs. After some cycles they are read again.

    A database that is restored from a backup may reach a revision twice, with other resources.
    """

    def __init__(self) -> None:
        self._read_input: ReadInput | None = None
        self._listing: Listing | None = None
        self._reads = 0
        self._uses = 0

    def store(self, read_input: ReadInput, listing: Listing) -> None:
        """Store the lists of a read, unless one of them failed or may change unseen."""
        if not read_input.covers_all or listing.failed_lists:
            self._read_input = None
            return
        is_same = read_input == self._read_input and self._uses == 0
        self._reads = self._reads + 1 if is_same else 1
        self._read_input, self._listing, self._uses = read_input, listing, 0

    def get(self, read_input: ReadInput, reads: int) -> Listing | None:
        """Return the lists if the input of `reads` reads in a row was the same, or None."""
        if read_input != self._read_input or self._reads < reads:
            return None
        self._uses += 1
        return self._listing if self._uses <= limits.CYCLES_PER_LISTING else None
