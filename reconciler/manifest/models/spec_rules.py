"""Rules for specs that the API's description does not express, one row for each structure.

The sources are the App Mesh user guide, known responses of the service, and those checks of its
Kubernetes controller that no client contradicts; ``spec_checks`` warns of the others. Rules read
fields by attribute and report them by the names of the document, so they apply to every format.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.manifest.models.fields import Model, Rule
from reconciler.manifest.models.value_checks import InvalidValue
from reconciler.manifest.parsing.diagnostics import Code, did_you_mean, one_of, quote_value

ROUTES = ("grpc_route", "http_route", "http2_route", "tcp_route")
_RETRY_EVENTS = ("server-error", "gateway-error", "client-error", "stream-error")
_WEIGHT_TOTAL = 100


def _given(model: Model, names: Iterable[str]) -> list[str]:
    return [name for name in names if getattr(model, name) is not None]


def _field_names(model: Model, names: Iterable[str]) -> list[str]:
    """Return the names of the fields in the document."""
    return [str(type(model).model_fields[name].alias) for name in names]


def _reject(message: str, hint: str = "") -> None:
    raise InvalidValue(Code.NOT_ALLOWED, message, hint)


def exactly_one(*names: str) -> Rule:
    """Return the rule that exactly one of the fields ``names`` is given."""

    def rule(model: Model) -> None:
        count = len(_given(model, names))
        if count != 1:
            fields = ", ".join(_field_names(model, names))
            _reject(f"must have exactly one of {fields}; found {count or 'none'}")

    return rule


def _at_most_one(*names: str) -> Rule:
    def rule(model: Model) -> None:
        if len(_given(model, names)) > 1:
            _reject(f"must not have both {' and '.join(_field_names(model, names))}")

    return rule


def _at_least_one(*names: str) -> Rule:
    def rule(model: Model) -> None:
        if not _given(model, names):
            _reject(f"must have {one_of(_field_names(model, names))}")

    return rule


def _duration_pair(model: Model) -> None:
    names = ("unit", "value")
    if len(_given(model, names)) < len(names):
        _reject("must have both unit and value")


def _path(model: Any) -> None:
    if model.prefix is not None and not model.prefix.startswith("/"):
        _reject(f"must have a prefix that begins with /, not {quote_value(model.prefix)}")


def _reserved(name: str, *beginnings: str) -> Rule:
    def rule(model: Model) -> None:
        value = getattr(model, name)
        if value is not None and value.startswith(beginnings):
            (field,) = _field_names(model, [name])
            _reject(f"must not have a {field} that App Mesh reserves: {quote_value(value)}")

    return rule


def _enclosing_slashes(model: Any) -> None:
    if model.value is not None and not (model.value[0] == model.value[-1] == "/"):
        _reject(
            f"must have a value that begins and ends with /, not {quote_value(model.value)}",
            "for example /shop/",
        )


def _weights(model: Any) -> None:
    total = sum(target.weight for target in model.weighted_targets)
    if total > _WEIGHT_TOTAL:
        _reject(f"must have weights that add up to at most {_WEIGHT_TOTAL}, not {total}")


def _retry_events(model: Any) -> None:
    for event in model.http_retry_events or ():
        if event not in _RETRY_EVENTS:
            message = f"must retry on {one_of(_RETRY_EVENTS)}, not on {quote_value(event)}"
            _reject(message, did_you_mean(event, _RETRY_EVENTS))


def _method(model: Any) -> None:
    if model.method_name is not None and model.service_name is None:
        method, service = _field_names(model, ("method_name", "service_name"))
        _reject(f"must have {service} because it has {method}")


def _one_protocol(model: Any) -> None:
    protocol = model.port_mapping.protocol
    for name in ("connection_pool", "timeout"):
        value = getattr(model, name, None)
        if value is not None and getattr(value, protocol, None) is None:
            (field,) = _field_names(model, [name])
            _reject(f"must have a {field} for the protocol of the listener, {protocol}")


def _health_check_port(model: Any) -> None:
    ports = [listener.port_mapping.port for listener in model.listeners or ()]
    for listener in model.listeners or ():
        check = listener.health_check
        if check is not None and check.port is not None and check.port not in ports:
            message = f"has a health check on port {check.port}, which has no listener"
            _reject(message, f"use port {one_of(map(str, ports))}")


def _service_discovery(model: Any) -> None:
    listens, discovered = bool(model.listeners), model.service_discovery is not None
    if listens != discovered:
        fields = _field_names(model, ("listeners", "service_discovery"))
        given, missing = fields if listens else reversed(fields)
        _reject(f"must have {missing} because it has {given}")


RULES: Mapping[str, tuple[Rule, ...]] = {
    "Duration": (_duration_pair,),
    "RouteSpec": (exactly_one(*ROUTES),),
    "GatewayRouteSpec": (exactly_one(*ROUTES[:-1]),),
    "HttpRouteMatch": (_at_most_one("prefix", "path"), _path),
    "HttpGatewayRouteMatch": (
        _at_least_one("prefix", "path", "hostname"),
        _at_most_one("prefix", "path"),
        _path,
        _reserved("prefix", "/aws-appmesh", "/aws-app-mesh"),
    ),
    "GrpcGatewayRouteMatch": (
        _at_least_one("service_name", "hostname", "metadata", "port"),
        _reserved("service_name", "aws.app-mesh", "aws.appmesh"),
    ),
    "HttpPathMatch": (exactly_one("exact", "regex"),),
    "GatewayRouteHostnameMatch": (exactly_one("exact", "suffix"),),
    "HttpGatewayRouteRewrite": (_at_most_one("prefix", "path"),),
    "HttpGatewayRoutePrefixRewrite": (exactly_one("default_prefix", "value"), _enclosing_slashes),
    "RouteAction": (_weights,),
    "HttpRetryPolicy": (_at_least_one("http_retry_events", "tcp_retry_events"), _retry_events),
    "GrpcRetryPolicy": (
        _at_least_one("grpc_retry_events", "http_retry_events", "tcp_retry_events"),
        _retry_events,
    ),
    "GrpcRouteMatch": (_method,),
    "Listener": (_one_protocol,),
    "VirtualGatewayListener": (_one_protocol,),
    "VirtualNodeSpec": (_health_check_port, _service_discovery),
    "VirtualGatewaySpec": (_health_check_port,),
}
"""The rules for each structure of the description, in the order of the checks."""
