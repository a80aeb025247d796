"""The model answers as a tiny interpreter that tries requests, and so do differences of meshes."""

import random
import re
from collections.abc import Callable, Iterator
from typing import Any

import amounts
import pytest
from builders import key
from core.reachability import brute_force as brute
from core.reachability.random_routes import edited, random_mesh

from reconciler.core.reachability.effects import effects
from reconciler.core.reachability.flows import compare_tables
from reconciler.core.reachability.model import Answer, Reachability, Table
from reconciler.core.reachability.requests import first_rules, request_classes

pytestmark = pytest.mark.unmeasured
MESHES = amounts.amount("random meshes against brute force", test=50, full=2000)
Specs = dict[str, Any]
TABLES = ("virtual-router/m/r", "virtual-router/m/s", "virtual-gateway/m/edge")
SERVICES = ("virtual-service/m/cart", "virtual-service/m/pay")


def meshes() -> Iterator[tuple[Specs, Specs]]:
    """Yield pairs of meshes: one, and an edit of it."""
    for number in range(MESHES):
        draw = random.Random(f"{amounts.SEED} {number}")  # noqa: S311
        before = random_mesh(draw)
        yield before, edited(draw, before)


def modeled(specs: Specs) -> Reachability:
    return Reachability({key(name): spec for name, spec in specs.items()})


def plain(answer: Answer) -> brute.Answer:
    return frozenset((str(target), port, share) for target, port, share in answer)


def model_answers(table: Table) -> set[frozenset[brute.Answer]]:
    requests = request_classes([table])
    assert requests is not None
    return {
        frozenset(plain(rule.answer if rule else ()) for rule in first_rules(table, request))
        for request in requests
    }


def differing(order: Callable[[str, Any, Any], bool]) -> Iterator[tuple[Specs, str, int]]:
    """Yield the tables for which the model and the interpreter with ``order`` differ."""
    for mesh, _ in meshes():
        model = modeled(mesh)
        for parent in TABLES:
            requests = brute.requests_for(brute.only(mesh, parent))
            for port in brute.ports_of(mesh[parent]):
                options = brute.table(mesh, parent, port)
                tried = {brute.answers(options, it, order) for it in requests}
                if model_answers(model.table(key(parent), port)) != tried:
                    yield mesh, parent, port


def test_the_model_answers_as_the_interpreter() -> None:
    assert [*differing(brute.is_before)] == []


def by_priority(_: str, spec: Any, other: Any) -> bool:
    return bool(spec.get("priority", 1001) < other.get("priority", 1001))


def by_length(field: str, spec: Any, other: Any) -> bool:
    first, second = (it[field].get("match", {}) for it in (spec, other))
    return brute.path_length(field, first) > brute.path_length(field, second)


@pytest.mark.parametrize("order", [lambda *_: False, by_priority, by_length])
def test_without_a_part_of_the_order_the_answers_differ(
    order: Callable[[str, Any, Any], bool],
) -> None:
    assert any(differing(order))


def decidable(specs: Specs, parent: str) -> bool:
    """Whether no route of ``parent`` is for another protocol of HTTP than its listener."""
    for spec in brute.only(specs, parent).values():
        (field,) = spec.keys() - {"priority"}
        port = spec[field].get("match", {}).get("port")
        for number, protocol in brute.ports_of(specs[parent]).items():
            pair = {protocol, field.removesuffix("Route")}
            if port in (None, number) and len(pair) > 1 and "tcp" not in pair:
                return False
    return True


def test_the_difference_of_two_meshes_is_that_of_the_interpreter() -> None:
    compared = 0
    for before, after in meshes():
        old, new = modeled(before), modeled(after)
        for parent in TABLES:
            assert old.has_table(key(parent)) == decidable(before, parent)
            if not (decidable(before, parent) and decidable(after, parent)):
                continue
            ports = brute.ports_of(before[parent]), brute.ports_of(after[parent])
            for port in ports[0].keys() & ports[1].keys():
                if ports[0][port] == ports[1][port]:
                    compared += check_flows(before, after, parent, port, old, new)
    assert compared > MESHES / 2


