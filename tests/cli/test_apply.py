"""An apply while it runs: what a person sees of it, and how it ends early."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import forks
import pytest
import urllib3
from amounts import amount
from conftest import Cli
from daemons import eventually, told_of
from manifest_text import mesh_yaml
from terminals import run_on_terminal

from reconciler.endpoint import LocalEndpoint

pytestmark = [pytest.mark.process, pytest.mark.measured]

Write = Callable[[str, str], Path]
TIMEOUT_SECONDS = 120.0
MESHES = amount("meshes applied with a delay behind a progress bar", test=50, full=500)


@pytest.fixture
def command(endpoint: LocalEndpoint, write: Write) -> list[str]:
    """Return the arguments of the command that creates three meshes, one at a time."""
    for name in "abc":
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    where = ["--endpoint-url", endpoint.url, "--owner", "o", "--parallelism", "1"]
    return ["apply", *where, "--auto-approve"]


def break_(endpoint: LocalEndpoint, **fault: Any) -> None:
    content = {"faults": [{"operation": "CreateMesh", **fault}]}
    assert urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json=content).status == 200


def created(endpoint: LocalEndpoint) -> int:
    counts = urllib3.request("GET", f"{endpoint.url}/_endpoint/calls").json()["calls"]
    return int(counts.get("CreateMesh", 0))


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_p02_an_interrupted_apply_ends_its_call_begins_none_and_says_so(
    command: list[str], endpoint: LocalEndpoint, here: Path, number: int, code: int
) -> None:
    # Long enough to notice the call and send the signal, on a busy machine too.
    break_(endpoint, fault="delay", seconds=3)
    process = forks.start(*command, cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    eventually(lambda: created(endpoint) > 0)
    process.send_signal(number)
    told_of(process, "reconciler: stopping when the calls in progress have ended")
    # A terminal that is closed meanwhile changes nothing.
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    assert (process.returncode, err) == (code, "")
    assert created(endpoint) == 1
    assert "mesh/a: created" in out
    assert "mesh/b: create skipped: the run was interrupted before this change" in out
    assert (
        "Applied: 1 created, 2 skipped.\n2 skipped: no request was sent; apply again to continue.\n"
    ) in out


@pytest.mark.unmeasured
def test_p03_under_nohup_a_closed_terminal_stops_nothing(
    command: list[str], endpoint: LocalEndpoint, here: Path
) -> None:
    break_(endpoint, fault="delay", seconds=0.5)
    process = subprocess.Popen(
        ["nohup", sys.executable, "-m", "reconciler", *command], cwd=here, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    eventually(lambda: created(endpoint) > 0)
    process.send_signal(signal.SIGHUP)
    out, err = process.communicate(timeout=TIMEOUT_SECONDS)
    assert (process.returncode, err) == (0, "")
    assert "Applied: 3 created." in out


@pytest.mark.slow
def test_the_bar_rises_while_calls_end(
    command: list[str],
    here: Path,
    endpoint: LocalEndpoint,
    write: Write,
    record_property: Callable[[str, object], None],
) -> None:
    for number in range(MESHES):
        write(f"manifests/m{number:03}.yaml", mesh_yaml(f"m{number:03}"))
    break_(endpoint, fault="delay", seconds=0.3)
    command[command.index("1")] = "10"
    shown = run_on_terminal(command, here, stdout=subprocess.DEVNULL)
    assert shown.code == 0
    seen = re.sub(rb"\x1b\[[\d;?]*[a-zA-Z]", b"", shown.terminal)
    counts = [0, *map(int, re.findall(rb" (\d+)/\d+ ", seen))]
    assert counts == sorted(counts)
    assert counts[-1] == MESHES + 3
    # Ten calls end at a time; a wave is all of them.
    assert max(after - before for before, after in pairwise(counts)) <= MESHES // 2
    samples = sampled(shown.parts)
    assert samples == sorted(samples)
    rises = [after > before for before, after in pairwise(samples)]
    figure = f"bar of {MESHES} creates: it rises in {sum(rises)} of {len(rises)} half seconds"
    record_property("figure", figure)
    # A busy machine may leave the command without a core for one sample, but not for three.
    assert sum(rises) >= 0.75 * len(rises), samples
    assert all(any(rises[at : at + 3]) for at in range(len(rises) - 2)), samples


def sampled(parts: Iterable[tuple[float, bytes]]) -> list[int]:
    """Return the count that a bar showed every half second, from its first to its last rise."""
    seen, shown = b"", [(0.0, 0)]
    for at, part in parts:
        seen += re.sub(rb"\x1b\[[\d;?]*[a-zA-Z]", b"", part)
        count = int((re.findall(rb" (\d+)/\d+ ", seen) or [0])[-1])
        if count > shown[-1][1]:
            shown.append((at, count))
    (begin, _), (end, _) = shown[1], shown[-1]
    times = [begin + 0.5 * step for step in range(int((end - begin) / 0.5) + 1)]
    return [max(count for at, count in shown if at <= moment) for moment in times]


def test_a_plan_shows_how_much_of_the_target_is_read(
    command: list[str], here: Path, endpoint: LocalEndpoint
) -> None:
    assert forks.run(*command, cwd=here, stdout=subprocess.DEVNULL).returncode == 0
    fault = {"operation": "DescribeMesh", "fault": "delay", "seconds": 1}
    content = {"faults": [fault]}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json=content)
    options = [it for it in command[1:] if it != "--auto-approve"]
    planning = ["plan", *options, "--refresh"]
    shown = run_on_terminal(planning, here, stdout=subprocess.PIPE)
    assert shown.code == 0
    seen = re.sub(rb"\x1b\[[\d;?]*[a-zA-Z]", b"", shown.terminal)
    counts = [int(count) for count in re.findall(rb" (\d+)/3 \d+ calls/s", seen)]
    # One call at a time takes a second, and the display is drawn ten times a second.
    assert counts == sorted(counts)
    assert counts[-1] == 3
    assert {*counts} & {1, 2}
    assert re.search(rb"\d+ calls? \d+ calls/s", seen)
    assert b"No changes. 3 resources match the manifests." in shown.piped
    assert b"\x1b" not in shown.piped


@pytest.mark.unmeasured
@pytest.mark.parametrize(("fast", "counts"), [(True, "1 failed, 2 skipped"), (False, "2 created")])
def test_with_fail_fast_a_failure_is_the_last_thing_that_is_begun(
    fast: bool, counts: str, command: list[str], endpoint: LocalEndpoint, cli: Cli
) -> None:
    break_(endpoint, fault="error", status=403, calls=[1])
    result = cli(*command, *(["--fail-fast"] if fast else []))
    assert result.code == (1 if fast else 4)
    assert counts in result.out
    assert ("--fail-fast is set" in result.out) is fast
    assert "1 failed: fix the reason in its line, then apply again" in result.out


def test_a_terminal_shows_the_counts_and_a_pipe_gets_the_results_alone(
    command: list[str], here: Path
) -> None:
    shown = run_on_terminal(command, here, stdout=subprocess.PIPE)
    assert shown.code == 0
    seen = shown.terminal
    assert b"applying 3 changes" in seen
    assert b"3/3" in seen
    assert b"0 failed  mesh/c" in seen
    assert b": created" not in seen
    assert b"mesh/c: created\nApplied: 3 created.\n" in shown.piped
    assert b"\x1b" not in shown.piped
