"""Benchmarks of the server of Envoys: one change that concerns many proxies, and idle proxies."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import boto3
import grpc
from envoy.simulated_proxies import Proxy

TABLES = ("rds_egress_http_80",)
PROXIES, SERVICES, CHANGES = 200, 100, 10
IDLE_PROXIES, IDLE_SECONDS = 500, 60
TICKS = os.sysconf("SC_CLK_TCK")
# As in the bootstrap of an Envoy.
_CHANNEL_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
)
_LISTENER = {"portMapping": {"port": 80, "protocol": "http"}}


def figures() -> Iterator[str]:
    """Yield a line for the change and one for the idle proxies, with their goals."""
    for count, measure in ((PROXIES, _measure_changes), (IDLE_PROXIES, _measure_idle)):
        with tempfile.TemporaryDirectory() as directory, _serving(Path(directory)) as server:
            process, url = server
            client = _client(url)
            _create(client, count)
            yield asyncio.run(measure(Path(directory), process, client))


async def _measure_changes(directory: Path, process: int, client: Any) -> str:
    costs, waits = [], []
    async with AsyncExitStack() as stack:
        proxies = await _connect(stack, directory, PROXIES)
        for change in range(CHANGES):
            await asyncio.sleep(1)
            before, began = _cpu_seconds(process), time.perf_counter()
            await asyncio.to_thread(_change, client, change + 2)
            await _until(proxies, began)
            await asyncio.sleep(1)
            costs.append(_cpu_seconds(process) - before)
            waits += [proxy.last - began for proxy in proxies]
    return (
        f"one change for {PROXIES} Envoys with {SERVICES} services: {median(costs):.2f} s CPU, p95 "
        f"{quantiles(waits, n=20)[18]:.2f} s, {_peak_megabytes(process):.0f} MB with the endpoint "
        "(goal: 0.5 s CPU, 0.5 s, 120 MB)"
    )


async def _measure_idle(directory: Path, process: int, client: Any) -> str:
    del client
    async with AsyncExitStack() as stack:
        await _connect(stack, directory, IDLE_PROXIES)
        await asyncio.sleep(5)
        before = _cpu_seconds(process)
        await asyncio.sleep(IDLE_SECONDS)
        share = (_cpu_seconds(process) - before) / IDLE_SECONDS
    return (
        f"{IDLE_PROXIES} idle Envoys with {SERVICES} services for {IDLE_SECONDS} s: {share:.2%} of "
        f"a core, {_peak_megabytes(process):.0f} MB with the endpoint (goal: 1 %)"
    )


async def _connect(stack: AsyncExitStack, directory: Path, count: int) -> list[Proxy]:
    """Return proxies with a connection of each, as Envoys have them."""
    proxies = []
    for number in range(count):
        channel = grpc.aio.insecure_channel(f"unix:{directory}/xds.sock", _CHANNEL_OPTIONS)
        await stack.enter_async_context(channel)
        proxies.append(Proxy(channel, f"mesh/m/virtualNode/n{number}", TABLES))
    for proxy in proxies:
        task = asyncio.create_task(proxy.run())
        stack.callback(task.cancel)
    await _until(proxies, 0.0)
    return proxies


async def _until(proxies: list[Proxy], began: float) -> None:
    while min(proxy.last for proxy in proxies) <= began:  # noqa: ASYNC110  # no one event
        await asyncio.sleep(0.005)


@contextmanager
def _serving(directory: Path) -> Iterator[tuple[int, str]]:
    command = [sys.executable, "-m", "reconciler", "endpoint", "--listen", "127.0.0.1:0"]
    command += ["--data", str(directory / "data"), "--xds", f"unix:{directory}/xds.sock"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            line = next(line for line in process.stdout if "App Mesh API at" in line)
            yield process.pid, line.split("App Mesh API at ")[1].split(",")[0]
        finally:
            process.terminate()


def _client(url: str) -> Any:
    return boto3.client(
        "appmesh",
        "us-east-1",
        endpoint_url=url,
        aws_access_key_id="000000000000",
        aws_secret_access_key="any",
    )


def _create(client: Any, nodes: int) -> None:
    client.create_mesh(meshName="m")
    client.create_virtual_router(
        meshName="m", virtualRouterName="r", spec={"listeners": [_LISTENER]}
    )
    names = [f"s{number}.local" for number in range(SERVICES)]
    backends = [{"virtualService": {"virtualServiceName": name}} for name in names]
    for number in range(nodes):
        client.create_virtual_node(
            meshName="m",
            virtualNodeName=f"n{number}",
            spec={
                "listeners": [_LISTENER],
                "backends": backends,
                "serviceDiscovery": {"dns": {"hostname": f"n{number}.local"}},
            },
        )
    client.create_route(meshName="m", virtualRouterName="r", routeName="x", spec=_route(1))
    for number, name in enumerate(names):
        provider: dict[str, Any] = {"virtualNode": {"virtualNodeName": f"n{number}"}}
        if number == 0:
            provider = {"virtualRouter": {"virtualRouterName": "r"}}
        client.create_virtual_service(
            meshName="m", virtualServiceName=name, spec={"provider": provider}
        )


def _route(weight: int) -> dict[str, Any]:
    targets = [
        {"virtualNode": "n0", "weight": weight},
        {"virtualNode": "n1", "weight": 1},
    ]
    return {"httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}}


def _change(client: Any, weight: int) -> None:
    client.update_route(meshName="m", virtualRouterName="r", routeName="x", spec=_route(weight))


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _peak_megabytes(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
