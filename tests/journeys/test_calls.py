"""What a thousand meshes cost in calls, by the count of the endpoint."""

from pathlib import Path
from typing import Any

import pytest
import urllib3
from conftest import Cli
from manifest_text import mesh_yaml

from reconciler.endpoint import LocalEndpoint

MESHES = 1_000


def counted(url: str) -> dict[str, int]:
    """Return the calls since the last count, by operation."""
    pool = urllib3.PoolManager()
    calls: dict[str, int] = pool.request("GET", f"{url}/_endpoint/calls").json()["calls"]
    pool.request("DELETE", f"{url}/_endpoint/calls")
    calls.pop("GetCallerIdentity", None)
    return calls


@pytest.mark.slow
def test_c9_a_thousand_meshes_take_few_calls_beside_their_own(
    cli: Cli, endpoint: LocalEndpoint, here: Path
) -> None:
    (here / "manifests").mkdir()
    for number in range(MESHES):
        name = f"m{number:04}"
        (here / f"manifests/{name}.yaml").write_text(mesh_yaml(name, team="pay"))
    target: list[Any] = ["--endpoint-url", endpoint.url, "--owner", "o"]
    assert cli("apply", "manifests", *target, "--auto-approve").code == 0
    calls = counted(endpoint.url)
    assert calls.pop("CreateMesh") == MESHES
    assert sum(calls.values()) <= 30
    assert cli("plan", "manifests", *target, "--detailed-exitcode").code == 0
    assert counted(endpoint.url) == {"ListMeshes": 10, "GetResources": 10, "DescribeMesh": MESHES}
