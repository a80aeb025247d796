"""Benchmark of the translation for Envoys: a mesh in which all nodes call all services.

``python -m bench.proxies`` measures one process, so that its peak of memory is its own.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

from reconciler.core.resources import Key
from reconciler.envoy.snapshot import Snapshot
from reconciler.envoy.translate import Translator

NODES, RUNS = 100, 5
_LISTENER = {"portMapping": {"port": 80, "protocol": "http"}}


def figures() -> Iterator[str]:
    """Yield a line for one proxy and for all proxies, with their goals."""
    command = [sys.executable, "-m", "bench.proxies"]
    rows = [
        [float(word) for word in subprocess.check_output(command, text=True).split()]
        for _ in range(RUNS)
    ]
    one, every, memory = (median(column) for column in zip(*rows, strict=True))
    yield (
        f"translate a proxy of {NODES} nodes with {NODES} services: {one * 1000:.0f} ms CPU, all "
        f"proxies {every:.2f} s CPU, {memory:.0f} MB (goal: 20 ms, 1 s, 60 MB)"
    )


def main() -> None:
    """Print the CPU seconds of one proxy and of all, and the peak of memory in megabytes."""
    snapshot = _snapshot()
    first = snapshot.proxies[0]
    one = _cpu_seconds(snapshot, [first])
    every = _cpu_seconds(snapshot, snapshot.proxies)
    sys.stdout.write(f"{one} {every} {_peak_megabytes()}\n")


def _peak_megabytes() -> float:
    # Not getrusage, whose peak includes the process that started this one.
    status = Path("/proc/self/status").read_text("ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def _cpu_seconds(snapshot: Snapshot, keys: list[Key] | tuple[Key, ...]) -> float:
    translator = Translator(snapshot)
    began = time.process_time()
    found = [translator.translate(key) for key in keys]
    ended = time.process_time()
    assert len(found) == len(keys)
    return ended - began


def _snapshot() -> Snapshot:
    names = [f"s{number}.local" for number in range(NODES)]
    backends = [{"virtualService": {"virtualServiceName": name}} for name in names]
    rows: list[tuple[Key, dict[str, Any]]] = [(Key("mesh", ("m",)), {})]
    for number, name in enumerate(names):
        targets = [
            {"virtualNode": f"n{number}", "weight": 90},
            {"virtualNode": f"n{(number + 1) % NODES}", "weight": 10},
        ]
        route = {"httpRoute": {"match": {"prefix": "/"}, "action": {"weightedTargets": targets}}}
        node = {
            "listeners": [_LISTENER],
            "backends": backends,
            "serviceDiscovery": {"dns": {"hostname": f"n{number}.local"}},
        }
        provider = {"virtualRouter": {"virtualRouterName": f"r{number}"}}
        rows += [
            (Key("virtual-node", ("m", f"n{number}")), node),
            (Key("virtual-router", ("m", f"r{number}")), {"listeners": [_LISTENER]}),
            (Key("route", ("m", f"r{number}", "x")), route),
            (Key("virtual-service", ("m", name)), {"provider": provider}),
        ]
    return Snapshot.from_rows(rows)


if __name__ == "__main__":
    main()
