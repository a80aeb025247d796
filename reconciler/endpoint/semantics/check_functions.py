"""Checks of single values of a request, for the table in ``spec_checks``.

Each check yields the message of every violation. Its value is valid by the API description.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from reconciler.endpoint.semantics.behaviors import Behavior

Check = Callable[[Any, Behavior], Iterator[str]]

_INVALID_IN_PATH = re.compile(r"[/\x00-\x1f\x7f]")
_WORD_PATTERN = re.compile(r"[A-Za-z0-9_-]+")
_MAX_SERVICE_NAME_LENGTH = 255
_WEIGHT_TOTAL = 100
_HTTP_RETRY_EVENTS = ("client-error", "gateway-error", "server-error", "stream-error")
ROUTES = ("grpcRoute", "http2Route", "httpRoute", "tcpRoute")
GATEWAY_ROUTES = ("grpcRoute", "http2Route", "httpRoute")


def exactly_one(*names: str) -> Check:
    """Return a check that exactly one of the members is present."""

    def check(value: Any, _: Behavior) -> Iterator[str]:
        if sum(name in value for name in names) != 1:
            yield f"must have exactly one of {', '.join(names)}"

    return check


def at_least_one(*names: str) -> Check:
    """Return a check that one or more of the members are present."""

    def check(value: Any, _: Behavior) -> Iterator[str]:
        if not any(name in value for name in names):
            yield f"must have at least one of {', '.join(names)}"

    return check


def at_most_one(*names: str) -> Check:
    """Return a check that at most one of the members is present."""

    def check(value: Any, _: Behavior) -> Iterator[str]:
        if sum(name in value for name in names) > 1:
            yield f"must not have more than one of {', '.join(names)}"

    return check


def starts_with(member: str, *beginnings: str) -> Check:
    """Return a check that a text member, if present, begins with one of ``beginnings``."""

    def check(value: Any, _: Behavior) -> Iterator[str]:
        if not value.get(member, beginnings[0]).startswith(beginnings):
            yield f"{member} must begin with {' or '.join(beginnings)}"

    return check


def reserved(member: str, *beginnings: str) -> Check:
    """Return a check that a text member begins with none of ``beginnings``."""

    def check(value: Any, _: Behavior) -> Iterator[str]:
        if value.get(member, "").startswith(beginnings):
            yield f"{member} must not begin with {' or '.join(beginnings)}: reserved"

    return check


def names(request: Any, _: Behavior) -> Iterator[str]:
    """Check that every name can be part of a URL path."""
    for member, value in request.items():
        if member.endswith("Name") and _INVALID_IN_PATH.search(value):
            yield f"{member}: must not contain a slash or a control character"


def service_name(request: Any, _: Behavior) -> Iterator[str]:
    """Check the length of the name of a virtual service, which the API model does not limit."""
    size = len(request.get("virtualServiceName", "x"))
    if not 1 <= size <= _MAX_SERVICE_NAME_LENGTH:
        limits = f"1 to {_MAX_SERVICE_NAME_LENGTH} characters"
        yield f"virtualServiceName: must have {limits}, not {size}"


def word_names(request: Any, behavior: Behavior) -> Iterator[str]:
    """Check the characters of names that a behavior restricts to words."""
    strict = {"virtualRouterName": behavior.router_names, "meshName": behavior.mesh_names}
    for member, names in strict.items():
        if names == "word" and not _WORD_PATTERN.fullmatch(request.get(member, "x")):
            yield f"{member}: may contain only letters, digits, hyphens and underscores"


def reserved_tag(tag: Any, _: Behavior) -> Iterator[str]:
    """Check that a tag does not have the prefix reserved by AWS."""
    for member in ("key", "value"):
        if tag[member].lower().startswith("aws:"):
            yield f"the {member} {tag[member]!r} has the reserved prefix aws:"


def repeated_tags(tags: Any, _: Behavior) -> Iterator[str]:
    """Check that no tag key is repeated."""
    keys = [tag["key"] for tag in tags]
    for key in dict.fromkeys(keys):
        if keys.count(key) > 1:
            yield f"the key {key!r} is given {keys.count(key)} times"


def duration_pair(duration: Any, _: Behavior) -> Iterator[str]:
    """Check that a duration has both members or none."""
    if len(duration) == 1:
        yield "must have both of unit, value"


def ascending_range(bounds: Any, behavior: Behavior) -> Iterator[str]:
    """Check that a range is not empty."""
    if behavior.controller_rules == "checked" and bounds["start"] >= bounds["end"]:
        yield "start must be less than end"


def path_required(match: Any, behavior: Behavior) -> Iterator[str]:
    """Check that an HTTP route matches a prefix or a path."""
    if behavior.controller_rules == "checked" and not {"prefix", "path"} & match.keys():
        yield "must have exactly one of prefix, path"


def weights(action: Any, behavior: Behavior) -> Iterator[str]:
    """Check the sum of the weights."""
    total = sum(target["weight"] for target in action["weightedTargets"])
    exactly = behavior.weights == "exactly-100"
    if total > _WEIGHT_TOTAL or (exactly and total < _WEIGHT_TOTAL):
        yield f"the weights must sum up to {'' if exactly else 'at most '}100, not {total}"


def retry_events(policy: Any, _: Behavior) -> Iterator[str]:
    """Check the names of HTTP retry events, which the API model does not restrict."""
    for event in policy.get("httpRetryEvents", ()):
        if event not in _HTTP_RETRY_EVENTS:
            yield f"httpRetryEvents must be {' or '.join(_HTTP_RETRY_EVENTS)}, not {event!r}"


def method_with_service(match: Any, _: Behavior) -> Iterator[str]:
    """Check that a gRPC method has a service."""
    if "methodName" in match and "serviceName" not in match:
        yield "methodName needs serviceName"


def single_protocol(listener: Any, _: Behavior) -> Iterator[str]:
    """Check that the connection pool and the timeout are for the protocol of the listener."""
    protocol = listener["portMapping"]["protocol"]
    for member in ("connectionPool", "timeout"):
        for other in listener.get(member, {}):
            if other != protocol:
                yield f"{member} is for {other}, but the listener's protocol is {protocol}"


def health_check_port(spec: Any, behavior: Behavior) -> Iterator[str]:
    """Check that the port of every health check has a listener."""
    if behavior.health_check_elsewhere == "accepted":
        return
    ports = {listener["portMapping"]["port"] for listener in spec.get("listeners", ())}
    for listener in spec.get("listeners", ()):
        port = listener.get("healthCheck", {}).get("port")
        if port is not None and port not in ports:
            yield f"healthCheck.port must be that of a listener, not {port}"


def service_discovery(spec: Any, _: Behavior) -> Iterator[str]:
    """Check that a node with listeners has a service discovery."""
    if spec.get("listeners") and "serviceDiscovery" not in spec:
        yield "Listeners can't be set without a Service Discovery."


def listener_required(spec: Any, _: Behavior) -> Iterator[str]:
    """Check that a node with a service discovery has a listener."""
    if "serviceDiscovery" in spec and not spec.get("listeners"):
        yield "Service Discovery can't be set without a listener."


def enclosing_slashes(rewrite: Any, _: Behavior) -> Iterator[str]:
    """Check that a prefix begins and ends with a slash."""
    value = rewrite.get("value", "/")
    if not (value.startswith("/") and value.endswith("/")):
        yield "value must begin and end with a slash"