def check_flows(
    before: Specs, after: Specs, parent: str, port: int, old: Reachability, new: Reachability
) -> int:
    """Compare the flows of one table with those of the interpreter; return how many there are."""
    requests = brute.requests_for(brute.only(before, parent), brute.only(after, parent))
    sides = [brute.table(mesh, parent, port) for mesh in (before, after)]
    tried = {it: tuple(brute.answers(side, it) for side in sides) for it in requests}
    expected = {
        (was, becomes)
        for one, other in tried.values()
        if len(one) == len(other) == 1
        for was in one
        for becomes in other
        if was != becomes
    }
    tables = [model.table(key(parent), port) for model in (old, new)]
    flows = [*compare_tables(*tables)]
    assert {(plain(flow.before), plain(flow.after)) for flow in flows} == expected
    for flow in flows:
        change = frozenset({plain(flow.before)}), frozenset({plain(flow.after)})
        if flow.text == "":
            assert set(tried.values()) == {change}
        elif not flow.text.startswith("part of "):
            specs = after if flow.rule in tables[1].rules else before
            spec = specs[str(flow.rule.key)]
            field = f"{flow.rule.protocol}Route"
            match = spec[field].get("match", {})
            inside = [it for it in requests if True in brute.accepts(field, match, it)]
            assert {tried[request] for request in inside} == {change}
    return len(flows)


CALLS = re.compile(r"(?P<callers>.+) can (?P<verb>now|no longer) call (?P<services>.+)")


def said(before: Specs, after: Specs) -> set[tuple[str, str, str]]:
    """Return the callers and services that are named in effects, with the ports."""
    changed = {key(it) for it in {*before, *after} if before.get(it) != after.get(it)}
    found = set()
    for _, text in effects(modeled(before), modeled(after), changed):
        if match := CALLS.fullmatch(text):
            callers = re.split(r", | and ", match["callers"])
            services = re.split(r", | and (?=[a-z])", match["services"])
            found |= {(it, match["verb"], name) for it in callers for name in services}
    return found


def reached(specs: Specs, service: str) -> set[int] | None:
    """Return the ports on which some request gets an answer; None if that is not known."""
    provider = brute.provider_of(specs, service)
    found: set[int] = set()
    for port in brute.ports_of(specs.get(provider or "", {})):
        options = brute.service_table(specs, service, port)
        requests = brute.requests_for(brute.only(specs, provider or ""))
        possible = {brute.answers(options, request) for request in requests}
        if any(all(answer) for answer in possible):
            found.add(port)
        elif any(any(answer) for answer in possible):
            return None
    return found


def decided(specs: Specs, caller: str, backend: str, ports: set[int]) -> set[int]:
    """Return the ports on which a caller gets no answer from outside of the mesh."""
    is_open = specs["mesh/m"].get("egressFilter", {}).get("type") == "ALLOW_ALL"
    if caller == "edge" or not is_open:
        return ports
    provider = brute.provider_of(specs, backend) if backend else None
    return ports & brute.ports_of(specs.get(provider or "", {})).keys()


def test_callers_reach_what_the_interpreter_reaches() -> None:
    named = 0
    for before, after in meshes():
        expected = set()
        for service in SERVICES:
            sides = []
            for specs in (before, after):
                provider = brute.provider_of(specs, service)
                known = (
                    provider is None
                    or provider.startswith("virtual-node")
                    or (decidable(specs, provider))
                )
                sides.append(reached(specs, service) if known else None)
            was, becomes = sides
            if was is None or becomes is None:
                continue
            callers: dict[str, tuple[bool, bool]] = {}
            for name in ("one", "two", "three"):
                call = f"virtual-node/m/{name}", service
                callers[name] = call in brute.calls(before), call in brute.calls(after)
            gateway = f"'{service.rpartition('/')[2]}'"
            has_route = [gateway in repr(brute.only(it, TABLES[2])) for it in (before, after)]
            callers["edge"] = (all(has_route), all(has_route))
            for name, (called, calls) in callers.items():
                old, new = was if called else set(), becomes if calls else set()
                gains = decided(before, name, service if called else "", new - old)
                losses = decided(after, name, service if calls else "", old - new)
                for verb, ports in (("now", gains), ("no longer", losses)):
                    if ports:
                        words = " and ".join(map(str, sorted(ports)))
                        plural = "s" if len(ports) > 1 else ""
                        every = ports == was | becomes
                        where = "" if every else f" on port{plural} {words}"
                        expected.add((name, verb, service.rpartition("/")[2] + where))
        assert said(before, after) == expected
        named += len(expected)
    assert named > MESHES / 4
