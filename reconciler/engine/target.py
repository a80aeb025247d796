"""The protocols between a target and its users. Adapters and fakes do not import them."""

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from reconciler.core.changes import Change
from reconciler.core.resources import (
    Attests,
    Key,
    LiveResource,
    LiveState,
    ReadCount,
    ResourceVersion,
    Spec,
    TargetId,
)


class Target(Protocol):
    """A service with resources that the engine can read and change.

    If the target fails, a call raises ``TargetError`` and nothing else.
    """

    @property
    def id(self) -> TargetId:
        """The name, address, account and region of the target."""

    def canonical(self, spec: Spec, reference: Spec | None = None) -> Spec:
        """Return ``spec`` as the target would return it; a pure function.

        Defaults that the service adds are left out if ``reference`` does not have the field.
        """

    def read_all(
        self, requested: Collection[Key], owner: str, attested_spec: Attests | None = None
    ) -> LiveState:
        """Return the live state of ``requested`` and of all resources that ``owner`` owns.

        A listed resource for which ``attested_spec`` returns a spec is not described, unless its
        tags may be older than the list. Without it, everything is described.
        """

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


class CommandTarget(Target, Protocol):
    """A target as commands use it: they also list keys and count requests."""

    @property
    def calls(self) -> Mapping[str, int]:
        """Number of requests sent so far, by operation."""

    @property
    def responses(self) -> Mapping[str, int]:
        """Number of responses so far: ok, refused, throttled, failed or none."""

    @property
    def written_revision(self) -> int | None:
        """The highest revision that a write returned; None without writes, and on AWS."""

    @property
    def reads(self) -> ReadCount:
        """How much of the last `read_all` is done; any thread may ask."""

    def on_response(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` after each response."""

    def list_keys(self) -> frozenset[Key]:
        """Return the keys of all live resources, owned or not."""

    def list_kind(self, kind: str, parents: Collection[Key]) -> list[Key]:
        """Return the keys of one kind: the meshes, or the children of ``parents``."""
