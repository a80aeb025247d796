"""Runs the command line where the system gives few files or threads.

``python starved.py threads|files|soft-files N ARGUMENT…`` runs it with these arguments. A command
may raise the limit of soft files.
``python starved.py import-files N ARGUMENT…`` becomes a Python that imports it with few files, too.
``python starved.py sweep LOWEST HIGHEST STEP COMMAND…`` runs each command at limits of open files
in a fork of one process, which imports everything once, and prints a line of JSON for each run.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import IO

from reconciler.__main__ import main as run_as_user
from reconciler.cli.command_table import COMMANDS
from reconciler.cli.main import main

STARVED = Path(__file__)
TIMEOUT_SECONDS = 60
CAP_SYS_ADMIN, CAP_SYS_RESOURCE = 21, 24
CAPABILITY_VERSION_3 = 0x20080522


def few_files(number: int) -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))


def few_soft_files(number: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))


def few_threads(number: int) -> None:
    """Let this process have ``number`` threads, of which it has one already.

    The limit is one of all that a user has, and root has none. It becomes root without the two
    capabilities that lift the limit, and with a real user id of its own, whose threads are counted.
    """
    if os.getuid() == 0:
        drop_capabilities(CAP_SYS_ADMIN, CAP_SYS_RESOURCE)
        os.setresuid(100_000 + os.getpid(), 0, 0)
    elif number > 1:
        number += len([task for task in Path("/proc").glob("[0-9]*/task/*") if is_ours(task)])
    resource.setrlimit(resource.RLIMIT_NPROC, (number, number))


def drop_capabilities(*numbers: int) -> None:
    """Give up capabilities with a number below 32."""
    libc, header = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    # Those that are effective, permitted and inheritable, and the same again for larger numbers.
    sets = (ctypes.c_uint32 * 6)()
    assert libc.capget(header, sets) == 0
    for index in range(3):
        sets[index] &= ~sum(1 << number for number in numbers)
    assert libc.capset(header, sets) == 0


def is_ours(task: Path) -> bool:
    try:
        return task.stat().st_uid == os.getuid()
    except OSError:
        return False


def sweep(limits: range, commands: list[str]) -> None:
    for module in (
        "wiring.local",
        *(f"cli.commands.{name.replace(' ', '_')}" for name in COMMANDS),
    ):
        import_module(f"reconciler.{module}")
    for files in limits:
        for command in commands:
            with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
                child = os.fork()
                if child == 0:
                    run(command, files, out, err)
                code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
                result = []
                for file in (out, err):
                    file.seek(0)
                    result.append(file.read())
            sys.stdout.write(json.dumps([files, command, code, *result]) + "\n")
            sys.stdout.flush()


def run(command: str, files: int, out: IO[str], err: IO[str]) -> None:
    signal.alarm(TIMEOUT_SECONDS)
    for number, file in enumerate((out, err), start=1):
        os.dup2(file.fileno(), number)
        file.close()
    few_files(files)
    os._exit(main(command.split()))


LIMITS = {
    "threads": few_threads,
    "files": few_files,
    "soft-files": few_soft_files,
    "import-files": few_files,
}

if __name__ == "__main__":
    what, number, *rest = sys.argv[1:]
    if what == "sweep":
        sweep(range(int(number), int(rest[0]) + 1, int(rest[1])), rest[2:])
    else:
        sys.argv = ["reconciler", *rest]
        LIMITS[what](int(number))
        if what == "import-files":
            os.execv(sys.executable, [sys.executable, "-m", *sys.argv])
        run_as_user()
