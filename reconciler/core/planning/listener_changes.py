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
from reconciler.core.planning.last_applied import is_protected, is_reserved_by_aws
from reconciler.core.resources import Desired, Key, LiveResource, LiveState, Spec, describe_owner

Item = TypeVar("Item", bound=Change | LiveResource)

ADOPT_FIRST = (
    "it is not owned yet, and the change would detach routes: adopt it and its routes as export "
    "writes them, then change its listeners"
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
        return [change for key, change in self.planned.items() if key not in self.detached_keys]

    def detach_routes(
        self, change: Update | Adopt, routes: Collection[Key | DetachedRoute]
    ) -> None:
        """Let ``routes`` go first, or be detached and attached again around ``change``."""
        detached = tuple(route for route in routes if isinstance(route, DetachedRoute))
        self.before_parent |= {route for route in routes if isinstance(route, Key)}
        self.detached_keys |= {route.detach.key for route in detached}
        if isinstance(change, Update) and detached:
            updated = replace(change, detached=detached, traffic=TrafficEffect.INTERRUPTS)
            self.planned[change.key] = updated

    def withhold(self, change: Update | Adopt, reason: str, routes: Collection[Change]) -> None:
        """Take ``change`` out, and ``routes`` that only its new listeners would hear."""
        withheld = [Withheld(change.key, reason, ReasonCode.GUARD, change.origin, change)]
        reason = f"it needs the listeners of {change.key}, which cannot be changed"
        withheld += [
            Withheld(route.key, reason, ReasonCode.WAITING, route.origin, route)
            for route in routes
            if not accepts(change.before.spec, route)
        ]
        for item in withheld:
            del self.planned[item.key]
        self.withheld += withheld


def plan_listener_changes(
    changes: Collection[Change],
    desired: Mapping[Key, Desired],
    withheld_keys: Collection[Key],
    state: LiveState,
    owner: str,
) -> ListenerPlan:
    """Return ``changes`` so that no route stands in the way of its router's new listeners.

    What cannot be arranged is withheld, and with it the routes that only the new listeners would
    hear. What is ``withheld_keys`` is not detached.
    """
    plan = ListenerPlan({change.key: change for change in changes})
    unseen, written = _unread_by_parent(state), _by_parent(changes)
    seen = (
        resource
        for _, resource in sorted(state.resources.items())
        if isinstance(resource, LiveResource)
    )
    inside = _by_parent(seen)
    for change in changes:
        if not isinstance(change, Update | Adopt) or change.key.kind not in LISTENER_KINDS:
            continue
        listener_change = _ListenerChange(change, plan.planned, desired, withheld_keys, owner)
        resolutions = [
            listener_change.resolve(live)
            for live in inside[change.key]
            if listener_change.conflicts(live.spec)
        ]
        routes = [route for route in resolutions if not isinstance(route, str)]
        refusals = [route for route in resolutions if isinstance(route, str)]
        if listener_change.conflicts({"httpRoute": {"match": {}}}):
            refusals = [*unseen[change.key], *refusals]
        if state.unlisted and any(isinstance(route, DetachedRoute) for route in routes):
            refusals.append(f"no route is detached because {state.unlisted[0]} could not be listed")
        if isinstance(change, Adopt) and any(not isinstance(route, Key) for route in resolutions):
            refusals = [ADOPT_FIRST]
        if refusals:
            reason = f"its listeners cannot be changed: {'; '.join(refusals)}"
            plan.withhold(change, reason, written[change.key])
        else:
            plan.detach_routes(change, routes)
    return plan


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
        planned, desired = self.planned.get(live.key), self.desired.get(live.key)
        if isinstance(planned, Delete):
            return live.key
        spec, tags = live.spec, live.tags
        if isinstance(planned, Update):
            spec, tags = planned.spec or spec, planned.tags
            if not _conflicts(spec, self.before, self.after) and _is_valid_with(spec, self.before):
                return live.key
        if desired is None or (refusal := self._detach_problem(live, spec, desired)):
            return f"{live.key} {refusal if desired else 'has no manifest'}"
        view = Difference({"spec": live.spec}, {"spec": spec})
        return DetachedRoute(
            Delete(live.key, live, Difference(view.before, None)),
            Create(live.key, spec, tags, desired.origin, view),
            planned.cause if isinstance(planned, Update) else None,
        )

    def _detach_problem(self, live: LiveResource, spec: Spec, desired: Desired) -> str | None:
        if live.owner != self.owner:
            return f"is {describe_owner(live.owner)}"
        if is_protected(live.tags) or desired.options.protect:
            return "is protected"
        if live.key in self.withheld_keys:
            return "is withheld"
        if live.unknown or any(is_reserved_by_aws(tag) for tag in live.tags):
            return "has fields or tags that only the service can write"
        return None if _is_valid_with(spec, self.after) else "has no port in its match"


def accepts(parent: Spec, change: Change) -> bool:
    """Whether a route that ``change`` writes is in the protocol of a listener that it matches."""
    if isinstance(change, Delete) or change.spec is None:
        return True
    ports = _matched_ports(change.spec)
    protocols = {
        protocol for port, protocol in listeners(parent).items() if ports is None or port in ports
    }
    return any(form.removesuffix("Route") in protocols for form in change.spec)


def _unread_by_parent(live: LiveState) -> Mapping[Key | None, list[str]]:
    """Return what may hinder a change and was not looked at, by what contains it."""
    unseen: dict[Key | None, list[str]] = defaultdict(list)
    for key in sorted(live.not_selected):
        unseen[parent_of(key)].append(f"{key} is not selected in this run")
    for key, resource in live.resources.items():
        if not isinstance(resource, LiveResource):
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


def _is_valid_with(route: Spec, parent: Spec) -> bool:
    """Whether ``route`` may be written while the listeners are those of ``parent``."""
    return len(listeners(parent)) <= 1 or _matched_ports(route) is not None


def listeners(parent: Spec) -> dict[int, str]:
    """Return the protocols that a router or gateway listens with, by port."""
    listed: object = parent.get("listeners")
    mappings = [listener["portMapping"] for listener in listed] if isinstance(listed, list) else []
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
