"""A thousand meshes planned and applied: beside Terraform, and beside a bare loop over boto3."""

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

from bench.costs import Cost, measure
from bench.endpoint import serving
from manifest_text import mesh_yaml
from terraform import MISSING, Terraform, mirror

MESHES = 1_000
RUNS = 3
WORKERS = 10
LOOP = """
import sys
from concurrent.futures import ThreadPoolExecutor
import boto3
from botocore.config import Config
client = boto3.client("appmesh", endpoint_url=sys.argv[1], region_name="eu-west-1",
                      config=Config(max_pool_connections=int(sys.argv[3])))
def create(number):
    client.create_mesh(meshName=f"m{number:04}", spec={"egressFilter": {"type": "DROP_ALL"}},
                       tags=[{"key": "team", "value": "pay"}])
with ThreadPoolExecutor(int(sys.argv[3])) as pool:
    list(pool.map(create, range(int(sys.argv[2]))))
"""
OURS = [sys.executable, "-m", "reconciler"]


def figures() -> Iterator[str]:
    """Yield one line a figure, with its peer's in the same run and what it should be."""
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        address, _, _ = opened.enter_context(serving(folder))
        url = f"http://{address}"
        _write_manifests(folder)
        target = ["manifests", "--endpoint-url", url, "--owner", "bench"]
        apply = [*OURS, "apply", *target, "--auto-approve"]
        created = _median(apply, folder, accounts=range(RUNS))
        planned = _median([*OURS, "plan", *target], folder, accounts=[0] * RUNS)
        loop = [sys.executable, "-c", LOOP, url, str(MESHES), str(WORKERS)]
        looped = _median(loop, folder, accounts=range(100, 100 + RUNS))
        yield _line(f"apply of {MESHES:,} new meshes", created)
        yield _line(f"plan of {MESHES:,} in sync", planned, "4 s CPU, 120 MB")
        yield _line("a bare boto3 loop that creates them", looped)
        yield f"  apply takes {created.wall / looped.wall:.2f} times its wall time (wanted: 1.5)"
        yield from _beside_terraform(folder, url, created, planned)


def _beside_terraform(folder: Path, url: str, created: Cost, planned: Cost) -> Iterator[str]:
    plugins = mirror()
    if plugins is None:
        yield f"terraform: {MISSING}"
        return
    home = folder / "terraform"
    home.mkdir()
    terraform = Terraform(home, plugins)
    mesh = {
        "count": MESHES,
        "name": "m${count.index}",
        "spec": {"egress_filter": {"type": "DROP_ALL"}},
        "tags": {"team": "pay"},
    }
    terraform.configure(url, {"aws_appmesh_mesh": {"this": mesh}}, account="200000000000")
    terraform("init")
    plain = ["terraform", "apply", "-auto-approve", "-no-color", f"-parallelism={WORKERS}"]
    applied = measure(plain, str(home), terraform.environment)
    plain = ["terraform", "plan", "-no-color", f"-parallelism={WORKERS}"]
    seen = measure(plain, str(home), terraform.environment)
    yield _line("terraform apply of as many", applied)
    yield f"  {applied.wall / created.wall:.1f} times our wall time (wanted: 8)"
    yield _line("terraform plan of as many in sync", seen)
    yield (
        f"  {seen.wall / planned.wall:.1f} times our wall time (wanted: 8),"
        f" {seen.memory / planned.memory:.1f} times our memory (wanted: 4)"
    )


def _write_manifests(folder: Path) -> None:
    (folder / "manifests").mkdir()
    for number in range(MESHES):
        text = mesh_yaml(f"m{number:04}", "DROP_ALL", team="pay")
        (folder / f"manifests/m{number:04}.yaml").write_text(text)


def _median(command: Sequence[str], folder: Path, accounts: Sequence[int]) -> Cost:
    costs = [
        measure(
            command,
            str(folder),
            {
                **os.environ,
                "AWS_ACCESS_KEY_ID": f"1{account:011}",
                "AWS_SECRET_ACCESS_KEY": "any",
                "AWS_REGION": "eu-west-1",
            },
        )
        for account in accounts
    ]
    return Cost(*(median(getattr(cost, name) for cost in costs) for name in Cost.__slots__))


def _line(name: str, cost: Cost, goal: str = "") -> str:
    told = f"{name:<36} {cost.cpu:7.2f} s CPU  {cost.wall:7.2f} s wall  {cost.memory:6.0f} MB"
    return f"{told}   goal {goal}" if goal else told
