"""Benchmarks of the history, and of the time that notifications cost a cycle."""

import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median, quantiles

from builders import OWNER, TARGET, desired, egress, mesh, plan, present

from bench.costs import measure
from reconciler import limits
from reconciler.core.exit_codes import ExitCode
from reconciler.core.report import Applied, Report
from reconciler.core.state.daemon_status import DaemonStatus, ResourceStatus, State
from reconciler.core.state.findings import FindingKind
from reconciler.history.history_file import HistoryFiles
from reconciler.history.recorder import Author, Recorder, list_runs
from reconciler.settings.notify_tables import NotifyConfig
from reconciler.wiring.notify import open_notifier

RECORDS = 100_000
MESHES = 1_000
CYCLES = 200


def figures() -> Iterator[str]:
    """Yield a line for each figure, with its goal."""
    with tempfile.TemporaryDirectory() as directory:
        yield _reading(Path(directory))
    yield _notifying()


def _reading(directory: Path) -> str:
    made = plan(desired("m", egress("DROP_ALL")), present("m", egress("ALLOW_ALL")))
    files = HistoryFiles(directory)
    run = Recorder(files, Author("apply", "user@host", TARGET.name, OWNER)).start(0)
    run.record_end(Report(made, tuple(map(Applied, made.changes))), ExitCode.OK, {})
    (line,) = files.lines()
    in_file = limits.HISTORY_FILE_BYTES // (len(line) + 1)
    for age, start in enumerate(range(0, RECORDS, in_file)):
        name = f"runs.{age}.jsonl" if age else "runs.jsonl"
        with (directory / name).open("wb") as file:
            for number in range(start, min(start + in_file, RECORDS)):
                file.write(line.replace(run.run.encode(), b"run-%06d" % number) + b"\n")
    wall, cpu = (median(figures) for figures in zip(*(_read(files) for _ in range(3)), strict=True))
    command = [sys.executable, "-m", "reconciler", "history", "--history", str(directory)]
    cost = measure(command, str(directory))
    return (
        f"history of {RECORDS:,} runs, {len(line):,} bytes each: read in {wall:.2f} s, "
        f"{cpu:.2f} s CPU (goal: 1 s); listed by the command in {cost.wall:.2f} s, "
        f"{cost.cpu:.2f} s CPU, {cost.memory:.0f} MB (no goal)"
    )


def _read(files: HistoryFiles) -> tuple[float, float]:
    """Return the wall and CPU seconds in which all runs are read."""
    cpu, wall = time.process_time(), time.perf_counter()
    assert sum(1 for _ in list_runs(files)) == RECORDS
    return time.perf_counter() - wall, time.process_time() - cpu


def _notifying() -> str:
    kinds = tuple(FindingKind)
    with socket.create_server(("127.0.0.1", 0)) as server:
        # It accepts no connection and so never answers.
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        config = NotifyConfig("webhook", url, None, None, kinds, (), 0)
        notifier = open_notifier([config], TARGET.name, lambda _: None)
        costs, thread_seconds = [], 0.0
        for number in range(CYCLES):
            state = State.FAILED if number % 2 else State.IN_SYNC
            resources = tuple(
                ResourceStatus(mesh(f"m{it}"), state, 0, reason="denied") for it in range(MESHES)
            )
            status = DaemonStatus(TARGET, OWNER, "sync", 0, 60, resources=resources)
            before, began = time.process_time(), time.perf_counter()
            notifier.notify(status, None, number)
            costs.append(time.perf_counter() - began)
            # A real cycle waits for the API now, and the notifier works.
            time.sleep(0.02)
            thread_seconds += time.process_time() - before
    return (
        f"a receiver that hangs costs a cycle with an outage of {MESHES:,} meshes or its end "
        f"{1000 * median(costs):.2f} ms, p95 {1000 * quantiles(costs, n=20)[18]:.2f} ms, at most "
        f"{1000 * max(costs):.1f} ms (goal: 5 ms), and the threads of the notifier "
        f"{1000 * thread_seconds / CYCLES:.1f} ms CPU"
    )
