"""What of a router or gateway has to make way while its listeners change.

The API refuses several listeners while a route in it matches no port, and another protocol of a
listener while a route uses it (controller's issues 715 and 767). Where a route gets its match on
ports in the same plan it goes first; else it is detached and attached again around the change.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from reconciler.core.changes import (
    Adopt,
    Change,
    Create,
    Delete,
    DetachedRoute,
    Difference,
    ReasonCode,
    TrafficEffect,
    Update,
    Withheld,
)
from reconciler.core.kinds import parent_of
from reconciler.core.marks import is_protected, is_reserved_by_aws
from reconciler.core.resources import Desired, Key, LiveResource, LiveState, Spec

Item = TypeVar("Item", bound=Change | LiveResource)

ADOPT_FIRST = (
    "it is not ours yet, and routes in it would have to make way: adopt them as export writes "
    "them, then change them"
)
LISTENER_KINDS = ("virtual-router", "virtual-gateway")


@dataclass(slots=True)
class ListenerPlan:
    """Changes by key, as ``planned`` and as ``withheld``, with the routes that make way for some.

    Keys that are ``before_parent`` are written before their parent; ``detached_keys`` routes are detached, and
    written as a part of their router's update.
    """

    planned: dict[Key, Change]
    withheld: list[Withheld] = field(default_factory=list)
    before_parent: set[Key] = field(default_factory=set)
    detached_keys: set[Key] = field(default_factory=set)

    @property
    def changes(self) -> list[Change]:
        """The changes that stand for themselves."""
        return [it for key, it in self.planned.items() if key not in self.detached_keys]

    def detach_routes(
        self, change: Update | Adopt, routes: Collection[Key | DetachedRoute]
    ) -> None:
        """Let ``routes`` go first, or be detached and attached again around ``change``."""
        detached = tuple(it for it in routes if isinstance(it, DetachedRoute))
        self.before_parent |= {it for it in routes if isinstance(it, Key)}
        self.detached_keys |= {it.detach.key for it in detached}
        if isinstance(change, Update) and detached:
            made = replace(change, detached=detached, traffic=TrafficEffect.INTERRUPTS)
            self.planned[change.key] = made

    def withhold(self, change: Update | Adopt, why: str, routes: Collection[Change]) -> None:
        """Take ``change`` out, and ``routes`` that only its new listeners would hear."""
        held = [Withheld(change.key, why, ReasonCode.GUARD, change.origin, change)]
        why = f"it needs the listeners of {change.key}, which cannot change"
        held += [
            Withheld(route.key, why, ReasonCode.WAITING, route.origin, route)
            for route in routes
            if not accepts(change.before.spec, route)
        ]
        for each in held:
            del self.planned[each.key]
        self.withheld += held


def plan_listener_changes(
    changes: Collection[Change],
    desired: Mapping[Key, Desired],
    left_alone: Collection[Key],
    world: LiveState,
    owner: str,
) -> ListenerPlan:
    """Return ``changes`` so that no route stands in the way of its router's new listeners.

    What cannot be arranged is withheld, and with it the routes that only the new listeners would
    hear. What is ``left_alone`` is not detached.
    """
    found = ListenerPlan({change.key: change for change in changes})
    unseen, written = _unread_by_parent(world), _by_parent(changes)
    seen = (saw for _, saw in sorted(world.resources.items()) if isinstance(saw, LiveResource))
    inside = _by_parent(seen)
    for change in changes:
        if not isinstance(change, Update | Adopt) or change.key.kind not in LISTENER_KINDS:
            continue
        step = _ListenerChange(change, found.planned, desired, left_alone, owner)
        judged = [step.resolve(live) for live in inside[change.key] if step.conflicts(live.spec)]
        routes = [it for it in judged if not isinstance(it, str)]
        refusals = [it for it in judged if isinstance(it, str)]
        if step.conflicts({"httpRoute": {"match": {}}}):
            refusals = [*unseen[change.key], *refusals]
        if world.unlisted and any(isinstance(it, DetachedRoute) for it in routes):
            refusals.append(f"nothing makes way because {world.unlisted[0]} could not be listed")
        if isinstance(change, Adopt) and any(not isinstance(it, Key) for it in judged):
            refusals = [ADOPT_FIRST]
        if refusals:
            why = f"its listeners cannot change: {'; '.join(refusals)}"
            found.withhold(change, why, written[change.key])
        else:
            found.detach_routes(change, routes)
    return found


@dataclass(frozen=True, slots=True)
class _ListenerChange:
    """One change of listeners, and all that may come with it."""

    change: Update | Adopt
    planned: Mapping[Key, Change]
    desired: Mapping[Key, Desired]
    withheld_keys: Collection[Key]
    owner: str

    @property
    def before(self) -> Spec:
        return self.change.before.spec

    @property
    def after(self) -> Spec:
        return self.before if self.change.spec is None else self.change.spec

    def conflicts(self, route: Spec) -> bool:
        return _conflicts(route, self.before, self.after)

    def resolve(self, live: LiveResource) -> Key | DetachedRoute | str:
        """Return the key of a route that goes first, how it is detached, or why it cannot be."""
        plan, want = self.planned.get(live.key), self.desired.get(live.key)
        if isinstance(plan, Delete):
            return live.key
        spec, tags = live.spec, live.tags
        if isinstance(plan, Update):
            spec, tags = plan.spec or spec, plan.tags
            if not _conflicts(spec, self.before, self.after) and _is_valid_with(spec, self.before):
                return live.key
        if want is None or (refusal := self._detach_problem(live, spec, want)):
            return f"{live.key} {refusal if want else 'is no longer asked for'}"
        view = Difference({"spec": live.spec}, {"spec": spec})
        return DetachedRoute(
            Delete(live.key, live, Difference(view.before, None)),
            Create(live.key, spec, tags, want.origin, view),
            plan.cause if isinstance(plan, Update) else None,
        )

    def _detach_problem(self, live: LiveResource, spec: Spec, want: Desired) -> str | None:
        if live.owner != self.owner:
            return f"is owned by {live.owner or 'nobody'}"
        if is_protected(live.tags) or want.options.protect:
            return "is protected"
        if live.key in self.withheld_keys:
            return "is left alone"
        if live.unknown or any(is_reserved_by_aws(tag) for tag in live.tags):
            return "has what nobody but the service can put back"
        return None if _is_valid_with(spec, self.after) else "matches no port"


def accepts(holder: Spec, change: Change) -> bool:
    """Whether a route that ``change`` writes is in the protocol of a listener that it matches."""
    if isinstance(change, Delete) or change.spec is None:
        return True
    ports = _matched_ports(change.spec)
    heard = {it for port, it in listeners(holder).items() if ports is None or port in ports}
    return any(form.removesuffix("Route") in heard for form in change.spec)


def _unread_by_parent(world: LiveState) -> Mapping[Key | None, list[str]]:
    """Return what may hinder a change and was not looked at, by what contains it."""
    unseen: dict[Key | None, list[str]] = defaultdict(list)
    for key in sorted(world.not_selected):
        unseen[parent_of(key)].append(f"{key} in it is no part of this run")
    for key, saw in world.resources.items():
        if not isinstance(saw, LiveResource):
            unseen[parent_of(key)].append(f"{key} could not be read")
    return unseen


def _by_parent(items: Iterable[Item]) -> Mapping[Key | None, list[Item]]:
    inside: dict[Key | None, list[Item]] = defaultdict(list)
    for item in items:
        inside[parent_of(item.key)].append(item)
    return inside


def _conflicts(route: Spec, before: Spec, after: Spec) -> bool:
    """Whether the API refuses the listeners of ``after`` while ``route`` is in it."""
    was, becomes = listeners(before), listeners(after)
    changed = {port for port, protocol in was.items() if becomes.get(port, protocol) != protocol}
    ports = _matched_ports(route)
    if ports is None:
        return bool(changed) or (len(becomes) > 1 and len(was) <= 1)
    return bool(ports & changed)


def _is_valid_with(route: Spec, holder: Spec) -> bool:
    """Whether ``route`` may be written while the listeners are those of ``holder``."""
    return len(listeners(holder)) <= 1 or _matched_ports(route) is not None


def listeners(holder: Spec) -> dict[int, str]:
    """Return the protocols that a router or gateway listens with, by port."""
    listed: object = holder.get("listeners")
    mappings = [it["portMapping"] for it in listed] if isinstance(listed, list) else []
    return {mapping["port"]: mapping["protocol"] for mapping in mappings}


def _matched_ports(route: Spec) -> set[int] | None:
    """Return the ports that a route matches; None where it matches every one."""
    ports: set[int] = set()
    for form in route.values():
        if isinstance(form, dict):
            match = form.get("match")
            port = match.get("port") if isinstance(match, dict) else None
            if not isinstance(port, int):
                return None
            ports.add(port)
    return ports
