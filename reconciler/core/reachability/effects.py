"""The difference between the reachability of two states, in sentences for reviewers.

A sentence belongs to one changed resource, the first of these: the route that answers, the router
or gateway, the service, and the nodes. There is none about answers that are not known.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from fractions import Fraction
from typing import NamedTuple

from reconciler import limits
from reconciler.core.reachability.flows import Flow, compare_tables
from reconciler.core.reachability.model import (
    Answer,
    Reachability,
    Table,
    listener_ports,
)
from reconciler.core.reachability.requests import first_rules, request_classes
from reconciler.core.resources import Key, shorten_list
from reconciler.core.traffic_shares import percent


class Effect(NamedTuple):
    """A sentence about the traffic that changes, and the changed resource that it belongs to."""

    cause: Key
    text: str


def effects(
    before: Reachability, after: Reachability, changed: AbstractSet[Key]
) -> Iterator[Effect]:
    """Yield the effects of the changes of ``changed`` on traffic."""
    keys = before.specs.keys() | after.specs.keys()
    calls = _Calls(before, after, changed)
    for key in sorted(keys):
        if key.kind == "virtual-service":
            causes = _causes(before, after, key, changed)
            if before.is_decidable(key) and after.is_decidable(key):
                if causes:
                    yield from _table_effects(before, after, key, causes)
                calls.compare(key, causes)
        elif key.kind == "virtual-gateway":
            routes = _routes(before, after, key)
            causes = [it for it in (*routes, key) if it in changed]
            if causes and before.has_table(key) and after.has_table(key):
                yield from _table_effects(before, after, key, causes)
        elif key.kind == "mesh" and key in changed:
            yield from _egress_effects(before, after, key)
    yield from calls.effects()


def _routes(before: Reachability, after: Reachability, key: Key) -> list[Key]:
    found = (*after.routes.get(key, ()), *before.routes.get(key, ()))
    return [*dict.fromkeys(found)]


def _causes(
    before: Reachability, after: Reachability, service: Key, changed: AbstractSet[Key]
) -> list[Key]:
    """Return the changed resources that decide on the answers of ``service``."""
    providers = [it.provider for side in (after, before) if (it := side.service(service))]
    routes = [route for key in providers for route in _routes(before, after, key)]
    nodes = [node for side in (after, before) for route in routes for node in side.targets(route)]
    return [it for it in dict.fromkeys((*routes, *providers, service, *nodes)) if it in changed]


def _ports(side: Reachability, key: Key) -> Mapping[int, str]:
    if key.kind == "virtual-gateway":
        return listener_ports(side.spec(key))
    service = side.service(key)
    return service.ports if service else {}


def _tables(side: Reachability, key: Key) -> dict[int, Table]:
    """Return the tables of a service or gateway by port."""
    service = side.service(key)
    owner = service.provider if service else key
    return {port: side.table(owner, port) for port in _ports(side, key)}


def _table_effects(
    before: Reachability, after: Reachability, key: Key, causes: list[Key]
) -> Iterator[Effect]:
    old, new = _tables(before, key), _tables(after, key)
    has_several = len(old.keys() | new.keys()) > 1
    for port in sorted(old.keys() | new.keys()):
        subject = f"{key.name}:{port}" if has_several else key.name
        for flow in compare_tables(old.get(port), new.get(port)):
            own = [it.key for it in (flow.rule, flow.replaced) if it and it.key in causes]
            yield Effect((own or causes)[0], _flow_text(subject, flow))


def _flow_text(subject: str, flow: Flow) -> str:
    requests = f"{subject}: {flow.text}" if flow.text else subject
    if not flow.after:
        return f"{requests} no longer goes to {_targets(flow.before)}"
    if not flow.before:
        return f"{requests} now goes to {_targets(flow.after)}"
    old, new = _shares(flow.before), _shares(flow.after)
    if flow.text and not old.keys() & new.keys():
        return (
            f"{requests} now goes to {_targets(flow.after)}, no longer to {_targets(flow.before)}"
        )
    none = Fraction(0)
    moved = [
        f"{name} {percent(old.get(name, none))} -> {percent(new.get(name, none))}"
        for name in dict.fromkeys((*old, *new))
        if old.get(name, none) != new.get(name, none)
    ]
    return f"{requests}: {', '.join(moved)}"


def _shares(answer: Answer) -> dict[str, Fraction]:
    return {f"{key.name}{'' if port is None else f':{port}'}": share for key, port, share in answer}


def _targets(answer: Answer) -> str:
    """Return the targets, each with its share unless it gets all."""
    shares = _shares(answer)
    return _listed(
        [name if share == 1 else f"{name} {percent(share)}" for name, share in shares.items()]
    )


def _listed(names: Sequence[str]) -> str:
    if 1 < len(names) <= limits.MAX_KEYS_LISTED:
        return f"{', '.join(names[:-1])} and {names[-1]}"
    return shorten_list(names)


def _egress_effects(before: Reachability, after: Reachability, mesh: Key) -> Iterator[Effect]:
    if mesh not in before.specs or mesh not in after.specs:
        return
    if not (before.knows(mesh) and after.knows(mesh)):
        return
    was, becomes = (_allows_all(side, mesh) for side in (before, after))
    number = sum(
        key.kind == "virtual-node"
        and key.path[0] == mesh.name
        and key.mesh_owner == mesh.mesh_owner
        for key in after.specs
    )
    if was != becomes and number:
        nodes = "1 node" if number == 1 else f"{number} nodes"
        yield Effect(mesh, f"{'opens' if becomes else 'closes'} egress of {nodes}")


class _Calls:
    """Collects the callers that gain or lose a service by the changes."""

    def __init__(
        self, before: Reachability, after: Reachability, changed: AbstractSet[Key]
    ) -> None:
        self._before = before
        self._after = after
        self._changed = changed
        self._by_caller: defaultdict[tuple[Key, bool], list[str]] = defaultdict(list)
        self._by_service: list[Effect] = []

    def compare(self, service: Key, causes: list[Key]) -> None:
        """Compare the calls of ``service`` before and after the changes.

        Args:
            service: The service.
            causes: The changed resources that decide on its answers.
        """
        callers = self._callers(service)
        if not causes and not callers.keys() & self._changed:
            return
        old, new = (_answering_ports(side, service) for side in (self._before, self._after))
        if old is None or new is None:
            return
        unchanged: defaultdict[tuple[bool, str], list[str]] = defaultdict(list)
        for caller, (called, calls) in callers.items():
            if caller not in self._after.specs or not self._knows(caller):
                continue
            was, becomes = old if called else frozenset(), new if calls else frozenset()
            gains = _ruled(self._before, caller, service if called else None, becomes - was)
            losses = _ruled(self._after, caller, service if calls else None, was - becomes)
            for gained, ports in ((True, gains), (False, losses)):
                if not ports:
                    continue
                name = service.name + _ports_text(ports, old | new)
                if caller in self._changed:
                    self._by_caller[caller, gained].append(name)
                else:
                    unchanged[gained, name].append(caller.name)
        for (gained, name), names in unchanged.items():
            text = f"{_listed(names)} {_can(gained=gained)} {name}"
            self._by_service.append(Effect(causes[0], text))

    def _callers(self, service: Key) -> dict[Key, tuple[bool, bool]]:
        """Return the callers of ``service``, and whether they call it before and after."""
        old, new = (side.callers.get(service, ()) for side in (self._before, self._after))
        nodes = {it: (it in old, it in new) for it in (*new, *old)}
        gateways = self._before.gateways.get(service, ())
        # A changed route of a gateway has its own effects.
        both = [it for it in self._after.gateways.get(service, ()) if it in gateways]
        return {**nodes, **dict.fromkeys(both, (True, True))}

    def effects(self) -> Iterator[Effect]:
        """Yield the effects."""
        for (caller, gained), names in self._by_caller.items():
            yield Effect(caller, f"{caller.name} {_can(gained=gained)} {_listed(names)}")
        yield from self._by_service

    def _knows(self, caller: Key) -> bool:
        return self._before.knows(caller) and self._after.knows(caller)


def _ruled(
    side: Reachability, caller: Key, backend: Key | None, ports: frozenset[int]
) -> frozenset[int]:
    """Return the ``ports`` on which requests of ``caller`` get an answer only by a rule.

    With ALLOW_ALL, a node calls any endpoint inside or outside of the mesh.
    """
    mesh = Key("mesh", caller.path[:1], caller.mesh_owner)
    is_open = not side.knows(mesh) or _allows_all(side, mesh)
    if not is_open or caller.kind != "virtual-node" or caller not in side.specs:
        return ports
    return ports & _ports(side, backend).keys() if backend else frozenset()


def _allows_all(side: Reachability, mesh: Key) -> bool:
    return bool(side.spec(mesh).get("egressFilter", {}).get("type") == "ALLOW_ALL")


def _answering_ports(side: Reachability, service: Key) -> frozenset[int] | None:
    """Return the ports on which a request gets an answer; None if it is not known."""
    found = {port: _answers(table) for port, table in _tables(side, service).items()}
    if None in found.values():
        return None
    return frozenset(port for port, answers in found.items() if answers)


def _answers(table: Table) -> bool | None:
    """Whether a request gets an answer; None if it is not known."""
    requests = request_classes([table])
    if requests is None:
        return None
    known: set[bool] = set()
    for request in requests:
        answers = {bool(rule and rule.answer) for rule in first_rules(table, request)}
        if answers == {True}:
            return True
        known |= answers
    return None if True in known else False


def _ports_text(ports: frozenset[int], all_ports: frozenset[int]) -> str:
    if ports == all_ports:
        return ""
    return f" on port{'s' if len(ports) > 1 else ''} {' and '.join(map(str, sorted(ports)))}"


def _can(*, gained: bool) -> str:
    return "can now call" if gained else "can no longer call"
