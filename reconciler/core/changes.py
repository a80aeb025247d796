"""The entries of a plan: changes, and resources withheld with a reason.

A change describes all that happens to one resource. The target decides which calls it takes.
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
    """Why desired and live state differ, as far as the last-applied record shows.

    Only a process that read the resource before can tell ``MISSING`` from ``NEW``.
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
"""The causes that prove a change made outside of mesh-reconciler."""


class TrafficEffect(StrEnum):
    """The effect of a change on traffic that a reviewer should check."""

    OPENS = "opens traffic"
    CLOSES = "closes traffic"
    INTERRUPTS = "interrupts traffic"
    SAME = "no effect on traffic"


def spec_in(side: Json) -> Spec | None:
    """Return the spec in one side of a `Difference`, or None if it has none."""
    spec = side.get("spec") if isinstance(side, dict) else None
    return spec if isinstance(spec, dict) else None


@dataclass(frozen=True, slots=True)
class Difference:
    """Both sides of a change as users see them; None means that the resource does not exist.

    A side is ``{"spec": …, "tags": …}`` with the canonical spec, the user's tags and the owner
    tag, and with ``"protect": true`` if the resource is protected.
    """

    before: Json
    after: Json

    @property
    def fields(self) -> tuple[diff.FieldChange, ...]:
        """The fields that differ."""
        return diff.field_changes(self.before or {}, self.after or {})

    @property
    def patch(self) -> list[dict[str, Any]]:
        """The RFC 6902 patch: a create adds the whole document, a delete removes it."""
        if self.before is None:
            return [{"op": "add", "path": "", "value": self.after}]
        if self.after is None:
            return [{"op": "remove", "path": ""}]
        # A plan without changes has no patch, and starts faster without it.
        from reconciler.core.json_patch import patch  # noqa: PLC0415

        return patch(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Create:
    """Create a resource.

    Attributes:
        tags: All tags of the new resource, including the two of mesh-reconciler.
        last_seen_at: When it was last live, if its cause is ``MISSING``.
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
    """A node that is updated to drop references, and deleted later in the same plan.

    Attributes:
        before: The live node.
        spec: Its spec without the references to resources that are deleted before it.
    """

    before: LiveResource
    spec: Spec
    difference: Difference

    @property
    def update(self) -> "Update":
        """The update. It keeps the tags, because the node is deleted anyway."""
        before = self.before
        return Update(
            before.key, before, self.spec, before.tags, None, self.difference, Cause.REMOVED
        )

    @property
    def after(self) -> LiveResource:
        """The node after the update."""
        return replace(self.before, spec=self.spec, version=self.before.version + 1)


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an owned resource that has no manifest.

    Attributes:
        unlinked: Nodes that are updated first, as steps of this delete. The ``before`` of such a
            node's own delete is the node after the update.
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
    """A route that is detached while the listeners of its parent change.

    Attributes:
        cause: Why the route itself changes; None if it is attached again unchanged.
    """

    detach: Delete
    attach: Create
    cause: Cause | None = None

    @property
    def restore(self) -> Create:
        """The create that attaches the old route again if the change of the parent failed."""
        before = self.detach.before
        return replace(self.attach, spec=before.spec, tags=before.tags)


@dataclass(frozen=True, slots=True)
class Update:
    """Update an owned resource.

    Attributes:
        spec: The spec that replaces the live one; None keeps the live one.
        tags: All tags after the update, including those of other tools.
        origin: None if the resource has no manifest.
        detached: Routes that are detached before the update and attached again after it.
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
    """Take over an unowned resource and change it to the desired state."""

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
    """Return the routes that are detached for ``change`` and attached again after it."""
    return change.detached if isinstance(change, Update) else ()


def unlinked(change: Change) -> tuple[Unlinked, ...]:
    """Return the nodes that ``change`` updates first to drop references to its resource."""
    return change.unlinked if isinstance(change, Delete) else ()


def read_before(change: Change) -> Iterator[LiveResource]:
    """Yield the live resources that ``change`` and its steps start from."""
    if not isinstance(change, Create):
        yield change.before
    yield from (route.detach.before for route in detached_routes(change))
    yield from (node.before for node in unlinked(change))


def operation_name(change: Change) -> str:
    """Return the operation of ``change``: create, update, adopt or delete."""
    return type(change).__name__.lower()


def waves_of(changes: Iterable[Change]) -> Iterator[list[Change]]:
    """Yield ``changes`` in their order, grouped into waves that may be written in parallel.

    A wave has consecutive changes of kinds of one depth; deletes are waves of their own. A delete
    that starts with updates is a wave by itself, because later changes may need these updates.
    """

    def order(change: Change) -> tuple[bool, int, Key | None]:
        alone = change.key if unlinked(change) else None
        return isinstance(change, Delete), KINDS[change.key.kind].wave, alone

    for _, wave in groupby(changes, key=order):
        yield list(wave)


class ReasonCode(Enum):
    """Why a resource was withheld."""

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
    """A resource that the plan does not change on purpose.

    Attributes:
        reason: The explanation for users.
        change: The change that was withheld, if it is known.
        live_owner: Owner id of the live resource if ``change`` does not have it.
    """

    key: Key
    reason: str
    reason_code: ReasonCode
    origin: Origin | None = None
    change: Change | None = None
    live_owner: str | None = None

    @property
    def owner(self) -> str | None:
        """The owner id of the live resource; None if unowned, absent or not read."""
        if self.change is None:
            return self.live_owner
        return None if isinstance(self.change, Create) else self.change.before.owner
