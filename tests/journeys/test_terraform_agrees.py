"""Terraform's own provider imports what we applied without a change, and manages every kind."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from amounts import amount
from conftest import Cli
from endpoint.postgresql import CLIENT_STORES, served_on
from terraform import Terraform, configuration, require_mirror

from reconciler.endpoint import LocalEndpoint

pytestmark = [pytest.mark.slow, pytest.mark.client]

SAME = """\
apiVersion: mesh-reconciler/v1
kind: Mesh
metadata: {name: pay, tags: {team: pay}}
spec: {egressFilter: {type: DROP_ALL}, serviceDiscovery: {ipPreference: IPv4_PREFERRED}}
---
apiVersion: mesh-reconciler/v1
kind: VirtualNode
metadata: {name: checkout, mesh: pay, tags: {team: pay}}
spec:
  backends: [{virtualService: {virtualServiceName: nowhere.local}}]
  listeners:
  - portMapping: {port: 8080, protocol: http}
    healthCheck:
      {protocol: http, path: /ping, healthyThreshold: 2, unhealthyThreshold: 2,
       timeoutMillis: 2000, intervalMillis: 5000}
    timeout: {http: {perRequest: {unit: s, value: 5}}}
    connectionPool: {http: {maxConnections: 10}}
    outlierDetection:
      {baseEjectionDuration: {unit: s, value: 5}, interval: {unit: s, value: 5},
       maxEjectionPercent: 50, maxServerErrors: 5}
  serviceDiscovery: {dns: {hostname: checkout.local}}
  logging: {accessLog: {file: {path: /dev/stdout}}}
---
apiVersion: mesh-reconciler/v1
kind: VirtualRouter
metadata: {name: edge, mesh: pay, tags: {team: pay}}
spec: {listeners: [{portMapping: {port: 8080, protocol: http}}]}
---
apiVersion: mesh-reconciler/v1
kind: Route
metadata: {name: v1, mesh: pay, virtualRouter: edge, tags: {team: pay}}
spec:
  priority: 1
  httpRoute:
    match: {prefix: /, method: GET, headers: [{name: h, match: {prefix: x}}]}
    retryPolicy:
      {httpRetryEvents: [server-error], maxRetries: 1, perRetryTimeout: {unit: s, value: 5}}
    action: {weightedTargets: [{virtualNode: checkout, weight: 100}]}
---
apiVersion: mesh-reconciler/v1
kind: VirtualService
metadata: {name: shop.local, mesh: pay, tags: {team: pay}}
spec: {provider: {virtualRouter: {virtualRouterName: edge}}}
---
apiVersion: mesh-reconciler/v1
kind: VirtualGateway
metadata: {name: front, mesh: pay, tags: {team: pay}}
spec:
  listeners:
  - portMapping: {port: 8080, protocol: http}
    healthCheck:
      {protocol: http, path: /ping, healthyThreshold: 2, unhealthyThreshold: 2,
       timeoutMillis: 2000, intervalMillis: 5000}
---
apiVersion: mesh-reconciler/v1
kind: GatewayRoute
metadata: {name: shop, mesh: pay, virtualGateway: front, tags: {team: pay}}
spec:
  httpRoute:
    match: {prefix: /shop/}
    action: {target: {virtualService: {virtualServiceName: shop.local}}}
"""
IMPORTED = {
    "mesh": "pay",
    "virtual_node": "pay/checkout",
    "virtual_router": "pay/edge",
    "route": "pay/edge/v1",
    "virtual_service": "pay/shop.local",
    "virtual_gateway": "pay/front",
    "gateway_route": "pay/front/shop",
}


@pytest.fixture(params=CLIENT_STORES)
def endpoint(request: pytest.FixtureRequest) -> Iterator[LocalEndpoint]:
    """Return a running endpoint on each store."""
    with served_on(request.param) as serving:
        yield serving


@pytest.mark.timeout(600)
def test_terraform_imports_what_we_applied_and_manages_a_mesh_of_its_own(
    cli: Cli, endpoint: LocalEndpoint, here: Path
) -> None:
    plugins = require_mirror()
    (here / "all.yaml").write_text(SAME)
    target = ["all.yaml", "--endpoint-url", endpoint.url, "--owner", "o"]
    assert cli("apply", *target, "--auto-approve").code == 0
    home = here / "terraform"
    home.mkdir()
    terraform = Terraform(home, plugins)

    def configure(*configurations: dict[str, Any]) -> None:
        ours = {"key_prefixes": ["mesh-reconciler:"]}
        resources = {
            kind: {name: it for each in configurations for name, it in each[kind].items()}
            for kind in configurations[0]
        }
        terraform.configure(endpoint.url, resources, ignore_tags=ours)

    applied, created = configuration("pay"), configuration("shop")
    configure(applied, created)
    imports = [{"to": f"aws_appmesh_{kind}.pay", "id": name} for kind, name in IMPORTED.items()]
    (home / "imports.tf.json").write_text(json.dumps({"import": imports}))
    terraform("init")
    with terraform.one_provider():
        result = "7 imported, 7 added, 0 changed, 0 destroyed"
        assert result in terraform("apply", "-auto-approve")
        for _ in range(amount("changes of all resources by Terraform", test=0, full=1)):
            assert "No changes" in terraform("plan", "-detailed-exitcode")
            configure(applied, configuration("shop", changed=True))
            terraform("plan", "-detailed-exitcode", expected=2)
            assert "0 added, 7 changed, 0 destroyed" in terraform("apply", "-auto-approve")
            assert "No changes" in terraform("plan", "-detailed-exitcode")
        for _ in range(amount("deletes of all resources by Terraform", test=0, full=1)):
            configure(applied)
            # It has nothing to change in what it imported.
            assert "0 to add, 0 to change, 7 to destroy" in terraform("plan")
            assert "0 added, 0 changed, 7 destroyed" in terraform("apply", "-auto-approve")
    assert cli("plan", *target, "--detailed-exitcode").code == 0
