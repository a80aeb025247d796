"""The verdicts a plan can give: a change to make, or something seen and left alone on purpose.

A change is the whole intention behind one resource; which calls it takes is the target's to know.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from itertools import groupby
from typing import Any, TypeAlias

from reconciler.core import diff
from reconciler.core.kinds import KINDS
from reconciler.core.resources import Json, Key, LiveResource, Origin, Spec


class Cause(StrEnum):
    """Why desired and observed differ, as far as the ``applied`` tag lets us know.

    Only a process that saw the resource live tells ``ERROR`` from ``NEW``.
    """

    NEW = "new"
    MISSING = "missing"
    MANIFEST = "manifest changed"
    DRIFT = "drifted"
    BOTH = "manifest changed and drifted"
    REMOVED = "manifest removed"
    RELEASED = "released"
    UNKNOWN = "unknown"


DRIFT = frozenset({Cause.DRIFT, Cause.BOTH, Cause.MISSING})
"""The causes that prove a change outside of mesh-reconciler."""


class TrafficEffect(StrEnum):
    """What a change means for traffic, where a reader should look twice."""

    OPENS = "opens traffic"
    CLOSES = "closes traffic"
    INTERRUPTS = "interrupts traffic"
    SAME = "no effect on traffic"


@dataclass(frozen=True, slots=True)
class Difference:
    """Both sides of a change as a reader sees them; None is the side that is not there.

    A side is ``{"spec": …, "tags": …}`` with the spec in canonical form, the user's tags and the
    owner, and ``"protect": true`` where the resource is protected.
    """

    before: Json
    after: Json

    @property
    def fields(self) -> tuple[diff.FieldChange, ...]:
        """The fields that differ."""
        return diff.field_changes(self.before or {}, self.after or {})

    @property
    def patch(self) -> list[dict[str, Any]]:
        """The RFC 6902 patch; a create adds the whole document, a delete removes it."""
        if self.before is None:
            return [{"op": "add", "path": "", "value": self.after}]
        if self.after is None:
            return [{"op": "remove", "path": ""}]
        return diff.patch(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Create:
    """Make a resource that is not there; ``tags`` are all it shall have, ours included.

    ``last_seen_at`` is when it was last live, if its cause is ``ERROR``.
    """

    key: Key
    spec: Spec | None
    tags: Mapping[str, str]
    origin: Origin
    difference: Difference
    traffic: TrafficEffect | None = None
    cause: Cause = Cause.NEW
    last_seen_at: float | None = None


@dataclass(frozen=True, slots=True)
class Unlinked:
    """A node that is deleted later in the plan, and before that updated so that it names less.

    ``before`` is the node as it is, ``spec`` its spec without what the plan deletes before it.
    """

    before: LiveResource
    spec: Spec
    difference: Difference

    @property
    def update(self) -> "Update":
        """The update; the tags stay, because the node itself will not."""
        before = self.before
        return Update(
            before.key, before, self.spec, before.tags, None, self.difference, Cause.REMOVED
        )

    @property
    def after(self) -> LiveResource:
        """The node as the update leaves it."""
        return replace(self.before, spec=self.spec, version=self.before.version + 1)


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove a resource of ours that no manifest asks for any more.

    The nodes in ``unlinked`` are updated first, as steps of the delete. The ``before`` of such a
    node's own delete is what its update leaves.
    """

    key: Key
    before: LiveResource
    difference: Difference
    cause: Cause = Cause.REMOVED
    traffic: TrafficEffect | None = None
    origin: None = None
    unlinked: tuple[Unlinked, ...] = ()


@dataclass(frozen=True, slots=True)
class DetachedRoute:
    """A route that has to be out of the way while the listeners of what contains it change.

    ``cause`` is why it differs itself; None where it comes back as it was.
    """

    detach: Delete
    attach: Create
    cause: Cause | None = None

    @property
    def restore(self) -> Create:
        """The way back, where the change in between failed."""
        before = self.detach.before
        return replace(self.attach, spec=before.spec, tags=before.tags)


@dataclass(frozen=True, slots=True)
class Update:
    """Change a resource of ours.

    ``spec`` replaces the live one, None leaves it. ``tags`` are all it shall have afterwards,
    those of others included. ``origin`` is None where no manifest asks for it. What is
    ``detached`` makes way for it and is put back.
    """

    key: Key
    before: LiveResource
    spec: Spec | None
    tags: Mapping[str, str]
    origin: Origin | None
    difference: Difference
    cause: Cause
    traffic: TrafficEffect | None = None
    detached: tuple[DetachedRoute, ...] = ()


@dataclass(frozen=True, slots=True)
class Adopt:
    """Mark a resource that nobody owns as ours, and make it what the manifest says."""

    key: Key
    before: LiveResource
    spec: Spec | None
    tags: Mapping[str, str]
    origin: Origin
    difference: Difference
    traffic: TrafficEffect | None = None
    cause: Cause = Cause.UNKNOWN


Change: TypeAlias = Create | Update | Adopt | Delete


def detached_routes(change: Change) -> tuple[DetachedRoute, ...]:
    """Return what makes way for ``change`` and is put back after it."""
    return change.detached if isinstance(change, Update) else ()


def unlinked(change: Change) -> tuple[Unlinked, ...]:
    """Return the nodes that ``change`` updates so that they no longer name what it deletes."""
    return change.unlinked if isinstance(change, Delete) else ()


def operation_name(change: Change) -> str:
    """Return the word for what ``change`` does: create, update, adopt or delete."""
    return type(change).__name__.lower()


def waves_of(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Yield ``changes`` in their order, by what may be written at the same time.

    That is what follows each other of one depth, with deletes by themselves. A delete that begins
    with updates is alone: what comes after it may need them.
    """

    def order(change: Change) -> tuple[bool, int, Key | None]:
        alone = change.key if unlinked(change) else None
        return isinstance(change, Delete), KINDS[change.key.kind].wave, alone

    for _, wave in groupby(changes, key=order):
        yield list(wave)


class ReasonCode(Enum):
    """Why a resource was left alone."""

    FOREIGN = "foreign"
    GUARD = "guard"
    PROTECTED = "protected"
    UNKNOWN_FIELD = "unknown-field"
    UNREADABLE = "unreadable"
    SUSPENDED = "suspended"
    POLICY = "policy"
    ORPHAN = "orphan"
    REPAIR_LOOP = "repair-loop"
    WAITING = "waiting"


@dataclass(frozen=True, slots=True)
class Withheld:
    """Something seen and not touched on purpose; ``reason`` is shown to the reader.

    ``change`` is what would have been done, where that is known. ``live_owner`` is the owner id of
    the live resource if there is no ``change`` that has it.
    """

    key: Key
    reason: str
    reason_code: ReasonCode
    origin: Origin | None = None
    change: Change | None = None
    live_owner: str | None = None

    @property
    def owner(self) -> str | None:
        """The owner id of the live resource; None if it has none, is absent or was not read."""
        if self.change is None:
            return self.live_owner
        return None if isinstance(self.change, Create) else self.change.before.owner
