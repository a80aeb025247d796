"""One resource of every kind that fit together, with specs that use most of what there is."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from reconciler.api import Operation, load

ACCOUNT = "123456789012"
SCOPE = (ACCOUNT, "eu-west-1")
SECOND = {"unit": "s", "value": 1}
TLS = {
    "mode": "STRICT",
    "certificate": {"file": {"certificateChain": "/c", "privateKey": "/k"}},
    "validation": {"trust": {"sds": {"secretName": "s"}}},
}
CLIENT = {
    "clientPolicy": {
        "tls": {
            "enforce": False,
            "ports": [443],
            "certificate": {"sds": {"secretName": "s"}},
            "validation": {
                "trust": {"acm": {"certificateAuthorityArns": ["arn:aws:acm-pca:::x"]}},
                "subjectAlternativeNames": {"match": {"exact": ["a.example"]}},
            },
        }
    }
}
LOG = {"accessLog": {"file": {"path": "/dev/stdout", "format": {"text": "%START_TIME%"}}}}
HEALTH = {
    "protocol": "http",
    "healthyThreshold": 2,
    "unhealthyThreshold": 2,
    "intervalMillis": 5000,
    "timeoutMillis": 2000,
    "path": "/ping",
}
NODE: dict[str, Any] = {
    "listeners": [
        {
            "portMapping": {"port": 8080, "protocol": "http"},
            "healthCheck": HEALTH,
            "timeout": {"http": {"idle": SECOND, "perRequest": {"unit": "ms", "value": 0}}},
            "connectionPool": {"http": {"maxConnections": 1, "maxPendingRequests": 1}},
            "outlierDetection": {
                "interval": SECOND,
                "baseEjectionDuration": SECOND,
                "maxEjectionPercent": 100,
                "maxServerErrors": 1,
            },
            "tls": TLS,
        }
    ],
    "serviceDiscovery": {"dns": {"hostname": "checkout.local", "responseType": "ENDPOINTS"}},
    "backends": [{"virtualService": {"virtualServiceName": "nowhere.local"}}],
    "backendDefaults": CLIENT,
    "logging": LOG,
}
HTTP_ROUTE: dict[str, Any] = {
    "action": {"weightedTargets": [{"virtualNode": "checkout", "weight": 100}]},
    "match": {
        "prefix": "/",
        "method": "GET",
        "scheme": "http",
        "headers": [{"name": "h", "invert": True, "match": {"range": {"start": 1, "end": 2}}}],
        "queryParameters": [{"name": "q", "match": {"exact": "1"}}],
    },
    "retryPolicy": {
        "maxRetries": 1,
        "perRetryTimeout": SECOND,
        "httpRetryEvents": ["server-error"],
        "tcpRetryEvents": ["connection-error"],
    },
    "timeout": {"idle": SECOND},
}
SPECS: dict[str, dict[str, Any]] = {
    "Mesh": {"egressFilter": {"type": "DROP_ALL"}},
    "VirtualNode": NODE,
    "VirtualRouter": {"listeners": [{"portMapping": {"port": 80, "protocol": "http"}}]},
    "Route": {"priority": 0, "httpRoute": HTTP_ROUTE},
    "VirtualService": {"provider": {"virtualRouter": {"virtualRouterName": "edge"}}},
    "VirtualGateway": {
        "listeners": [
            {
                "portMapping": {"port": 80, "protocol": "http"},
                "healthCheck": HEALTH,
                "connectionPool": {"http": {"maxConnections": 5}},
                "tls": TLS,
            }
        ],
        "backendDefaults": CLIENT,
        "logging": LOG,
    },
    "GatewayRoute": {
        "httpRoute": {
            "action": {
                "target": {"virtualService": {"virtualServiceName": "shop.local"}},
                "rewrite": {
                    "hostname": {"defaultTargetHostname": "DISABLED"},
                    "prefix": {"value": "/v1/"},
                },
            },
            "match": {"prefix": "/shop/", "hostname": {"suffix": ".example"}},
        }
    },
}
NAMES = {
    "meshName": "pay",
    "virtualNodeName": "checkout",
    "virtualRouterName": "edge",
    "routeName": "v1",
    "virtualServiceName": "shop.local",
    "virtualGatewayName": "front",
    "gatewayRouteName": "shop",
}
ORDER = tuple(SPECS)
"""The kinds in an order in which they can be created; deleted in the other."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A request as HTTP has it."""

    method: str
    path: str
    body: dict[str, Any] | None


def arn(kind: str) -> str:
    path = load().kinds[kind].arn.format_map(NAMES)
    return f"arn:aws:appmesh:{SCOPE[1]}:{ACCOUNT}:{path}"


def parameters(operation: Operation, kind: str = "Mesh") -> dict[str, Any]:
    """Return the parameters of a sound request; ``kind`` is whose ARN is meant."""
    known = {
        **NAMES,
        "spec": SPECS[operation.kind.name if operation.kind else kind],
        "resourceArn": arn(kind),
        "tags": [{"key": "team", "value": "pay"}],
        "tagKeys": ["team"],
    }
    wanted = operation.request.members
    return {
        name: known[name]
        for name, member in wanted.items()
        if member.required or (name in known and name != "tags")
    }


def request_of(operation: Operation, kind: str = "Mesh") -> Sample:
    """Return a sound request."""
    values = parameters(operation, kind)
    path = operation.path.format_map(values)
    query = "&".join(
        f"{name}={quote(values[name], safe='')}" for name in operation.query if name in values
    )
    body = {name: values[name] for name in operation.body if name in values}
    return Sample(operation.method, f"{path}?{query}" if query else path, body or None)


def named(command: str, kind: str) -> Operation:
    """Return the operation of a verb on a kind."""
    return next(
        each
        for each in load().operations.values()
        if each.action == command and each.kind and each.kind.name == kind
    )
