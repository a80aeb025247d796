"""Health checks and outlier detection, which the callers of a node carry out."""

from reconciler.core.envoy_syntax import UINT32_MAX
from reconciler.envoy.losses import Place, RefusedError
from reconciler.envoy.matches import require_header_value
from reconciler.envoy.messages import (
    Message,
    Part,
    bounded,
    milliseconds,
    seconds,
)

_HTTP2_PROTOCOLS = ("http2", "grpc")
# Envoy's limit of an ejection unless it is set.
_DEFAULT_MAX_EJECTION = 300_000


def health_checks(listener: Part, host: str, place: Place) -> Message:
    """Return the health checks of a listener as a field of its cluster; empty without one."""
    check = listener.get("healthCheck")
    if check is None:
        return {}
    place /= "healthCheck"
    kind = check["protocol"]
    if kind == "grpc" and listener["portMapping"]["protocol"] not in _HTTP2_PROTOCOLS:
        (place / "protocol").refuse("a grpc check needs an http2 or grpc listener; it is left out")
        return {}
    try:
        checker = _checker(kind, check.get("path") or "/", host, place)
    except RefusedError:
        return {}
    return {
        "health_checks": [
            {
                "healthy_threshold": check["healthyThreshold"],
                "unhealthy_threshold": check["unhealthyThreshold"],
                "interval": seconds(check["intervalMillis"]),
                "timeout": seconds(check["timeoutMillis"]),
                **checker,
            }
        ]
    }


def _checker(kind: str, path: str, host: str, place: Place) -> Message:
    if kind == "tcp":
        return {"tcp_health_check": {}}
    if kind == "grpc":
        return {"grpc_health_check": {}}
    http: Message = {
        "path": require_header_value(path, place / "path"),
        "host": require_header_value(host, place),
    }
    return {"http_health_check": http | ({"codec_client_type": "HTTP2"} if kind == "http2" else {})}


def outlier_detection(listener: Part, place: Place) -> Message:
    """Return the outlier detection of a listener as a field of its cluster; empty without one."""
    detection = listener.get("outlierDetection")
    if detection is None:
        return {}
    place /= "outlierDetection"
    interval = milliseconds(detection["interval"], place / "interval")
    base = milliseconds(detection["baseEjectionDuration"], place / "baseEjectionDuration")
    if not interval or not base:
        field = "interval" if not interval else "baseEjectionDuration"
        (place / field).refuse("Envoy needs more than 0; there is no outlier detection")
        return {}
    errors = bounded(detection["maxServerErrors"], UINT32_MAX, place / "maxServerErrors")
    return {
        "outlier_detection": {
            "consecutive_5xx": errors,
            "interval": seconds(interval),
            "base_ejection_time": seconds(base),
            "max_ejection_percent": detection["maxEjectionPercent"],
            "always_eject_one_host": True,
            # App Mesh counted server errors only; the rest is switched off (chosen).
            "enforcing_success_rate": 0,
            **({"max_ejection_time": seconds(base)} if base > _DEFAULT_MAX_EJECTION else {}),
        }
    }
