"""Warnings about single specs, one row for each rule.

The API accepts these specs, but the webhook of the Kubernetes controller or Envoy rejects them. An
Envoy would reject a whole route table or listener because of one field, so the translation for
Envoys leaves it out.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from reconciler.core.envoy_syntax import MAX_SERVER_NAME, UINT32_MAX, log_formats, regexes
from reconciler.core.kinds import HTTP_ROUTE_FIELDS, PROXY_KINDS, ROUTE_FIELDS, Steps
from reconciler.manifest.parsing.diagnostics import Code, one_of

_HTTP2_PROTOCOLS = ("http2", "grpc")
_ROUTE_KINDS = ("route", "gateway-route")
_PATHS = ("prefix", "path")


class RejectedField(NamedTuple):
    """A field that is rejected: its path in the spec, the reason, and the effect."""

    at: Steps
    message: str
    hint: str = ""


SpecRule: TypeAlias = tuple[Code, tuple[str, ...], Callable[[Any], Iterator[RejectedField]]]
"""A code, the kinds of the rule, and a function that yields the rejected fields of a spec."""


def _unmatched(needed: Mapping[str, tuple[str, ...]], spec: Any) -> Iterator[RejectedField]:
    for route_field, fields in needed.items():
        if route_field in spec and not spec[route_field].get("match", {}).keys() & {*fields}:
            message = f"matches no {one_of(fields)}, which the Kubernetes controller requires"
            yield RejectedField((route_field, "match"), message)


def _empty_ranges(spec: Any) -> Iterator[RejectedField]:
    for route_field in HTTP_ROUTE_FIELDS:
        match = spec.get(route_field, {}).get("match", {})
        for field in ("headers", "metadata"):
            for index, item in enumerate(match.get(field, ())):
                bounds = item.get("match", {}).get("range")
                if bounds and bounds["start"] >= bounds["end"]:
                    at = (route_field, "match", field, index, "match", "range")
                    message = "has a range whose start is not below its end, so it matches nothing"
                    yield RejectedField(at, message)


def _regexes(spec: Any) -> Iterator[RejectedField]:
    for at, text in _texts(spec, "regex", ()):
        if reason := regexes.problem(text):
            message = f"has a regular expression that Envoy rejects: {reason}"
            yield RejectedField(at, message, "Envoys do not get the route")


def _log_formats(spec: Any) -> Iterator[RejectedField]:
    log_format = spec.get("logging", {}).get("accessLog", {}).get("file", {}).get("format", {})
    path: Steps = ("logging", "accessLog", "file", "format")
    for name in ("text", "value"):
        for at, text in _texts(log_format, name, path):
            if reason := log_formats.problem(text):
                message = f"has a log format that Envoy rejects: {reason}"
                yield RejectedField(at, message, "Envoys write no access log")


def _retries(spec: Any) -> Iterator[RejectedField]:
    for route_field in HTTP_ROUTE_FIELDS:
        retries = spec.get(route_field, {}).get("retryPolicy", {}).get("maxRetries", 0)
        if retries > UINT32_MAX:
            at = (route_field, "retryPolicy", "maxRetries")
            message = f"has more retries than Envoy can count, which are {UINT32_MAX}"
            yield RejectedField(at, message)


def _weights(spec: Any) -> Iterator[RejectedField]:
    for route_field in ROUTE_FIELDS:
        targets = spec.get(route_field, {}).get("action", {}).get("weightedTargets", ())
        if targets and not any(target["weight"] for target in targets):
            at = (route_field, "action", "weightedTargets")
            effect = "close its connections" if route_field == "tcpRoute" else "answer it with 503"
            message = "has no target with a weight above 0, which Envoy rejects"
            yield RejectedField(at, message, f"Envoys {effect}")


def _outlier_detection(spec: Any) -> Iterator[RejectedField]:
    for index, listener in enumerate(spec.get("listeners", ())):
        detection = listener.get("outlierDetection", {})
        for field in ("interval", "baseEjectionDuration"):
            if field in detection and not detection[field].get("value"):
                at = ("listeners", index, "outlierDetection", field)
                message = "has outlier detection with a duration of 0, which Envoy rejects"
                yield RejectedField(at, message, "Envoys detect no outliers")


def _health_checks(spec: Any) -> Iterator[RejectedField]:
    for index, listener in enumerate(spec.get("listeners", ())):
        protocol = listener["portMapping"]["protocol"]
        checks_grpc = listener.get("healthCheck", {}).get("protocol") == "grpc"
        if checks_grpc and protocol not in _HTTP2_PROTOCOLS:
            at = ("listeners", index, "healthCheck", "protocol")
            message = f"checks the health of a listener for {protocol} by grpc, which Envoy rejects"
            yield RejectedField(at, message, "Envoys make no health checks")


def _server_names(spec: Any) -> Iterator[RejectedField]:
    match spec.get("serviceDiscovery"):
        case {"dns": {"hostname": host}}:
            field = ("dns", "hostname")
        case {"awsCloudMap": {"serviceName": service, "namespaceName": namespace}}:
            host, field = f"{service}.{namespace}", ("awsCloudMap", "serviceName")
        case _:
            return
    if len(host.removesuffix(".")) > MAX_SERVER_NAME:
        message = (
            f"has a host name with more than {MAX_SERVER_NAME} characters, which Envoy rejects "
            "in TLS"
        )
        yield RejectedField(("serviceDiscovery", *field), message)


def _texts(value: Any, name: str, at: Steps) -> Iterator[tuple[Steps, str]]:
    """Yield all texts below ``value`` in members with this name, each with its path."""
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for step, member in members:
        if isinstance(member, dict | list):
            yield from _texts(member, name, (*at, step))
        elif step == name:
            yield (*at, step), member


RULES: tuple[SpecRule, ...] = (
    (
        Code.CONTROLLER_RULE,
        ("route",),
        partial(_unmatched, {"httpRoute": _PATHS, "http2Route": _PATHS}),
    ),
    (
        Code.CONTROLLER_RULE,
        ("gateway-route",),
        partial(_unmatched, {"grpcRoute": ("serviceName", "hostname")}),
    ),
    (Code.CONTROLLER_RULE, _ROUTE_KINDS, _empty_ranges),
    (Code.ENVOY_REGEX, _ROUTE_KINDS, _regexes),
    (Code.ENVOY_LOG_FORMAT, PROXY_KINDS, _log_formats),
    (Code.ENVOY_RETRIES, ("route",), _retries),
    (Code.ENVOY_WEIGHTS, ("route",), _weights),
    (Code.ENVOY_OUTLIERS, ("virtual-node",), _outlier_detection),
    (Code.ENVOY_HEALTH_CHECK, ("virtual-node",), _health_checks),
    (Code.ENVOY_SERVER_NAME, ("virtual-node",), _server_names),
)
"""The rules in order; the severity is that of the code."""
