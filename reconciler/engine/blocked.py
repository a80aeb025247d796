"""What a change that was not made means for those that come after it."""

from dataclasses import dataclass, field

from reconciler.core.changes import Change, Create, Delete, detached_routes, unlinked
from reconciler.core.kinds import parent_of, referenced_keys
from reconciler.core.planning.dependencies import requirements
from reconciler.core.planning.listener_changes import LISTENER_KINDS, accepts
from reconciler.core.report import Applied, Outcome
from reconciler.core.resources import Key, Spec


@dataclass(slots=True)
class BlockedChanges:
    """What was not created (``not_created``), and the old specs of what was not updated (``not_updated``).

    ``blocked_by`` names, for what something else still stands in the way of, that other thing.
    """

    not_created: set[Key] = field(default_factory=set)
    not_updated: dict[Key, Spec] = field(default_factory=dict)
    blocked_by: dict[Key, Key] = field(default_factory=dict)

    def record(self, outcome: Outcome) -> None:
        """Remember what an outcome leaves undone."""
        change = outcome.change
        if isinstance(outcome, Applied):
            return
        parent = parent_of(change.key)
        if isinstance(change, Create):
            self.not_created.add(change.key)
            return
        if change.key.kind in LISTENER_KINDS:
            self.not_updated[change.key] = change.before.spec
        # What was to be led away in the same step is back where it was.
        for part in (change, *(route.detach for route in detached_routes(change))):
            self.blocked_by |= dict.fromkeys(referenced_keys(part.key, part.before.spec), part.key)
        # A node that was to be updated first is not as its own delete in the plan expects it.
        self.blocked_by |= {link.before.key: change.key for link in unlinked(change)}
        if parent is not None and (isinstance(change, Delete) or parent.kind in LISTENER_KINDS):
            self.blocked_by[parent] = change.key

    def blocked_reason(self, change: Change) -> str | None:
        """Say why ``change`` cannot be made now; None where it can."""
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
        lacking = next((key for key in requirements(change) if key in self.not_created), None)
        return f"it needs {lacking}, which was not created" if lacking else None
