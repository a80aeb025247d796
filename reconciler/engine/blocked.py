"""Tracks changes that were not made, and which later changes they block."""

from dataclasses import dataclass, field

from reconciler.core.changes import Change, Create, Delete, detached_routes, unlinked
from reconciler.core.kinds import parent_of, referenced_keys
from reconciler.core.planning.dependencies import requirements
from reconciler.core.planning.listener_changes import LISTENER_KINDS, accepts
from reconciler.core.report import Applied, Outcome
from reconciler.core.resources import Key, Spec


@dataclass(slots=True)
class BlockedChanges:
    """The changes that were not made so far.

    Attributes:
        not_created: Keys that were not created.
        not_updated: Routers and gateways that were not updated, with their old specs.
        blocked_by: Keys that cannot be changed or deleted, each with the key that prevents it.
    """

    not_created: set[Key] = field(default_factory=set)
    not_updated: dict[Key, Spec] = field(default_factory=dict)
    blocked_by: dict[Key, Key] = field(default_factory=dict)

    def record(self, outcome: Outcome) -> None:
        """Record the changes that ``outcome`` blocks."""
        change = outcome.change
        if isinstance(outcome, Applied):
            return
        parent = parent_of(change.key)
        if isinstance(change, Create):
            self.not_created.add(change.key)
            return
        if change.key.kind in LISTENER_KINDS:
            self.not_updated[change.key] = change.before.spec
        # Routes that were detached in the same step are attached again as they were.
        for part in (change, *(route.detach for route in detached_routes(change))):
            self.blocked_by |= dict.fromkeys(referenced_keys(part.key, part.before.spec), part.key)
        # A node that was to be updated first differs from the `before` of its own delete.
        self.blocked_by |= {node.before.key: change.key for node in unlinked(change)}
        if parent is not None and (isinstance(change, Delete) or parent.kind in LISTENER_KINDS):
            self.blocked_by[parent] = change.key

    def blocked_reason(self, change: Change) -> str | None:
        """Return why ``change`` cannot be made, or None if it can."""
        blocker = self.blocked_by.get(change.key)
        if isinstance(change, Delete):
            return (
                f"{blocker}, which needs it, could not be changed or deleted" if blocker else None
            )
        if blocker is not None and parent_of(blocker) == change.key:
            return f"{blocker}, which conflicts with it, could not be changed or deleted"
        parent = parent_of(change.key)
        if parent in self.not_updated and not accepts(self.not_updated[parent], change):
            return f"it needs the listeners of {parent}, which were not changed"
        missing = next((key for key in requirements(change) if key in self.not_created), None)
        return f"it needs {missing}, which was not created" if missing else None
