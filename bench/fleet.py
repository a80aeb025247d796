"""Benchmarks of many targets: accounts and regions of one endpoint, 20 resources each."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import urllib3
from fleet_edits import TROUBLES, ten_targets

from bench.costs import line, measure, median_cost
from bench.daemon import cpu_seconds, peak_memory, running
from bench.endpoint import serving
from reconciler import limits

SIZES = (10, 100)
RUNS = 3
EDITS = 30
# The default is 3 s, too short for a machine with other work.
TIMEOUT = 60
ACCOUNTS = 10
# More cycles of more targets take longer.
INTERVALS = {10: 2, 100: 10}
# In these cycles, all lists are read as often as ever.
CYCLES = limits.CYCLES_PER_LISTING + 2
OURS = [sys.executable, "-m", "reconciler"]
ROW = "apiVersion: mesh-reconciler/v1\nkind: {kind}\nmetadata:\n{metadata}spec:\n{spec}---\n"


def figures() -> Iterator[str]:
    """Yield the figures of plans, steady cycles and edits."""
    with ExitStack() as opened:
        directory = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        address, _, _ = opened.enter_context(serving(directory))
        write_manifests(directory / "manifests")
        environment = write_settings(directory, f"http://{address}", max(SIZES) // ACCOUNTS)
        for size in SIZES:
            targets = ["--target", f"t-?-r{'0' if size < max(SIZES) else '*'}"]
            apply = [*OURS, "apply", *targets, "--auto-approve", "--format", "json"]
            measure(apply, str(directory), environment)
            plan = [*OURS, "plan", *targets, "--format", "json"]
            cost = median_cost(measure(plan, str(directory), environment) for _ in range(RUNS))
            yield line(f"plan of {size} targets, 20 resources", cost, "100: 6 s wall, 150 MB")
        for size in SIZES:
            yield steady_cycles(directory, environment, size)
    yield from edits_beside_trouble()


def edits_beside_trouble() -> Iterator[str]:
    """Yield how long an edit takes on nine targets, while another one fails in each way."""
    with tempfile.TemporaryDirectory() as directory, ten_targets(Path(directory)) as edits:
        usual = edits.p95(EDITS)
        yield f"edit to converged on 9 targets, {EDITS} edits: p95 {usual:.2f} s"
        for trouble, fault in TROUBLES.items():
            with edits.trouble(fault):
                seconds = edits.p95(EDITS)
            yield (
                f"the same while a tenth target {trouble}: p95 {seconds:.2f} s,"
                f" {seconds / usual:.2f} times (goal: below 1.5)"
            )


def steady_cycles(directory: Path, environment: Mapping[str, str], size: int) -> str:
    """Return the cost of a cycle of one daemon for `size` targets in sync."""
    targets = ["--target", f"t-?-r{'0' if size < max(SIZES) else '*'}"]
    command = [*OURS, "run", *targets, "--interval", str(INTERVALS[size])]
    command += ["--listen", "127.0.0.1:0"]
    with running(command, directory, environment) as (process, url):
        # The first cycles of all targets end before the figures begin.
        _wait_for_cycle(url, 3)
        calls, cycles, cpu = _calls(url), _cycles(url), cpu_seconds(process)
        _wait_for_cycle(url, 3 + CYCLES)
        ended = _cycles(url) - cycles
        calls, cpu = (_calls(url) - calls) / ended, (cpu_seconds(process) - cpu) / ended
        threads = len(list(Path(f"/proc/{process.pid}/task").iterdir()))
        return (
            f"a steady cycle of each of {size} targets in one daemon: {calls:.1f} calls,"
            f" {cpu * 1000:.0f} ms CPU; {peak_memory(process):.0f} MB, {threads} threads"
            " (goal: 3 calls for each mesh)"
        )


def _targets(url: str) -> list[Any]:
    document = urllib3.request("GET", f"{url}/status", timeout=TIMEOUT).json()
    return list(document["targets"])


def _wait_for_cycle(url: str, cycle: int) -> None:
    """Wait until each target has ended a cycle before this one."""
    while any(target["cycle"] < cycle for target in _targets(url)):
        time.sleep(1)


def _cycles(url: str) -> int:
    return sum(int(target["cycle"]) for target in _targets(url))


def _calls(url: str) -> float:
    metrics = urllib3.request("GET", f"{url}/metrics", timeout=TIMEOUT).data.decode()
    lines = (line for line in metrics.splitlines() if "api_calls_total{" in line)
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def write_manifests(directory: Path) -> None:
    """Write a mesh of 20 resources."""
    directory.mkdir()
    rows = [("Mesh", "  name: shop\n", "  egressFilter: {type: DROP_ALL}\n")]
    dns = "  serviceDiscovery: {{dns: {{hostname: {0}.internal}}}}\n"
    listeners = "  listeners: [{portMapping: {port: 8080, protocol: http}}]\n"
    rows += [("VirtualNode", _names(f"n{it}"), dns.format(f"n{it}") + listeners) for it in range(7)]
    rows += [("VirtualRouter", _names(f"r{it}"), listeners) for it in range(4)]
    action = "{weightedTargets: [{virtualNode: n0, weight: 1}]}"
    route = f"  httpRoute: {{match: {{prefix: /}}, action: {action}}}\n"
    rows += [("Route", _names("all", f"r{it}"), route) for it in range(4)]
    provider = "  provider: {{virtualRouter: {{virtualRouterName: r{0}}}}}\n"
    rows += [("VirtualService", _names(f"s{it}"), provider.format(it)) for it in range(4)]
    text = "".join(ROW.format(kind=kind, metadata=names, spec=spec) for kind, names, spec in rows)
    (directory / "shop.yaml").write_text(text.removesuffix("---\n"))


def write_settings(directory: Path, url: str, regions: int) -> dict[str, str]:
    """Write the matrix of the targets and a profile for each account; return the environment."""
    accounts = {f"{number}": f"30000000000{number}" for number in range(ACCOUNTS)}
    names = [f"r{number}" for number in range(regions)]
    pairs = ", ".join(f'{name} = "{account}"' for name, account in accounts.items())
    (directory / "reconciler.toml").write_text(
        f'[targets.t]\naccounts = {{ {pairs} }}\nregions = {names}\nendpoint_url = "{url}"\n'
        'owner = "bench"\nprofile = "p{account_name}"\ntag_index_lag = 0\n'
    )
    (directory / "aws").write_text(
        "".join(
            f"[profile p{name}]\naws_access_key_id = {account}\naws_secret_access_key = any\n"
            for name, account in accounts.items()
        )
    )
    return {**os.environ, "AWS_CONFIG_FILE": str(directory / "aws")}


def _names(name: str, router: str = "") -> str:
    parent = f"  virtualRouter: {router}\n" if router else ""
    return f"  mesh: shop\n{parent}  name: {name}\n"
