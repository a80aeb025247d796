"""What the engine needs of a place where resources live; adapters and fakes do not import it."""

from collections.abc import Collection, Mapping
from typing import Protocol

from reconciler.core.changes import Change
from reconciler.core.resources import Key, LiveResource, LiveState, ResourceVersion, Spec, TargetId


class Target(Protocol):
    """What the engine needs of a place where resources live.

    Calls raise ``TargetError`` and nothing else when the target does not do what was asked.
    """

    @property
    def id(self) -> TargetId:
        """Which world this is."""

    def canonical(self, spec: Spec, reference: Spec | None = None) -> Spec:
        """Return ``spec`` spelled as the target would show it; pure.

        What the service fills in where it is left out does not count where ``reference`` leaves it
        out.
        """

    def read_all(self, asked: Collection[Key], owner: str) -> LiveState:
        """Return what is known of the keys ``asked`` about and of all that ``owner`` owns."""

    def read(self, key: Key) -> LiveResource | None:
        """Return one resource, read now; None where the target says that it is not there."""

    def list_versions(self, keys: Collection[Key]) -> Mapping[Key, ResourceVersion]:
        """Return what whole lists show of ``keys``, and of what stands beside them."""

    def tags(self) -> Mapping[str, Mapping[str, str]] | None:
        """Return the tags of all that carries an owner's mark, by ARN; None where it has no index.

        They may lag: what they show was so, what they do not show may be so all the same.
        """

    def apply(self, change: Change, token: str | None) -> ResourceVersion:
        """Make the calls that ``change`` takes and return what the last answer said."""
