"""Every effect of runs that are killed is in the history, as made or as unknown."""

import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import boto3
import forks
import pytest
import urllib3
from amounts import SEED, amount
from manifest_text import mesh_yaml

from reconciler.core.report import Applied
from reconciler.endpoint import LocalEndpoint
from reconciler.history.history_file import HistoryFiles
from reconciler.history.recorder import find_runs

RUNS = amount("runs that are killed while they write their history", test=4, full=200)
NAMES = "abcdefgh"
DELAY_SECONDS = 0.05


def versions(client: Any) -> dict[str, tuple[str, int]]:
    meshes = client.list_meshes()["meshes"]
    return {it["meshName"]: (it["createdAt"].isoformat(), it["version"]) for it in meshes}


def settled(client: Any) -> dict[str, tuple[str, int]]:
    """Return the versions once a call that a killed process sent has had its effect."""
    time.sleep(2 * DELAY_SECONDS)
    return versions(client)


def recorded() -> tuple[set[str], set[str]]:
    """Return the names that the history has as changed, and those that it has as unknown."""
    made, unknown = set(), set()
    for record in find_runs(HistoryFiles(Path(".reconciler/history")), ""):
        if record.report is not None:
            made |= {it.change.key.name for it in record.report.outcomes if isinstance(it, Applied)}
        elif record.plan is not None:
            unknown |= {change.key.name for change in record.plan.changes}
    return made, unknown


@pytest.mark.slow
def test_every_effect_of_a_killed_run_is_in_the_history(
    endpoint: LocalEndpoint, here: Path, record_property: Any
) -> None:
    draw = random.Random(f"{SEED} history")  # noqa: S311  # repeatable, not secret
    client = boto3.client("appmesh", endpoint_url=endpoint.url)
    slow = [
        {"operation": f"{verb}Mesh", "fault": "delay", "seconds": DELAY_SECONDS}
        for verb in ("Create", "Update", "Delete")
    ]
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": slow})
    command = (
        *("apply", "manifests", "--auto-approve"),
        *("--endpoint-url", endpoint.url, "--owner", "o", "--parallelism", "1"),
        *("--policy", "sync", "--max-deletes", "9", "--allow-empty"),
    )
    killed, effects = 0, 0
    for _ in range(RUNS):
        (here / "manifests").mkdir(exist_ok=True)
        for name in NAMES:
            path = here / "manifests" / f"{name}.yaml"
            path.unlink(missing_ok=True)
            if draw.random() < 0.8:
                kind = draw.choice(("ALLOW_ALL", "DROP_ALL"))
                path.write_text(mesh_yaml(name, egress=kind), encoding="utf-8")
        for file in Path(".reconciler/history").glob("*"):
            file.unlink()
        before = versions(client)
        process = forks.start(*command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + 60
        # From the first effect on, or at any time before it.
        waits_for_effect = draw.random() < 0.8
        while waits_for_effect and process.poll() is None and time.monotonic() < end:
            waits_for_effect = versions(client) == before
        try:
            process.wait(draw.uniform(0, 0.5))
        except subprocess.TimeoutExpired:
            killed += 1
            process.send_signal(signal.SIGKILL)
            process.wait()
        after = settled(client)
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        made, unknown = recorded()
        assert changed <= made | unknown
        assert made <= changed
        effects += len(changed)
    assert killed
    assert effects
    record_property("figure", f"history: {RUNS} runs, {killed} killed, {effects} effects recorded")
    client.close()
