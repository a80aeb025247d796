"""Runs a command and writes its CPU seconds, wall seconds and peak of memory in MB as JSON.

Usage: ``launcher.py DESCRIPTOR COMMAND…``, where DESCRIPTOR is an open file for the figures. This
is a small process of its own, because a process counts the memory of the one that started it until
it runs its own program.
"""

import json
import os
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path

SAMPLE_MILLISECONDS = 20
MEBIBYTE = 1 << 20


def run(command: list[str]) -> tuple[int, tuple[float, float, float]]:
    """Run ``command`` and return its exit code and its figures.

    The memory is the largest sampled sum of the processes that run at the same time, because
    Terraform and its provider are two, but at least the peak of the largest process.
    """
    started, peak = time.perf_counter(), 0.0
    pid = os.posix_spawnp(command[0], command, os.environ)
    ended = select.poll()
    ended.register(os.pidfd_open(pid), select.POLLIN)
    while not ended.poll(SAMPLE_MILLISECONDS):
        peak = max(peak, _resident(pid))
    _, status, used = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    memory = max(peak, used.ru_maxrss / 1024)
    return os.waitstatus_to_exitcode(status), (used.ru_utime + used.ru_stime, wall, memory)


def _resident(pid: int) -> float:
    pages = 0
    try:
        for member in _family(pid):
            pages += int(Path(f"/proc/{member}/statm").read_text().split()[1])
    except OSError:
        # A process ended during the sample.
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / MEBIBYTE


def _family(pid: int) -> Iterator[int]:
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        for child in (thread / "children").read_text().split():
            yield from _family(int(child))


if __name__ == "__main__":
    code, figures = run(sys.argv[2:])
    os.write(int(sys.argv[1]), json.dumps(figures).encode())
    sys.exit(code)
