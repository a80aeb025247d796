"""Benchmark with 1,000 meshes, compared with Terraform and with a boto3 loop."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from statistics import median

import urllib3
from manifest_text import mesh_yaml
from terraform import MISSING, Terraform, mirror

from bench.costs import Cost, line, measure, median_cost, median_of
from bench.endpoint import serving

MESHES = 1_000
RUNS = 3
WORKERS = 10
DELAY_SECONDS = 0.025
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
    """Yield a line for each figure, with the compared figures in the same run and the goal."""
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        address, _, _ = opened.enter_context(serving(directory))
        url = f"http://{address}"
        _write_manifests(directory)
        # The index of the endpoint never lags.
        target = ["manifests", "--endpoint-url", url, "--owner", "bench", "--tag-index-lag", "0"]
        apply = [*OURS, "apply", *target, "--auto-approve"]
        created = median_of(apply, directory, accounts=range(RUNS))
        loop = [sys.executable, "-c", LOOP, url, str(MESHES), str(WORKERS)]
        looped = median_of(loop, directory, accounts=range(100, 100 + RUNS))
        yield line(f"apply of {MESHES:,} new meshes", created)
        yield line("boto3 loop that creates them", looped)
        yield f"  apply takes {created.wall / looped.wall:.2f} times its wall time (goal: 1.5)"
        plan = partial(median_of, [*OURS, "plan", *target], directory)
        yield line(f"plan of {MESHES:,} in sync", plan(accounts=[0] * RUNS), "4 s CPU, 120 MB")
        yield from _compare_with_terraform(directory, url, created, plan)


def _compare_with_terraform(
    directory: Path, url: str, created: Cost, plan: Callable[..., Cost]
) -> Iterator[str]:
    plugins = mirror()
    if plugins is None:
        yield f"terraform: {MISSING}"
        return
    home = directory / "terraform"
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
    yield line("terraform apply of the same", applied)
    yield f"  {applied.wall / created.wall:.1f} times our wall time (goal: 8)"
    plain = ["terraform", "plan", "-no-color", f"-parallelism={WORKERS}"]
    # Alternate, so that other load on the machine affects both.
    pairs = [
        (measure(plain, str(home), terraform.environment), plan(accounts=[0] * RUNS))
        for _ in range(RUNS)
    ]
    yield from _ratios("", pairs)
    with _delayed(url):
        pair = (measure(plain, str(home), terraform.environment), plan(accounts=[0] * RUNS))
    yield from _ratios(f" with {DELAY_SECONDS * 1000:.0f} ms on each call", [pair])


def _ratios(condition: str, pairs: list[tuple[Cost, Cost]]) -> Iterator[str]:
    theirs, ours = (median_cost(pair[side] for pair in pairs) for side in (0, 1))
    yield line(f"terraform plan of the same in sync{condition}", theirs)
    yield line(f"our plan, alternating with it{condition}", ours)
    wall, memory, cpu = (
        median(getattr(theirs, name) / getattr(ours, name) for theirs, ours in pairs)
        for name in ("wall", "memory", "cpu")
    )
    yield (
        f"  {wall:.1f} times our wall time (goal: 13), {memory:.1f} times our memory (goal: 8), "
        f"{cpu:.1f} times our CPU"
    )


@contextmanager
def _delayed(url: str) -> Iterator[None]:
    """Let the endpoint answer each call late during the block."""
    faults = [{"operation": "*", "fault": "delay", "seconds": DELAY_SECONDS}]
    urllib3.request("PUT", f"{url}/_endpoint/faults", json={"faults": faults})
    yield
    urllib3.request("DELETE", f"{url}/_endpoint/faults")


def _write_manifests(directory: Path) -> None:
    (directory / "manifests").mkdir()
    for number in range(MESHES):
        text = mesh_yaml(f"m{number:04}", "DROP_ALL", team="pay")
        (directory / f"manifests/m{number:04}.yaml").write_text(text)
