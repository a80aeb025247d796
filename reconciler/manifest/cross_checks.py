"""What the documents of a source say of each other: rules over all of them, one row each.

They see what was declared, in the API's words, whatever form it was written in. What is live is
not known here: where a mesh is not declared, the rest of it may be anywhere. They see only the
names in a document that is not valid.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from reconciler import limits
from reconciler.core.kinds import Steps, parent_of, referenced_keys
from reconciler.core.planning.listener_changes import listeners
from reconciler.core.resources import Key
from reconciler.manifest.budget import unlimited
from reconciler.manifest.formats.context import DeclaredResource
from reconciler.manifest.parsing.diagnostics import Code, did_you_mean, one_of

_ROUTES = ("httpRoute", "http2Route", "grpcRoute", "tcpRoute")
_ALLOW_ALL = "ALLOW_ALL"


class CrossCheckFailure(NamedTuple):
    """A message about a document that does not fit the others, and a hint.

    ``at`` is the wrong field: the steps that lead to it in the spec, or the index of a name in the
    key.
    """

    key: Key
    at: Steps | int
    message: str
    hint: str = ""


class _Missing(NamedTuple):
    """A reference from ``key``, ``at`` a place, to ``named``, which no document declares."""

    key: Key
    at: Steps | int
    how: str
    named: Key


class _Source:
    """What a source declares, by key, with the answers that several rules want.

    It may declare more resources of the ``hidden`` kinds, in what could not be read.
    """

    def __init__(self, declared: Mapping[Key, DeclaredResource], hidden: Collection[str]) -> None:
        self.declared = declared
        self.hidden = hidden
        self._listeners: dict[Key | None, dict[int, str]] = {}

    def spec(self, key: Key | None) -> Any:
        """Return the spec of ``key`` as JSON; an empty one where it has none or is not here."""
        resource = self.declared.get(key) if key else None
        return resource.spec if resource else {}

    def of_kinds(self, *kinds: str) -> Iterator[tuple[Key, Any]]:
        """Yield the keys of these kinds with their specs."""
        return ((key, self.spec(key)) for key in self.declared if key.kind in kinds)

    def listeners(self, key: Key | None) -> dict[int, str]:
        """Return the ports that ``key`` listens on with their protocols."""
        if key not in self._listeners:
            self._listeners[key] = listeners(self.spec(key))
        return self._listeners[key]

    def has_mesh(self, key: Key) -> bool:
        """Whether the mesh that ``key`` is in is declared here."""
        return _mesh_of(key) in self.declared

    def lacks(self, key: Key) -> bool:
        """Whether it is certain that ``key`` is not declared here."""
        return key not in self.declared and key.kind not in self.hidden

    @cached_property
    def missing(self) -> list[_Missing]:
        """Every reference to a resource that is not declared; only the first one to a parent."""
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
                _Missing(key, steps, "names", named)
                for steps, named in item.references
                if self.lacks(named)
            ]
        return found


def cross_check(
    declared: Iterable[DeclaredResource],
    hidden: Collection[str] = (),
    check_time: Callable[[], None] = unlimited,
) -> Iterator[tuple[DeclaredResource, Code, CrossCheckFailure]]:
    """Yield how the documents of a source do not fit each other.

    There may be resources of the ``hidden`` kinds that are not among those ``declared``.
    """
    source = _Source({resource.key: resource for resource in declared}, hidden)
    for code, rule in RULES:
        for breach in rule(source):
            check_time()
            yield source.declared[breach.key], code, breach


def _mesh_of(key: Key) -> Key:
    return Key("mesh", key.path[:1], key.mesh_owner)


def _is_shared(key: Key) -> bool:
    """Whether ``key`` is a mesh that another account has to declare."""
    return key.kind == "mesh" and key.mesh_owner != ""


def _dangling(source: _Source) -> Iterator[CrossCheckFailure]:
    dangling = (row for row in source.missing if source.has_mesh(row.key))
    for number, (key, at, how, named) in enumerate(dangling):
        alike = (str(key_alike) for key_alike in source.declared if key_alike.kind == named.kind)
        message = f"{how} {named}, which is not declared while its mesh is"
        # Finding a hint takes longer than reading a document, and a file shows no more errors.
        hint = did_you_mean(str(named), alike) if number < limits.MAX_DIAGNOSTICS else ""
        yield CrossCheckFailure(key, at, message, hint)


def _elsewhere(source: _Source) -> Iterator[CrossCheckFailure]:
    for key, at, how, named in source.missing:
        if not source.has_mesh(key) and "mesh" not in source.hidden:
            message = f"{how} {named}, which no manifest here declares"
            yield CrossCheckFailure(key, at, message, "it has to be live already")


def _two_owners(source: _Source) -> Iterator[CrossCheckFailure]:
    meshes: defaultdict[str, dict[str, Key]] = defaultdict(dict)
    for key in source.declared:
        meshes[key.path[0]].setdefault(key.mesh_owner or "your own account", key)
    for name, by_owner in meshes.items():
        if len(by_owner) > 1:
            message = f"is in one of several meshes {name}, of {' and '.join(by_owner)}"
            key = list(by_owner.values())[-1]
            yield CrossCheckFailure(key, 0, message, "is a meshOwner missing?")


def _match_port(source: _Source) -> Iterator[CrossCheckFailure]:
    for key, form, route in _routes(source):
        parent = parent_of(key)
        ports = source.listeners(parent)
        if len(ports) > 1 and "port" not in route.get("match", {}):
            message = f"must match a port, as {parent} has {len(ports)} listeners"
            at = (form, "match", "port")
            yield CrossCheckFailure(key, at, message, f"give {one_of(map(str, ports))}")


def _target_port(source: _Source) -> Iterator[CrossCheckFailure]:
    for key, form, route in _routes(source):
        target = route["action"].get("target")
        if target is None or "port" in target:
            continue
        for service in referenced_keys(key, source.spec(key)):
            for provider in referenced_keys(service, source.spec(service)):
                ports = source.listeners(provider)
                if len(ports) > 1:
                    message = f"must name a target port, as {provider} has {len(ports)} listeners"
                    at = (form, "action", "target", "port")
                    yield CrossCheckFailure(key, at, message, f"give {one_of(map(str, ports))}")


def _mismatch(source: _Source) -> Iterator[CrossCheckFailure]:
    for key, form, route in _routes(source):
        port = route.get("match", {}).get("port")
        matched = (form, "match", "port") if port else (form,)
        yield from _port_mismatch(source, key, parent_of(key), port, matched)
        for index, target in enumerate(route["action"].get("weightedTargets", ())):
            node = Key("virtual-node", (key.path[0], target["virtualNode"]), key.mesh_owner)
            port = target.get("port")
            field = "port" if port else "virtualNode"
            sent = (form, "action", "weightedTargets", index, field)
            yield from _port_mismatch(source, key, node, port, sent)


def _port_mismatch(
    source: _Source, key: Key, listener: Key | None, port: int | None, at: Steps
) -> Iterator[CrossCheckFailure]:
    """Yield what ``key`` sends to ``listener``, as it says ``at``, and that does not listen for."""
    protocol = str(at[0]).removesuffix("Route")
    ports = source.listeners(listener)
    heard = {port: ports.get(port)} if port else ports
    if ports and protocol not in heard.values():
        where = f"{protocol} on port {port}" if port else protocol
        listens = one_of(f"{number} for {protocol_name}" for number, protocol_name in ports.items())
        message = f"is for {where}, but {listener} listens on {listens}"
        yield CrossCheckFailure(key, at, message)


def _no_listener(source: _Source) -> Iterator[CrossCheckFailure]:
    with_routes = {parent_of(key) for key, _ in source.of_kinds("route", "gateway-route")}
    for key, spec in source.of_kinds("virtual-router", "virtual-gateway"):
        if source.declared[key].desired and key in with_routes and not spec.get("listeners"):
            message = "has routes and no listener, so nothing can reach them"
            yield CrossCheckFailure(key, ("listeners",), message)


def _cut_off(source: _Source) -> Iterator[CrossCheckFailure]:
    for key, spec in source.of_kinds("virtual-node"):
        mesh = source.declared.get(_mesh_of(key))
        # Without a spec, the live one counts, which is not known.
        if mesh is None or mesh.desired is None or mesh.desired.spec is None:
            continue
        if mesh.spec.get("egressFilter", {}).get("type") == _ALLOW_ALL:
            continue
        for index, backend in enumerate(spec.get("backends", ())):
            name = backend["virtualService"]["virtualServiceName"]
            service = Key("virtual-service", (*mesh.key.path, name), mesh.key.mesh_owner)
            if source.lacks(service) and not name.startswith("arn:"):
                at = ("backends", index, "virtualService", "virtualServiceName")
                message = f"has the backend {name}, which is no virtual service here"
                yield CrossCheckFailure(
                    key, at, message, f"{mesh.key} drops what goes to anything else"
                )


def _routes(source: _Source) -> Iterator[tuple[Key, str, Any]]:
    for key, spec in source.of_kinds("route", "gateway-route"):
        for form in _ROUTES:
            if form in spec:
                yield key, form, spec[form]


RULES: tuple[tuple[Code, Callable[[_Source], Iterator[CrossCheckFailure]]], ...] = (
    (Code.DANGLING, _dangling),
    (Code.ELSEWHERE, _elsewhere),
    (Code.MATCH_PORT, _match_port),
    (Code.MATCH_PORT, _target_port),
    (Code.TWO_OWNERS, _two_owners),
    (Code.MISMATCH, _mismatch),
    (Code.NO_LISTENER, _no_listener),
    (Code.CUT_OFF, _cut_off),
)
"""What documents may not say of each other, or should not; the code says how bad that is."""
