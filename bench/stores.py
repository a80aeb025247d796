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


def figures() -> Iterator[str]:
    """Yield a line for each store and number of endpoints, and the cost of a sync of the disk."""
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        yield f"a sync of 4 KiB to this disk: {_sync_seconds(directory) * 1000:.2f} ms"
        address, _, _ = opened.enter_context(serving(directory))
        yield _figure("SQLite", [address])
    with ExitStack() as opened:
        server = opened.enter_context(postgresql())
        (version,) = server.query("SHOW server_version")[0]
        for number in (1, 2):
            with endpoints(server.new_database(), number) as running:
                addresses = [url.removeprefix("http://") for _, url in running]
                yield _figure(f"PostgreSQL {version}, endpoints: {number}", addresses)


def _figure(title: str, addresses: list[str]) -> str:
    _create(addresses[0], "pay")
    describes, creates = (rate(addresses, it, CONNECTIONS) for it in ("describe", "create"))
    alone = rate(addresses[:1], "create", 1)
    return (
        f"{title}: DescribeMesh {describes:,.0f}/s, durable CreateMesh {creates:,.0f}/s,"
        f" one client at a time {alone:,.0f}/s ({1000 / alone:.1f} ms)"
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
