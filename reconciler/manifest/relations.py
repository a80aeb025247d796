"""What the documents of a source say of each other: rules over all of them, one row each.

They see what was declared, in the API's words, whatever form it was written in. What is live is
not known here: where a mesh is not declared, the rest of it may be anywhere.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from reconciler.core.escaping import escaped
from reconciler.core.kinds import named_by, parent_of
from reconciler.core.listeners import listeners
from reconciler.core.resources import Key
from reconciler.manifest.budget import unlimited
from reconciler.manifest.diagnostics import Code, Diagnostic, did_you_mean, one_of
from reconciler.manifest.nodes import MOST_COMPLAINTS
from reconciler.manifest.sheets import Declared

_ROUTES = ("httpRoute", "http2Route", "grpcRoute", "tcpRoute")
_ALLOW_ALL = "ALLOW_ALL"


class _Source:
    """What a source declares, by key, with the answers that several rules want."""

    def __init__(self, declared: Mapping[Key, Declared]) -> None:
        self.declared = declared
        self._listeners: dict[Key | None, dict[int, str]] = {}

    def spec(self, key: Key | None) -> Any:
        """Return the spec of ``key`` as JSON; an empty one where it has none or is not here."""
        one = self.declared.get(key) if key else None
        return (one and one.desired.spec) or {}

    def of(self, *kinds: str) -> Iterator[tuple[Key, Any]]:
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

    @cached_property
    def missing(self) -> list[tuple[Key, Key, str]]:
        """Who needs what that is not declared, and how; a parent only for the first in it."""
        first_in: dict[Key, Key] = {}
        for key in self.declared:
            parent = parent_of(key)
            if parent and parent not in self.declared and not _of_others(parent):
                first_in.setdefault(parent, key)
        found = [(key, parent, "is in") for parent, key in first_in.items()]
        for key in self.declared:
            names = named_by(key, self.spec(key))
            found += [(key, each, "names") for each in names if each not in self.declared]
        return found


Breach = tuple[Key, str, str]
"""Whose name is pointed at, what is said of it, and a hint."""


def breaches(
    declared: Iterable[Declared], check_time: Callable[[], None] = unlimited
) -> Iterator[Diagnostic]:
    """Yield how the documents of a source do not fit each other."""
    source = _Source({one.desired.key: one for one in declared})
    for code, rule in RULES:
        for key, message, hint in rule(source):
            check_time()
            yield source.declared[key].complaint(code, escaped(message), escaped(hint))


def _mesh_of(key: Key) -> Key:
    return Key("mesh", key.path[:1], key.mesh_owner)


def _of_others(key: Key) -> bool:
    """Whether ``key`` is a mesh that another account has to declare."""
    return key.kind == "mesh" and key.mesh_owner != ""


def _dangling(source: _Source) -> Iterator[Breach]:
    dangling = [row for row in source.missing if source.has_mesh(row[0])]
    for number, (key, named, how) in enumerate(dangling):
        alike = (str(each) for each in source.declared if each.kind == named.kind)
        message = f"{how} {named}, which is not declared while its mesh is"
        # Finding a hint takes longer than reading a document, and a file shows no more errors.
        hint = did_you_mean(str(named), alike) if number < MOST_COMPLAINTS else ""
        yield key, message, hint


def _elsewhere(source: _Source) -> Iterator[Breach]:
    for key, named, how in source.missing:
        if not source.has_mesh(key):
            yield (
                key,
                f"{how} {named}, which no manifest here declares",
                "it has to be live already",
            )


def _two_owners(source: _Source) -> Iterator[Breach]:
    meshes: defaultdict[str, dict[str, Key]] = defaultdict(dict)
    for key in source.declared:
        meshes[key.path[0]].setdefault(key.mesh_owner or "your own account", key)
    for name, by_owner in meshes.items():
        if len(by_owner) > 1:
            message = f"is in one of several meshes {name}, of {' and '.join(by_owner)}"
            yield list(by_owner.values())[-1], message, "is a meshOwner missing?"


def _match_port(source: _Source) -> Iterator[Breach]:
    for key, form, route in _routes(source):
        parent = parent_of(key)
        ports = source.listeners(parent)
        if len(ports) > 1 and "port" not in route.get("match", {}):
            message = f"must match a port, as {parent} has {len(ports)} listeners"
            yield key, message, f"give spec.{form}.match.port: {one_of(map(str, ports))}"


def _target_port(source: _Source) -> Iterator[Breach]:
    for key, form, route in _routes(source):
        target = route["action"].get("target")
        if target is None or "port" in target:
            continue
        for service in named_by(key, source.spec(key)):
            for provider in named_by(service, source.spec(service)):
                ports = source.listeners(provider)
                if len(ports) > 1:
                    message = f"must name a target port, as {provider} has {len(ports)} listeners"
                    given = f"give spec.{form}.action.target.port: {one_of(map(str, ports))}"
                    yield key, message, given


def _mismatch(source: _Source) -> Iterator[Breach]:
    for key, form, route in _routes(source):
        parent = parent_of(key)
        protocol = form.removesuffix("Route")
        yield from _unheard(source, key, parent, protocol, route.get("match", {}).get("port"))
        for target in route["action"].get("weightedTargets", ()):
            node = Key("virtual-node", (key.path[0], target["virtualNode"]), key.mesh_owner)
            yield from _unheard(source, key, node, protocol, target.get("port"))


def _unheard(
    source: _Source, key: Key, listener: Key | None, protocol: str, port: int | None
) -> Iterator[Breach]:
    """Yield what ``key`` sends to ``listener`` and that does not listen for."""
    ports = source.listeners(listener)
    heard = {port: ports.get(port)} if port else ports
    if ports and protocol not in heard.values():
        where = f"{protocol} on port {port}" if port else protocol
        listens = one_of(f"{number} for {each}" for number, each in ports.items())
        yield key, f"is for {where}, but {listener} listens on {listens}", ""


def _no_listener(source: _Source) -> Iterator[Breach]:
    with_routes = {parent_of(key) for key, _ in source.of("route", "gateway-route")}
    for key, spec in source.of("virtual-router", "virtual-gateway"):
        if key in with_routes and not spec.get("listeners"):
            yield key, "has routes and no listener, so nothing can reach them", ""


def _cut_off(source: _Source) -> Iterator[Breach]:
    for key, spec in source.of("virtual-node"):
        mesh = _mesh_of(key)
        # Without a spec, the live one counts, which is not known.
        if mesh not in source.declared or source.declared[mesh].desired.spec is None:
            continue
        if source.spec(mesh).get("egressFilter", {}).get("type") == _ALLOW_ALL:
            continue
        for backend in spec.get("backends", ()):
            name = backend["virtualService"]["virtualServiceName"]
            service = Key("virtual-service", (*mesh.path, name), mesh.mesh_owner)
            if service not in source.declared and not name.startswith("arn:"):
                message = f"has the backend {name}, which is no virtual service here"
                yield key, message, f"{mesh} drops what goes to anything else"


def _routes(source: _Source) -> Iterator[tuple[Key, str, Any]]:
    for key, spec in source.of("route", "gateway-route"):
        for form in _ROUTES:
            if form in spec:
                yield key, form, spec[form]


RULES: tuple[tuple[Code, Callable[[_Source], Iterator[Breach]]], ...] = (
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
