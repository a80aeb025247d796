"""Nodes and services that name each other in a circle are torn down in one run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from conftest import Cli

from reconciler.endpoint import LocalEndpoint, parse_behavior

HOLDS = "backends-hold-services"
CIRCLE = """\
apiVersion: mesh-reconciler/v1
kind: Mesh
metadata: {name: m}
---
apiVersion: mesh-reconciler/v1
kind: VirtualNode
metadata: {name: web, mesh: m}
spec:
  backends:
    - virtualService: {virtualServiceName: cart}
    - virtualService: {virtualServiceName: web}
---
apiVersion: mesh-reconciler/v1
kind: VirtualNode
metadata: {name: cart, mesh: m}
spec:
  backends: [{virtualService: {virtualServiceName: web}}]
---
apiVersion: mesh-reconciler/v1
kind: VirtualService
metadata: {name: web, mesh: m}
spec: {provider: {virtualNode: {virtualNodeName: web}}}
---
apiVersion: mesh-reconciler/v1
kind: VirtualService
metadata: {name: cart, mesh: m}
spec: {provider: {virtualNode: {virtualNodeName: cart}}}
"""
STEP = "! updates virtual-node/m/web first (it is deleted later)"


@pytest.mark.parametrize("holds", ["yes", "no"])
def test_nodes_that_call_each_other_s_services_go_in_one_run(
    holds: str, cli: Cli, write: Callable[[str, str], Path]
) -> None:
    with LocalEndpoint(None, behavior=parse_behavior([f"{HOLDS}={holds}"])) as endpoint:
        where = ("--endpoint-url", endpoint.url, "--owner", "o")
        sync = ("--policy", "sync", "--max-deletes", "9", "--allow-empty")
        manifest = write("manifests/m.yaml", CIRCLE)
        assert cli("apply", "manifests", *where, "--auto-approve").code == 0
        manifest.unlink()
        shown = cli("plan", "manifests", *where, *sync)
        assert STEP in shown.out
        assert shown.out.count("- virtual-") == 4
        saved = cli("plan", "manifests", *where, *sync, "--out", "p.plan", "--format", "json")
        changes: list[Any] = json.loads(saved.out)["plan"]["changes"]
        assert [(it["key"], [link["key"] for link in it["unlinked"]]) for it in changes] == [
            ("virtual-service/m/cart", ["virtual-node/m/web"]),
            ("virtual-node/m/cart", []),
            ("virtual-service/m/web", []),
            ("virtual-node/m/web", []),
            ("mesh/m", []),
        ]
        done = cli("apply", "--plan", "p.plan", *where, "--auto-approve")
        assert done.code == 0, done
        assert "5 deleted" in done.out
        client = boto3.client("appmesh", endpoint_url=endpoint.url)
        assert client.list_meshes()["meshes"] == []
        client.close()
