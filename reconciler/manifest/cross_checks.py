"""Rules about all documents of a source together, one row for each rule.

The rules see the declared resources in API names, independent of their format. They do not know
the live state: if a mesh is not declared, its other resources may exist on the target. They see
only the names of an invalid document.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from reconciler import limits
from reconciler.core.kinds import ROUTE_FIELDS, Steps, listeners, parent_of, referenced_keys
from reconciler.core.resources import Key
from reconciler.manifest import spec_checks
from reconciler.manifest.budget import unlimited
from reconciler.manifest.formats.context import DeclaredResource
from reconciler.manifest.parsing.diagnostics import Code, did_you_mean, one_of, quote_value

if TYPE_CHECKING:
    from reconciler.core.reachability.model import Reachability

# Each of them is a diagnostic; a node may have thousands of a backend group.
_MAX_NAMED_BACKENDS = 20
_ROUTER_NAME = re.compile("[A-Za-z0-9_-]+")


class CrossCheckFailure(NamedTuple):
    """A document that contradicts other documents, with a message and a hint."""

    key: Key
    at: Steps | int
    """The wrong field: the path to it in the spec, or the index of a name in the key."""
    message: str
    hint: str = ""


class _Missing(NamedTuple):
    """A reference from ``key`` to a resource that no document declares."""

    key: Key
    at: Steps | int
    relation: str
    """The words between the two keys in a message."""
    target: Key


class _Source:
    """The declared resources of a source by key, with lookups that several rules share.

    Files that could not be read may declare more resources of the ``hidden`` kinds.
    """

    def __init__(self, declared: Mapping[Key, DeclaredResource], hidden: Collection[str]) -> None:
        self.declared = declared
        self.hidden = hidden
        self._listeners: dict[Key | None, dict[int, str]] = {}

    def spec(self, key: Key | None) -> Any:
        """Return the spec of ``key`` as JSON; empty if it has none or is not declared."""
        resource = self.declared.get(key) if key else None
        return resource.spec if resource else {}

    def of_kinds(self, *kinds: str) -> Iterator[tuple[Key, Any]]:
        """Return the keys of these kinds with their specs."""
        return chain.from_iterable(specs for kind, specs in self._by_kind.items() if kind in kinds)

    @cached_property
    def _by_kind(self) -> Mapping[str, list[tuple[Key, Any]]]:
        """The keys with their specs, by kind."""
        found: defaultdict[str, list[tuple[Key, Any]]] = defaultdict(list)
        for key, resource in self.declared.items():
            found[key.kind].append((key, resource.spec))
        return found

    def listeners(self, key: Key | None) -> dict[int, str]:
        """Return the listener ports of ``key`` with their protocols."""
        if key not in self._listeners:
            self._listeners[key] = listeners(self.spec(key))
        return self._listeners[key]

    def has_mesh(self, key: Key) -> bool:
        """Return whether the mesh of ``key`` is declared."""
        return key.mesh in self.declared

    @cached_property
    def services(self) -> Mapping[Key, set[str]]:
        """The names of the declared virtual services, by mesh."""
        found: defaultdict[Key, set[str]] = defaultdict(set)
        for key in self.declared:
            if key.kind == "virtual-service":
                found[key.mesh].add(key.name)
        return found

    def lacks(self, key: Key) -> bool:
        """Return whether it is certain that ``key`` is not declared."""
        return key not in self.declared and key.kind not in self.hidden

    @cached_property
    def reachability(self) -> "Reachability":
        """The reachability in the declared resources; the specs of invalid ones are not known."""
        from reconciler.core.reachability.model import Reachability  # noqa: PLC0415

        return Reachability(
            {
                key: item.spec if item.desired and item.desired.spec is not None else None
                for key, item in self.declared.items()
            }
        )

    @cached_property
    def missing(self) -> list[_Missing]:
        """References to undeclared resources, but only the first one to each parent."""
        first_in: dict[Key, Key] = {}
        for key in self.declared:
            parent = parent_of(key)
            if parent and self.lacks(parent) and not _is_shared(parent):
                first_in.setdefault(parent, key)
        found = [
            _Missing(key, len(parent.path) - 1, "is in", parent) for parent, key in first_in.items()
        ]
        for key, item in self.declared.items():
            found += [
                _Missing(key, steps, "refers to", target)
                for steps, target in item.references
                if self.lacks(target)
            ]
        return found


_Rule: TypeAlias = Callable[[_Source], Iterator[CrossCheckFailure]]


def cross_check(
    declared: Iterable[DeclaredResource],
    hidden: Collection[str] = (),
    check_time: Callable[[], None] = unlimited,
) -> Iterator[tuple[DeclaredResource, Code, CrossCheckFailure]]:
    """Yield the contradictions between the documents of a source.

    Args:
        declared: The declared resources, valid or not.
        hidden: Kinds of which there may be resources that are not in ``declared``.
        check_time: Is called for each failure and may raise to stop.
    """
    source = _Source({resource.key: resource for resource in declared}, hidden)
    for code, rule in RULES:
        for failure in rule(source):
            check_time()
            yield source.declared[failure.key], code, failure


def _is_shared(key: Key) -> bool:
    """Return whether ``key`` is a mesh of another account, which has to declare it."""
    return key.kind == "mesh" and key.mesh_owner != ""


def _dangling(source: _Source) -> Iterator[CrossCheckFailure]:
    dangling = (row for row in source.missing if source.has_mesh(row.key))
    for number, (key, at, relation, target) in enumerate(dangling):
        same_kind = (str(other) for other in source.declared if other.kind == target.kind)
        message = f"{relation} {target}, which is not declared although its mesh is"
        # A hint takes longer than reading a document, and no file shows more errors than this.
        hint = did_you_mean(str(target), same_kind) if number < limits.MAX_DIAGNOSTICS else ""
        hint = hint or "unless it is live on the target, the change is withheld"
        yield CrossCheckFailure(key, at, message, hint)


def _elsewhere(source: _Source) -> Iterator[CrossCheckFailure]:
    for key, at, relation, target in source.missing:
        if not source.has_mesh(key) and "mesh" not in source.hidden:
            message = f"{relation} {target}, which no manifest declares"
            yield CrossCheckFailure(key, at, message, "it must already exist on the target")


def _two_owners(source: _Source) -> Iterator[CrossCheckFailure]:
    meshes: defaultdict[str, dict[str, Key]] = defaultdict(dict)
    for key in source.declared:
        meshes[key.path[0]].setdefault(key.mesh_owner or "your own account", key)
    for name, by_owner in meshes.items():
        if len(by_owner) > 1:
            message = f"uses the mesh name {name}, which is declared for {' and '.join(by_owner)}"
            key = list(by_owner.values())[-1]
            yield CrossCheckFailure(key, 0, message, "check whether a meshOwner is missing")


def _router_name(source: _Source) -> Iterator[CrossCheckFailure]:
    # Checked by key, because a format may make the name of two fields.
    for key, _ in source.of_kinds("virtual-router"):
        if not _ROUTER_NAME.fullmatch(key.name):
            message = (
                f"makes the name {quote_value(key.name)}, but the name of a virtual router may"
                " contain only letters, digits, hyphens and underscores"
            )
            yield CrossCheckFailure(key, len(key.path) - 1, message)


def _match_port(source: _Source) -> Iterator[CrossCheckFailure]:
    for key, route_field, route in _routes(source):
        parent = parent_of(key)
        ports = source.listeners(parent)
        if len(ports) > 1 and "port" not in route.get("match", {}):
            message = f"must match a port because {parent} has {len(ports)} listeners"
            at = (route_field, "match", "port")
            yield CrossCheckFailure(key, at, message, f"set it to {one_of(map(str, ports))}")


def _target_port(source: _Source) -> Iterator[CrossCheckFailure]:
    for key, route_field, route in _routes(source):
        target = route["action"].get("target")
        if target is None or "port" in target:
            continue
        for service in referenced_keys(key, source.spec(key)):
            for provider in referenced_keys(service, source.spec(service)):
                ports = source.listeners(provider)
                if len(ports) > 1:
                    message = (
                        f"must set a target port because {provider} has {len(ports)} listeners"
                    )
                    at = (route_field, "action", "target", "port")
                    yield CrossCheckFailure(
                        key, at, message, f"set it to {one_of(map(str, ports))}"
                    )


def _mismatch(source: _Source) -> Iterator[CrossCheckFailure]:
    for key, route_field, route in _routes(source):
        port = route.get("match", {}).get("port")
        match_field = (route_field, "match", "port") if port else (route_field,)
        yield from _port_mismatch(source, key, parent_of(key), port, match_field)
        for index, target in enumerate(route["action"].get("weightedTargets", ())):
            node = Key("virtual-node", (key.path[0], target["virtualNode"]), key.mesh_owner)
            port = target.get("port")
            field = "port" if port else "virtualNode"
            target_field = (route_field, "action", "weightedTargets", index, field)
            yield from _port_mismatch(source, key, node, port, target_field)


def _port_mismatch(
    source: _Source, key: Key, listener: Key | None, port: int | None, at: Steps
) -> Iterator[CrossCheckFailure]:
    """Yield a failure if ``listener`` does not accept the traffic that ``key`` routes to it."""
    protocol = str(at[0]).removesuffix("Route")
    ports = source.listeners(listener)
    accepting = {port: ports.get(port)} if port else ports
    if ports and protocol not in accepting.values():
        traffic = f"{protocol} on port {port}" if port else protocol
        accepted = one_of(
            f"{protocol_name} on port {number}" for number, protocol_name in ports.items()
        )
        message = f"routes {traffic}, but {listener} accepts only {accepted}"
        yield CrossCheckFailure(key, at, message)


def _no_listener(source: _Source) -> Iterator[CrossCheckFailure]:
    with_routes = {parent_of(key) for key, _ in source.of_kinds("route", "gateway-route")}
    for key, spec in source.of_kinds("virtual-router", "virtual-gateway"):
        if source.declared[key].desired and key in with_routes and not spec.get("listeners"):
            message = "has routes but no listener, so no traffic reaches them"
            yield CrossCheckFailure(key, ("listeners",), message)


def _cut_off(source: _Source) -> Iterator[CrossCheckFailure]:
    if "virtual-service" in source.hidden:
        return
    for key, spec in source.of_kinds("virtual-node"):
        mesh = source.declared.get(key.mesh)
        # Without a spec, the live spec stays, which is not known here.
        if mesh is None or mesh.desired is None or mesh.desired.spec is None:
            continue
        if mesh.spec.get("egressFilter", {}).get("type") == "ALLOW_ALL":
            continue
        hint = f"{mesh.key} drops this traffic: declare the service or allow all egress"
        declared, backends = source.services.get(mesh.key, ()), spec.get("backends", ())
        names = (backend["virtualService"]["virtualServiceName"] for backend in backends)
        missing = [
            (index, name)
            for index, name in enumerate(names)
            if name not in declared and not name.startswith("arn:")
        ]
        for index, name in missing[:_MAX_NAMED_BACKENDS]:
            at = ("backends", index, "virtualService", "virtualServiceName")
            message = f"has the backend {name}, which is not declared as a virtual service"
            yield CrossCheckFailure(key, at, message, hint)
        if rest := len(missing[_MAX_NAMED_BACKENDS:]):
            message = f"has {rest} more undeclared backends"
            yield CrossCheckFailure(key, ("backends",), message, hint)


def _unprovided(source: _Source) -> Iterator[CrossCheckFailure]:
    if all("provider" in spec for _, spec in source.of_kinds("virtual-service")):
        return
    # It takes longer to import than most sources take to check.
    from reconciler.core.reachability.checks import unprovided_services  # noqa: PLC0415

    for service, caller in unprovided_services(source.reachability):
        message = f"has no provider, so requests of {caller} get no answer"
        yield CrossCheckFailure(service, ("provider",), message)


def _path_of(match: Any) -> tuple[str, ...]:
    path = match.get("path", {"prefix": match.get("prefix", "/")})
    return *path, *path.values(), match.get("serviceName", ""), match.get("methodName", "")


def _covered(source: _Source) -> Iterator[CrossCheckFailure]:
    paths = Counter(
        (parent_of(key), route_field, *_path_of(route.get("match", {})))
        for key, route_field, route in _routes(source)
    )
    has_priorities = any(
        "priority" in spec for _, spec in source.of_kinds("route", "gateway-route")
    )
    has_regexes = any("regex" in path for path in paths)
    # Without them, the route with the longer path is first, and cannot be for all of a shorter one.
    if not has_priorities and not has_regexes and max(paths.values(), default=0) <= 1:
        return
    from reconciler.core.reachability.checks import covered_routes  # noqa: PLC0415

    for route in covered_routes(source.reachability):
        message = f"gets no request, because {route.other} is before it and gets all of them"
        hint = "give it a smaller priority or another match"
        if route.is_tie:
            message = f"matches the same requests as {route.other} with the same priority"
            hint = "App Mesh does not document which of them gets the requests"
        yield CrossCheckFailure(route.key, route.at, message, hint)


def _spec_rule(rule: spec_checks.SpecRule) -> tuple[Code, _Rule]:
    """Return a rule about single specs as a rule about a source."""
    code, kinds, check = rule

    def failures(source: _Source) -> Iterator[CrossCheckFailure]:
        for key, spec in source.of_kinds(*kinds):
            for field in check(spec):
                yield CrossCheckFailure(key, *field)

    return code, failures


def _routes(source: _Source) -> Iterator[tuple[Key, str, Any]]:
    for key, spec in source.of_kinds("route", "gateway-route"):
        for route_field in ROUTE_FIELDS:
            if route_field in spec:
                yield key, route_field, spec[route_field]


RULES: tuple[tuple[Code, _Rule], ...] = (
    (Code.NAME, _router_name),
    (Code.DANGLING, _dangling),
    (Code.ELSEWHERE, _elsewhere),
    (Code.MATCH_PORT, _match_port),
    (Code.MATCH_PORT, _target_port),
    (Code.TWO_OWNERS, _two_owners),
    (Code.MISMATCH, _mismatch),
    (Code.NO_LISTENER, _no_listener),
    (Code.CUT_OFF, _cut_off),
    (Code.UNPROVIDED, _unprovided),
    (Code.COVERED, _covered),
    *map(_spec_rule, spec_checks.RULES),
)
"""The rules in order; the severity is that of the code."""
