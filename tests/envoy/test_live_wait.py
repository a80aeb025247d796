"""apply --wait-proxies with a real Envoy: the next request uses the new route."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Cli
from daemons import eventually
from envoy.live_site import PAUSE_SECONDS, Site

pytestmark = pytest.mark.process


@pytest.mark.unmeasured
def test_traffic_follows_before_apply_returns(
    cli: Cli, site: Site, write: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.endpoint()
    site.create_mesh()
    site.create_gateway()
    site.add_node(1)
    site.start_envoy()
    site.until("n0")
    action = {"weightedTargets": [{"virtualNode": "n1", "weight": 1}]}
    route = {
        "apiVersion": "mesh-reconciler/v1",
        "kind": "Route",
        "metadata": {"mesh": "m", "virtualRouter": "r", "name": "x"},
        "reconcile": {"adopt": True},
        "spec": {"httpRoute": {"match": {"prefix": "/"}, "action": action}},
    }
    write("manifests/x.json", json.dumps(route))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "000000000000")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    where = ("--endpoint-url", site.url, "--owner", "o", "--auto-approve")
    done = cli("apply", "manifests", *where, "--wait-proxies", "30")
    assert done.code == 0, done.err
    assert "All connected proxies have acknowledged" in done.out
    site.tell("load", 1, PAUSE_SECONDS)
    results: list[str] = []

    def is_answered() -> bool:
        results.extend(json.loads(site.tell("results")))
        return bool(results)

    eventually(is_answered)
    assert set(results) == {"n1"}
