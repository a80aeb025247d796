"""Calls of plans, applies and daemons, by the count of the endpoint."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import urllib3
from amounts import amount
from conftest import Cli, Run, Start, Write
from daemons import told_of
from manifest_text import mesh_yaml

from reconciler.endpoint import LocalEndpoint
from reconciler.settings.options import OPTIONS

MESHES = amount("meshes whose calls are counted", test=110, full=1_000)
PARENTS = amount("meshes with 40 nodes each whose calls are counted", test=3, full=50)
CHILDREN = 40
PAGES = -(-MESHES // 100)
LISTS_OF_A_MESH = ("VirtualNodes", "VirtualRouters", "VirtualServices", "VirtualGateways")
(DEFAULT_LAG,) = (option.default for option in OPTIONS if option.name == "tag-index-lag")
WITHOUT_LAG, DEFAULT = ["--tag-index-lag", "0"], list[str]()


@pytest.fixture
def endpoint() -> Iterator[LocalEndpoint]:
    """Return an endpoint whose resources are a few seconds older than the default lag."""
    with LocalEndpoint(None, clock=lambda: time.time() - DEFAULT_LAG - 5) as serving:
        yield serving


def counted(url: str) -> dict[str, int]:
    """Return the calls since the last count, by operation."""
    pool = urllib3.PoolManager()
    calls: dict[str, int] = pool.request("GET", f"{url}/_endpoint/calls").json()["calls"]
    pool.request("DELETE", f"{url}/_endpoint/calls")
    calls.pop("GetCallerIdentity", None)
    return calls


@pytest.fixture
def there(cli: Cli, endpoint: LocalEndpoint) -> Callable[..., tuple[Run, dict[str, int]]]:
    """Return a run against the endpoint, with the calls that it made."""

    def run(command: str, *arguments: str) -> tuple[Run, dict[str, int]]:
        agreed = ["--auto-approve"] if command == "apply" else []
        target = ["--endpoint-url", endpoint.url, "--owner", "o"]
        counted(endpoint.url)
        result = cli(command, "manifests", *target, *arguments, *agreed)
        return result, counted(endpoint.url)

    return run


There = Callable[..., tuple[Run, dict[str, int]]]


@pytest.fixture
def thousand(here: Path, write: Write, there: There) -> None:
    """Create the meshes; that takes few calls besides their own."""
    del here
    for number in range(MESHES):
        write(f"manifests/m{number:04}.yaml", mesh_yaml(f"m{number:04}", team="pay"))
    result, calls = there("apply")
    assert result.code == 0
    assert calls.pop("CreateMesh") == MESHES
    assert sum(calls.values()) <= 30


@pytest.mark.slow
@pytest.mark.usefixtures("thousand")
def test_c9_a_plan_of_a_thousand_meshes_in_sync_describes_none(
    write: Write, there: There, start: Start, endpoint: LocalEndpoint
) -> None:
    for lag in (WITHOUT_LAG, DEFAULT):
        result, calls = there("plan", "--detailed-exitcode", *lag)
        assert (result.code, "No changes." in result.out) == (0, True)
        assert calls == {"ListMeshes": PAGES, "GetResources": PAGES}
    # A later write may not be in the index yet.
    _, calls = there("plan", "--tag-index-lag", str(DEFAULT_LAG + 60))
    assert calls["DescribeMesh"] == MESHES
    for lag in (WITHOUT_LAG, DEFAULT):
        kind = "ALLOW_ALL" if lag else "DROP_ALL"
        write("manifests/m0100.yaml", mesh_yaml("m0100", kind, team="pay"))
        result, calls = there("apply", *lag)
        assert (result.code, "Applied: 1 updated." in result.out) == (0, True)
        assert (calls["UpdateMesh"], calls["TagResource"]) == (1, 1)
        assert sum(calls.values()) <= 30
        result, calls = there("apply", *lag)
        assert (result.code, calls) == (0, {"ListMeshes": PAGES, "GetResources": PAGES})
    daemon = start("manifests", "--interval", "3600")
    told_of(daemon, "cycle done: 0 changes, exit code 0")
    assert sum(counted(endpoint.url).values()) <= 25


@pytest.mark.slow
def test_what_stands_in_meshes_takes_lists_and_pages_of_the_index_only(
    write: Write, there: There
) -> None:
    for parent in range(PARENTS):
        mesh = f"m{parent:02}"
        write(f"manifests/{mesh}.yaml", mesh_yaml(mesh))
        nodes = [
            json.dumps({"meshName": mesh, "virtualNodeName": f"n{number:02}", "spec": {}})
            for number in range(CHILDREN)
        ]
        write(f"manifests/{mesh}-nodes.yaml", "\n---\n".join(nodes))
    assert there("apply")[0].code == 0
    lists = dict.fromkeys((f"List{name}" for name in LISTS_OF_A_MESH), PARENTS)
    pages = -(-PARENTS * (CHILDREN + 1) // 100)
    for command in ("plan", "apply"):
        for lag in (WITHOUT_LAG, DEFAULT):
            result, calls = there(command, *lag)
            assert f"No changes. {PARENTS * (CHILDREN + 1)} resources match" in result.out
            assert calls == {"ListMeshes": 1, "GetResources": pages, **lists}
