"""Terraform's own provider against the endpoint: applied, and nothing left to plan."""

from pathlib import Path
from typing import Any

import pytest
from terraform import MISSING, Terraform, mirror

from reconciler.endpoint import LocalEndpoint

SECONDS = {"unit": "s", "value": 5}
HEALTH = {
    "protocol": "http",
    "path": "/ping",
    "healthy_threshold": 2,
    "unhealthy_threshold": 2,
    "timeout_millis": 2000,
    "interval_millis": 5000,
}


def configuration(*, changed: bool) -> dict[str, Any]:
    """Return a configuration of all seven kinds; ``changed`` gives each another spec."""
    in_mesh = {"mesh_name": "${aws_appmesh_mesh.this.id}"}
    listener = {"port_mapping": {"port": 8081 if changed else 8080, "protocol": "http"}}
    provider = {
        "virtual_router": {"virtual_router_name": "${aws_appmesh_virtual_router.this.name}"}
    }
    if changed:
        provider = {"virtual_node": {"virtual_node_name": "${aws_appmesh_virtual_node.this.name}"}}
    kinds = {
        "mesh": {
            "name": "pay",
            "spec": {
                "egress_filter": {"type": "ALLOW_ALL" if changed else "DROP_ALL"},
                "service_discovery": {"ip_preference": "IPv4_PREFERRED"},
            },
            "tags": {"stage": "two" if changed else "one"},
        },
        "virtual_node": {
            "name": "checkout",
            **in_mesh,
            "spec": {
                "backend": {"virtual_service": {"virtual_service_name": "nowhere.local"}},
                "listener": {
                    **listener,
                    "health_check": HEALTH,
                    "timeout": {"http": {"per_request": SECONDS}},
                    "connection_pool": {"http": {"max_connections": 10}},
                    "outlier_detection": {
                        "base_ejection_duration": SECONDS,
                        "interval": SECONDS,
                        "max_ejection_percent": 50,
                        "max_server_errors": 5,
                    },
                },
                "service_discovery": {"dns": {"hostname": "checkout.local"}},
                "logging": {"access_log": {"file": {"path": "/dev/stdout"}}},
            },
        },
        "virtual_router": {"name": "edge", **in_mesh, "spec": {"listener": listener}},
        "route": {
            "name": "v1",
            **in_mesh,
            "virtual_router_name": "${aws_appmesh_virtual_router.this.name}",
            "spec": {
                "priority": 2 if changed else 1,
                "http_route": {
                    "match": {
                        "prefix": "/",
                        "method": "GET",
                        "header": {"name": "h", "match": {"prefix": "x"}},
                    },
                    "retry_policy": {
                        "http_retry_events": ["server-error"],
                        "max_retries": 1,
                        "per_retry_timeout": SECONDS,
                    },
                    "action": {
                        "weighted_target": {
                            "virtual_node": "${aws_appmesh_virtual_node.this.name}",
                            "weight": 100,
                        }
                    },
                },
            },
        },
        "virtual_service": {"name": "shop.local", **in_mesh, "spec": {"provider": provider}},
        "virtual_gateway": {
            "name": "front",
            **in_mesh,
            "spec": {"listener": {**listener, "health_check": HEALTH}},
        },
        "gateway_route": {
            "name": "shop",
            **in_mesh,
            "virtual_gateway_name": "${aws_appmesh_virtual_gateway.this.name}",
            "spec": {
                "http_route": {
                    "match": {"prefix": "/store/" if changed else "/shop/"},
                    "action": {
                        "target": {
                            "virtual_service": {
                                "virtual_service_name": "${aws_appmesh_virtual_service.this.name}"
                            }
                        }
                    },
                }
            },
        },
    }
    tags = {"tags": {"team": "changed" if changed else "pay"}}
    return {
        f"aws_appmesh_{kind}": {"this": {**tags, **arguments}} for kind, arguments in kinds.items()
    }


@pytest.mark.timeout(600)
def test_all_seven_resources(tmp_path: Path) -> None:
    plugins = mirror()
    if plugins is None:
        pytest.skip(MISSING)
    with LocalEndpoint(None) as endpoint:
        terraform = Terraform(tmp_path, plugins)
        terraform.configure(endpoint.url, configuration(changed=False))
        terraform("init")
        assert "7 added, 0 changed, 0 destroyed" in terraform("apply", "-auto-approve")
        terraform("plan", "-detailed-exitcode")
        terraform.configure(endpoint.url, configuration(changed=True))
        terraform("plan", "-detailed-exitcode", expected=2)
        assert "0 added, 7 changed, 0 destroyed" in terraform("apply", "-auto-approve")
        terraform("plan", "-detailed-exitcode")
        assert "7 destroyed" in terraform("destroy", "-auto-approve")
