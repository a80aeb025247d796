"""The protocol between the engine and a target. Adapters and fakes do not import it."""

from collections.abc import Collection, Mapping
from typing import Protocol

from reconciler.core.changes import Change
from reconciler.core.resources import Key, LiveResource, LiveState, ResourceVersion, Spec, TargetId


class Target(Protocol):
    """A service with resources that the engine can read and change.

    Every call raises ``TargetError``, and no other exception, if the target fails.
    """

    @property
    def id(self) -> TargetId:
        """The name, address, account and region of the target."""

    def canonical(self, spec: Spec, reference: Spec | None = None) -> Spec:
        """Return ``spec`` as the target would return it; a pure function.

        Defaults that the service adds are left out if ``reference`` does not have the field.
        """

    def read_all(self, asked: Collection[Key], owner: str) -> LiveState:
        """Return the live state of the keys ``asked`` and of all resources that ``owner`` owns."""

    def read(self, key: Key) -> LiveResource | None:
        """Read and return one resource, or None if it does not exist."""

    def list_versions(self, keys: Collection[Key]) -> Mapping[Key, ResourceVersion]:
        """Return the versions of ``keys`` and their siblings, from lists."""

    def tags(self) -> Mapping[str, Mapping[str, str]] | None:
        """Return the tags of all resources with an owner tag, by ARN; None without a tag index.

        The index may lag: its entries were true at some time, and entries may be missing.
        """

    def apply(self, change: Change, token: str | None) -> ResourceVersion:
        """Make the calls for ``change`` and return the resource version of the last response."""
