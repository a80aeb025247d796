"""A thousand meshes planned and applied: beside Terraform, and beside a bare loop over boto3."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.costs import Cost, line, measure, median_of
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
        created = median_of(apply, folder, accounts=range(RUNS))
        planned = median_of([*OURS, "plan", *target], folder, accounts=[0] * RUNS)
        loop = [sys.executable, "-c", LOOP, url, str(MESHES), str(WORKERS)]
        looped = median_of(loop, folder, accounts=range(100, 100 + RUNS))
        yield line(f"apply of {MESHES:,} new meshes", created)
        yield line(f"plan of {MESHES:,} in sync", planned, "4 s CPU, 120 MB")
        yield line("a bare boto3 loop that creates them", looped)
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
    yield line("terraform apply of as many", applied)
    yield f"  {applied.wall / created.wall:.1f} times our wall time (wanted: 8)"
    yield line("terraform plan of as many in sync", seen)
    yield (
        f"  {seen.wall / planned.wall:.1f} times our wall time (wanted: 8),"
        f" {seen.memory / planned.memory:.1f} times our memory (wanted: 4),"
        f" {seen.cpu / planned.cpu:.1f} times our CPU"
    )


def _write_manifests(folder: Path) -> None:
    (folder / "manifests").mkdir()
    for number in range(MESHES):
        text = mesh_yaml(f"m{number:04}", "DROP_ALL", team="pay")
        (folder / f"manifests/m{number:04}.yaml").write_text(text)
