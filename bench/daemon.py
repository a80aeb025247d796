"""Benchmarks of the daemon: from an edit to a converged mesh, and a cycle without changes."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Any

import boto3
import urllib3
from manifest_text import mesh_yaml

from bench.endpoint import serving

EDITS = 50
MESHES = 1_000
CYCLES = 20
ACCOUNT = "123456789012"
# Another account, so that the edited mesh is not counted in the second benchmark.
OTHER_ACCOUNT = "210987654321"
# With the long interval only edits start cycles; the short one starts cycles without edits.
LONG_INTERVAL, SHORT_INTERVAL = "600", "2"
TICKS = os.sysconf("SC_CLK_TCK")


def figures() -> Iterator[str]:
    """Yield a line for each figure, with its goal."""
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        address, _, _ = opened.enter_context(serving(directory))
        yield _edits(directory / "one", f"http://{address}")
        yield _without_changes(directory / "many", f"http://{address}")


def _edits(directory: Path, url: str) -> str:
    manifests = directory / "manifests"
    manifests.mkdir(parents=True)
    file = manifests / "m.yaml"
    file.write_text(mesh_yaml("edited", "DROP_ALL"))
    with daemon(directory, url, LONG_INTERVAL, ACCOUNT):
        waits = time_edits(
            url, ACCOUNT, lambda egress: file.write_text(mesh_yaml("edited", egress))
        )
    return f"edit to converged, {waits}, debounce included (goal: p95 under 1 s)"


def time_edits(url: str, account: str, edit: Callable[[str], object]) -> str:
    """Return how long the mesh ``edited`` takes to get the egress filter that `edit` requests."""
    client = boto3.client(
        "appmesh",
        region_name="eu-west-1",
        endpoint_url=url,
        aws_access_key_id=account,
        aws_secret_access_key="any",
    )
    waits = []
    for number in range(EDITS):
        desired = "ALLOW_ALL" if number % 2 == 0 else "DROP_ALL"
        began = time.perf_counter()
        edit(desired)
        while _egress(client) != desired:
            time.sleep(0.005)
        waits.append(time.perf_counter() - began)
    cuts = quantiles(waits, n=20)
    return f"{EDITS} edits: p50 {cuts[9]:.2f} s, p95 {cuts[18]:.2f} s"


def _egress(client: Any) -> Any:
    spec: dict[str, Any] = client.describe_mesh(meshName="edited")["mesh"]["spec"]
    return spec.get("egressFilter", {}).get("type")


def _without_changes(directory: Path, url: str) -> str:
    (directory / "manifests").mkdir(parents=True)
    for number in range(MESHES):
        text = mesh_yaml(f"r{number:04}", "DROP_ALL", team="pay")
        (directory / f"manifests/r{number:04}.yaml").write_text(text)
    with daemon(directory, url, SHORT_INTERVAL, OTHER_ACCOUNT) as (process, status, _):
        # The first cycles create the meshes, and read each until the tag index lists it.
        _wait_for(status, 15)
        before, cpu = status(), cpu_seconds(process)
        # Do not poll the status here: that would cost more than the cycles.
        time.sleep(CYCLES * float(SHORT_INTERVAL))
        after = status()
        cycles = after["cycle"]["number"] - before["cycle"]["number"]
        seconds = (cpu_seconds(process) - cpu) / cycles
        calls = (sum(after["calls"].values()) - sum(before["calls"].values())) / cycles
        memory = peak_memory(process)
    return (
        f"a cycle of {MESHES:,} meshes without changes: {seconds * 1000:.0f} ms CPU, "
        f"{calls:.0f} calls, {memory:.0f} MB, all tags read again within "
        f"{after['recheck_seconds'] / float(SHORT_INTERVAL):.0f} cycles "
        "(goal: 150 ms, 12 calls, 90 MB)"
    )


@contextmanager
def daemon(
    directory: Path, url: str, interval: str, account: str, *source: str
) -> Iterator[tuple["subprocess.Popen[bytes]", Callable[[], Any], str]]:
    """Run a daemon for manifests/, or for `source`; yield it, its status and its URL."""
    command = [sys.executable, "-m", "reconciler", "run", "--endpoint-url", url]
    command += source or ("manifests",)
    command += ["--owner", "bench", "--interval", interval, "--listen", "127.0.0.1:0"]
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "any",
        "AWS_REGION": "eu-west-1",
    }
    with running(command, directory, environment) as (process, address):
        pool = urllib3.PoolManager()

        def status() -> Any:
            return json.loads(pool.request("GET", f"{address}/status").data)

        _wait_for(status, 1)
        yield process, status, address


@contextmanager
def running(
    command: Sequence[str], directory: Path, environment: Mapping[str, str]
) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Run the command of a daemon; yield it and its URL."""
    log = directory / "log"
    with log.open("w") as stream:
        process = subprocess.Popen(command, cwd=directory, env=environment, stderr=stream)
    try:
        while "status at " not in log.read_text():
            time.sleep(0.05)
        yield process, log.read_text().partition("status at ")[2].split()[0]
    finally:
        process.terminate()
        process.wait()


def _wait_for(status: Any, cycle: int) -> Any:
    """Return the status when the cycle with this number has ended."""
    while True:
        result = status()
        if result["cycle"]["number"] >= cycle and result["cycle"]["finished_at"]:
            return result
        time.sleep(0.5)


def cpu_seconds(process: "subprocess.Popen[bytes]") -> float:
    """Return the CPU seconds of a process so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_memory(process: "subprocess.Popen[bytes]") -> float:
    """Return the peak of the memory of a process in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
