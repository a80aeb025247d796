"""Benchmark of the endpoint's stores, with 32 connections from other processes, and with one."""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from endpoint.postgresql import endpoints, postgresql

from bench.endpoint import CONNECTIONS, _create, rate, serving
from reconciler.render.terminal import plural


def figures() -> Iterator[str]:
    """Yield a line for each store and number of endpoints, and the cost of a sync of the disk."""
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        sync = _sync_seconds(directory) * 1000
        yield f"a durable write of 4 KiB to this disk: {sync:.2f} ms, which each commit takes too"
        address, _, _ = opened.enter_context(serving(directory))
        yield _figure("SQLite", [address], "goal: 1,000/s")
    with ExitStack() as opened:
        server = opened.enter_context(postgresql())
        (version,) = server.query("SHOW server_version")[0]
        for number in (1, 2):
            with endpoints(server.new_database(), number) as running:
                addresses = [url.removeprefix("http://") for _, url in running]
                title = f"PostgreSQL {version}, {plural(number, 'endpoint')}"
                yield _figure(title, addresses, "no goal")


def _figure(title: str, addresses: list[str], goal: str) -> str:
    _create(addresses[0], "pay")
    describes, creates = (rate(addresses, it, CONNECTIONS) for it in ("describe", "create"))
    alone = rate(addresses[:1], "create", 1)
    return (
        f"{title}, {CONNECTIONS} connections: DescribeMesh {describes:,.0f}/s, durable CreateMesh"
        f" {creates:,.0f}/s ({goal}); one connection: durable CreateMesh {alone:,.0f}/s,"
        f" {1000 / alone:.1f} ms each"
    )


def _sync_seconds(directory: Path) -> float:
    times = []
    with (directory / "file").open("wb") as file:
        for _ in range(50):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fdatasync(file.fileno())
            times.append(time.perf_counter() - began)
    return statistics.median(times)
