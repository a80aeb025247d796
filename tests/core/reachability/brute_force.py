"""A tiny interpreter of the routing rules: it tries concrete requests, one after the other.

It reads the specs by itself and shares no code with the model. Where the API documents no order of
two routes, or not what an inverted condition says about an absent header, a request has several
possible answers.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from itertools import product
from typing import Any, NamedTuple

Specs = Mapping[str, Any]
Answer = frozenset[tuple[str, int | None, Fraction]]

PATHS = ("/", "/pay", "/pay/", "/pay/1", "/pay/x", "/payment", "/items", "/v1/a", "/v2/", "/other",
         "/shop.Cart/Add", "/shop.Cart/Drop", "/shop.Cart/", "/shop.Pay/Add")  # fmt: skip
METHODS = ("GET", "POST", "PATCH")
SCHEMES = ("http", "https")
VALUES = (None, "a", "ab", "ac", "b", "zz", "c")
QUERIES = (None, "1", "2")
HOSTS = ("shop.example", "a.shop.example", "b.example", "x.example", "elsewhere")


class Request(NamedTuple):
    path: str
    method: str
    scheme: str
    header: str | None
    query: str | None
    host: str


def requests_for(*meshes: Specs) -> list[Request]:
    """Return requests that differ in each respect that a route of ``meshes`` mentions."""
    text = repr([spec for mesh in meshes for spec in mesh.values()])

    def values(word: str, all_values: tuple[Any, ...]) -> tuple[Any, ...]:
        return all_values if f"'{word}'" in text else all_values[:1]

    return [
        Request(*it)
        for it in product(
            PATHS,
            values("method", METHODS),
            values("scheme", SCHEMES),
            VALUES if "'headers'" in text or "'metadata'" in text else VALUES[:1],
            values("queryParameters", QUERIES),
            values("hostname", HOSTS),
        )
    ]


def only(specs: Specs, parent: str) -> Specs:
    """Return the routes of ``parent`` alone."""
    return {key: spec for key, spec in specs.items() if f"/{parent.partition('/')[2]}/" in key}


def ports_of(spec: Any) -> dict[int, str]:
    return {
        it["portMapping"]["port"]: it["portMapping"]["protocol"] for it in spec.get("listeners", [])
    }


def one_text(match: Any, text: str) -> bool:
    """Whether a match method of the API accepts ``text``; without one, presence is enough."""
    if "regex" in match:
        return re.fullmatch(match["regex"], text) is not None
    if "range" in match:
        start, end = match["range"]["start"], match["range"]["end"]
        return text.isdigit() and bool(start <= int(text) < end)
    if "prefix" in match:
        return text.startswith(match["prefix"])
    if "suffix" in match:
        return text.endswith(match["suffix"])
    return bool(text == match.get("exact", text))


def accepts(field: str, match: Any, request: Request) -> set[bool]:
    """Return the possible answers to whether a route is for ``request``."""
    if field == "tcpRoute":
        return {True}
    plain = [
        match.get("method", request.method) == request.method,
        match.get("scheme", request.scheme) == request.scheme,
        request.path.startswith(match.get("prefix", "/")),
        one_text(match.get("path", {}), request.path),
    ]
    if "serviceName" in match:
        method = match.get("methodName")
        call = f"/{match['serviceName']}/{method or ''}"
        plain.append(request.path == call if method else request.path.startswith(call))
    if "hostname" in match:
        plain.append(one_text(match["hostname"], request.host))
    query = request.query
    plain += [
        query is not None and one_text(item.get("match", {}), query)
        for item in match.get("queryParameters", [])
    ]
    possible = {all(plain)}
    for item in [*match.get("headers", []), *match.get("metadata", [])]:
        invert = item.get("invert", False)
        if request.header is None:
            known = "match" not in item or not invert
            fits = {invert} if known else {True, False}
        else:
            fits = {one_text(item.get("match", {}), request.header) != invert}
        possible = {one and other for one, other in product(possible, fits)}
    return possible


def is_before(field: str, spec: Any, other: Any) -> bool:
    """Whether the API documents that the route of ``spec`` is before that of ``other``."""
    first, second = (it[field].get("match", {}) for it in (spec, other))
    priority = other.get("priority", 1001) - spec.get("priority", 1001)
    if priority == 0:
        if "regex" in first.get("path", {}) or "regex" in second.get("path", {}):
            return False
        priority = path_length(field, first) - path_length(field, second)
    host = (host_length(first) > host_length(second)) - (host_length(first) < host_length(second))
    return (priority > 0 and host >= 0) or (priority == 0 and host > 0)


def path_length(field: str, match: Any) -> int:
    if field == "tcpRoute":
        return 0
    if field == "grpcRoute":
        service = match.get("serviceName")
        return len(f"/{service}/{match.get('methodName', '')}") if service else 1
    return len(match.get("path", {}).get("exact", match.get("prefix", "/")))


def host_length(match: Any) -> tuple[int, int]:
    host = match.get("hostname", {})
    return ("suffix" in host) + 2 * ("exact" in host), len("".join(host.values()))


def routes_on(specs: Specs, parent: str, port: int) -> list[tuple[str, str, Any]]:
    """Return the routes of a router or gateway for one of its ports, by name."""
    ports = ports_of(specs[parent])
    kind = "route" if parent.startswith("virtual-router/") else "gateway-route"
    prefix = f"{kind}/{parent.partition('/')[2]}/"
    found = []
    for key, spec in specs.items():
        field = f"{ports[port]}Route"
        if key.startswith(prefix) and field in spec:
            own = spec[field].get("match", {}).get("port")
            if own == port or (own is None and len(ports) == 1):
                found.append((key, field, spec))
    return found


class Option(NamedTuple):
    """A route of a table, with the answer to its requests."""

    field: str
    spec: Any
    answer: Answer


def table(specs: Specs, parent: str, port: int) -> list[Option]:
    """Return the routes of a router or gateway for one of its ports, with their answers."""
    return [
        Option(field, spec, action(specs, parent, field, spec))
        for _, field, spec in routes_on(specs, parent, port)
    ]


def answers(
    options: list[Option],
    request: Request,
    order: Callable[[str, Any, Any], bool] = is_before,
) -> frozenset[Answer]:
    """Return the possible answers to ``request``; with one of them, it is the answer."""
    fits = [
        sorted(accepts(field, spec[field].get("match", {}), request)) for field, spec, _ in options
    ]
    possible: set[Answer] = set()
    for chosen in product(*fits):
        fitting = [it for is_chosen, it in zip(chosen, options, strict=True) if is_chosen]
        first = [
            it
            for it in fitting
            if not any(order(it.field, other.spec, it.spec) for other in fitting)
        ]
        possible |= {it.answer for it in first} or {frozenset()}
    return frozenset(possible)


def action(specs: Specs, parent: str, field: str, spec: Any) -> Answer:
    mesh = parent.split("/")[1]
    todo = spec[field]["action"]
    if "target" in todo:
        name = todo["target"]["virtualService"]["virtualServiceName"]
        target = f"virtual-service/{mesh}/{name}", todo["target"].get("port"), Fraction(1)
        return frozenset({target})
    total = sum(it["weight"] for it in todo["weightedTargets"])
    shares: dict[tuple[str, int | None], Fraction] = {}
    for item in todo["weightedTargets"]:
        node, port = f"virtual-node/{mesh}/{item['virtualNode']}", item.get("port")
        ports = ports_of(specs.get(node, {}))
        if item["weight"] and (port in ports if port else ports):
            share = Fraction(item["weight"], total)
            shares[node, port] = shares.get((node, port), Fraction(0)) + share
    return frozenset((node, port, share) for (node, port), share in shares.items())


def service_table(specs: Specs, service: str, port: int) -> list[Option]:
    """Return the routes of a service for one of the ports of its provider."""
    provider = provider_of(specs, service) or ""
    if provider.startswith("virtual-node/"):
        return [Option("tcpRoute", {"tcpRoute": {}}, frozenset({(provider, port, Fraction(1))}))]
    return table(specs, provider, port)


def provider_of(specs: Specs, service: str) -> str | None:
    mesh = service.split("/")[1]
    match specs.get(service, {}).get("provider", {}):
        case {"virtualNode": {"virtualNodeName": name}}:
            return f"virtual-node/{mesh}/{name}"
        case {"virtualRouter": {"virtualRouterName": name}}:
            return f"virtual-router/{mesh}/{name}"
    return None


def calls(specs: Specs) -> Iterator[tuple[str, str]]:
    """Yield each node with each service that it has as a backend."""
    for key, spec in specs.items():
        if key.startswith("virtual-node/"):
            mesh = key.split("/")[1]
            for item in spec.get("backends", []):
                yield key, f"virtual-service/{mesh}/{item['virtualService']['virtualServiceName']}"
