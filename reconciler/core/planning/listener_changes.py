"""Plans listener changes of routers and gateways that conflict with their routes.

The API rejects several listeners while a route has no port in its match, and a new protocol for a
listener while a route uses it (controller's issues 715 and 767). If the same plan adds the port to
the route, the route is written first. Otherwise it is detached before the change and attached
again after it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
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
from reconciler.core.kinds import listeners, parent_of
from reconciler.core.planning.last_applied import is_protected, is_reserved_by_aws, unattested
from reconciler.core.resources import (
    Desired,
    Key,
    LiveResource,
    LiveState,
    Spec,
    Unlisted,
    describe_owner,
)

Item = TypeVar("Item", bound=Change | LiveResource)

ADOPT_FIRST = (
    "it is not owned yet, and the change would detach routes: adopt it and its routes as export "
    "writes them, then change its listeners"
)
LISTENER_KINDS = ("virtual-router", "virtual-gateway")


@dataclass(slots=True)
class ListenerPlan:
    """Changes with their order relative to listener changes.

    Attributes:
        planned: The changes that can be made, by key.
        withheld: The changes that cannot be made.
        before_parent: Keys that are written before their parent.
        detached_keys: Routes that are detached, and written as part of their parent's update.
    """

    planned: dict[Key, Change]
    withheld: list[Withheld] = field(default_factory=list)
    before_parent: set[Key] = field(default_factory=set)
    detached_keys: set[Key] = field(default_factory=set)

    @property
    def changes(self) -> list[Change]:
        """The planned changes that are not part of another change."""
        return [change for key, change in self.planned.items() if key not in self.detached_keys]

    def detach_routes(
        self, change: Update | Adopt, routes: Collection[Key | DetachedRoute]
    ) -> None:
        """Write ``routes`` before ``change``, or detach and attach them around it."""
        detached = tuple(route for route in routes if isinstance(route, DetachedRoute))
        self.before_parent |= {route for route in routes if isinstance(route, Key)}
        self.detached_keys |= {route.detach.key for route in detached}
        if isinstance(change, Update) and detached:
            updated = replace(change, detached=detached, traffic=TrafficEffect.INTERRUPTS)
            self.planned[change.key] = updated

    def withhold(self, change: Update | Adopt, reason: str, routes: Collection[Change]) -> None:
        """Withhold ``change``, and those ``routes`` that need its new listeners."""
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
    """Return ``changes`` in a form that the API accepts although routes use the listeners.

    Listener changes that are not possible are withheld, with the routes that need them.

    Args:
        changes: The changes of the plan.
        desired: The desired resources, by key.
        withheld_keys: Keys that are withheld already; such routes are not detached.
        state: The live state.
        owner: Owner id of the run.
    """
    plan = ListenerPlan({change.key: change for change in changes})
    if not changes:
        # Most plans change nothing, so they need no search through all resources.
        return plan
    unread, written = _unread_by_parent(state), _by_parent(changes)
    readable = (
        resource
        for _, resource in sorted(state.resources.items())
        if isinstance(resource, LiveResource)
    )
    children = _by_parent(readable)
    for change in changes:
        if not isinstance(change, Update | Adopt) or change.key.kind not in LISTENER_KINDS:
            continue
        listener_change = _ListenerChange(change, plan.planned, desired, withheld_keys, owner)
        resolutions = [
            listener_change.resolve(live)
            for live in children[change.key]
            if listener_change.conflicts(live.spec)
        ]
        routes = [route for route in resolutions if not isinstance(route, str)]
        if problems := _problems(listener_change, resolutions, unread[change.key], state.unlisted):
            reason = f"its listeners cannot be changed: {'; '.join(problems)}"
            plan.withhold(change, reason, written[change.key])
        else:
            plan.detach_routes(change, routes)
    return plan


def _problems(
    listener_change: "_ListenerChange",
    resolutions: Sequence[Key | DetachedRoute | str],
    unread: Iterable[str],
    unlisted: Sequence[Unlisted],
) -> list[str]:
    """Return why the listeners cannot be changed; empty if they can.

    Args:
        listener_change: The change of the listeners.
        resolutions: The solution for each route that conflicts with it, or why there is none.
        unread: The routes of its resource that could not be read.
        unlisted: The lists that could not be read.
    """
    problems = [problem for problem in resolutions if isinstance(problem, str)]
    if listener_change.conflicts({"httpRoute": {"match": {}}}):
        problems = [*unread, *problems]
    if unlisted and any(isinstance(route, DetachedRoute) for route in resolutions):
        problems.append(f"no route is detached because {unlisted[0]} could not be listed")
    if isinstance(listener_change.change, Adopt) and any(
        not isinstance(route, Key) for route in resolutions
    ):
        problems = [ADOPT_FIRST]
    return problems


@dataclass(frozen=True, slots=True)
class _ListenerChange:
    """One change of listeners, with the inputs for resolving its conflicts."""

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
        """Return the key of a route to write first, its detaching, or why neither is possible."""
        planned, desired = self.planned.get(live.key), self.desired.get(live.key)
        if isinstance(planned, Delete):
            return live.key
        # The new route starts at another version than the one that the record attests.
        spec, tags = live.spec, unattested(live.tags)
        if isinstance(planned, Update):
            spec, tags = planned.spec or spec, planned.tags
            if not _conflicts(spec, self.before, self.after) and _is_valid_with(spec, self.before):
                return live.key
        if desired is None or (problem := self._detach_problem(live, spec, desired)):
            return f"{live.key} {problem if desired else 'has no manifest'}"
        difference = Difference({"spec": live.spec}, {"spec": spec})
        return DetachedRoute(
            Delete(live.key, live, Difference(difference.before, None)),
            Create(live.key, spec, tags, desired.origin, difference),
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
    """Whether a listener of ``parent`` has the protocol and a port of the route in ``change``."""
    if isinstance(change, Delete) or change.spec is None:
        return True
    ports = _matched_ports(change.spec)
    protocols = {
        protocol for port, protocol in listeners(parent).items() if ports is None or port in ports
    }
    return any(field.removesuffix("Route") in protocols for field in change.spec)


def _unread_by_parent(live: LiveState) -> Mapping[Key | None, list[str]]:
    """Return messages about routes that were not read and may conflict, by parent."""
    unread: dict[Key | None, list[str]] = defaultdict(list)
    for key in sorted(live.not_selected):
        unread[parent_of(key)].append(f"{key} is not selected in this run")
    for key, resource in live.resources.items():
        if not isinstance(resource, LiveResource):
            unread[parent_of(key)].append(f"{key} could not be read")
    return unread


def _by_parent(items: Iterable[Item]) -> Mapping[Key | None, list[Item]]:
    children: dict[Key | None, list[Item]] = defaultdict(list)
    for item in items:
        children[parent_of(item.key)].append(item)
    return children


def _conflicts(route: Spec, before: Spec, after: Spec) -> bool:
    """Whether the API rejects the listeners of ``after`` while ``route`` exists."""
    was, becomes = listeners(before), listeners(after)
    changed = {port for port, protocol in was.items() if becomes.get(port, protocol) != protocol}
    ports = _matched_ports(route)
    if ports is None:
        return bool(changed) or (len(becomes) > 1 and len(was) <= 1)
    return bool(ports & changed)


def _is_valid_with(route: Spec, parent: Spec) -> bool:
    """Whether the API accepts ``route`` in ``parent``."""
    return len(listeners(parent)) <= 1 or _matched_ports(route) is not None


def _matched_ports(route: Spec) -> set[int] | None:
    """Return the ports that a route matches; None if it matches all ports."""
    ports: set[int] = set()
    for settings in route.values():
        if isinstance(settings, dict):
            match = settings.get("match")
            port = match.get("port") if isinstance(match, dict) else None
            if not isinstance(port, int):
                return None
            ports.add(port)
    return ports
