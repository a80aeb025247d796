"""Starts processes of the command as forks of one process that has imported everything.

Most of the CPU time of a process in a test would be that of its imports. The tests of single
commands in ``cli`` start them as users do.
"""

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import coverage
from pydantic import BaseModel

import reconciler
from reconciler.targets.model import SERVICE, TAGGING, shared_loader

PR_SET_CHILD_SUBREAPER = 36
MAX_REQUEST_BYTES = 1 << 17
# A process that has imported gRPC may not fork.
WITH_GRPC = ("envoy.ads_server", "envoy.serve", "envoy.server_tls", "wiring.control_plane")
IMPORTED_LATER = {f"reconciler.{name}" for name in ("__main__", *WITH_GRPC)}
# A process that is started ignores those that its parent ignores.
SIGNALS: dict[signal.Signals, Any] = {
    signal.SIGHUP: signal.SIG_DFL,
    signal.SIGINT: signal.default_int_handler,
    signal.SIGTERM: signal.SIG_DFL,
}
READY, DONE = b"ready", b"done"
MODULE = ("-m", "reconciler")
# Coverage sets this variable, and then measures each process of Python that inherits it.
MEASURES_PROCESSES = "COVERAGE_PROCESS_CONFIG"

_opened = ExitStack()
_origins: list["_Origin"] = []


def start(*arguments: str, program: Path | None = None, **options: Any) -> "subprocess.Popen[str]":
    """Return a new process of ``reconciler``; the options are those of ``subprocess.Popen``.

    ``program`` is a file that runs the command line instead.
    """
    if sys.platform != "linux":
        command = [sys.executable, *([str(program)] if program else MODULE), *arguments]
        return subprocess.Popen(command, text=True, **options)
    if not _origins:
        _origins.append(_opened.enter_context(_origin()))
    return _Fork(_origins[0], [str(program or ""), *arguments], text=True, **options)


def run(*arguments: str, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run ``reconciler`` to its end; the options are those of ``subprocess.Popen``."""
    with start(*arguments, **options) as process:
        output, errors = process.communicate()
    return subprocess.CompletedProcess(arguments, process.returncode, output, errors)


def end() -> None:
    """End the process that forks."""
    _opened.close()
    _origins.clear()


class _Origin:
    """The process that forks. Each fork becomes a child of this process, which can wait for it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def fork(self, arguments: Sequence[str], cwd: Any, env: Any, files: list[int]) -> int:
        """Return the id of a new process with these standard streams."""
        environment = dict(os.environ if env is None else env)
        ignored = [it for it in SIGNALS if signal.getsignal(it) is signal.SIG_IGN]
        request = json.dumps([arguments, str(cwd or Path.cwd()), environment, ignored])
        _adopt_orphans(adopted=True)
        try:
            socket.send_fds(self._connection, [request.encode()], files)
            answers = {self._connection.recv(64) for _ in range(3)}
        finally:
            _adopt_orphans(adopted=False)
        (process,) = answers - {READY, DONE}
        return int(process)


class _Fork(subprocess.Popen[str]):
    def __init__(self, origin: _Origin, arguments: Sequence[str], **options: Any) -> None:
        self._origin = origin
        super().__init__(arguments, **options)

    def _execute_child(self, args: Any, *rest: Any) -> None:
        cwd, env, (stdin, _, _, stdout, _, stderr) = rest[4], rest[5], rest[9:15]
        # One that is not given is that of this process.
        files = [number if end == -1 else end for number, end in enumerate((stdin, stdout, stderr))]
        self.pid = self._origin.fork(args, cwd, env, files)
        self._child_created = True
        self._close_pipe_fds(*rest[9:15])  # type: ignore[attr-defined]


def _adopt_orphans(*, adopted: bool) -> None:
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, int(adopted), 0, 0, 0)


@contextmanager
def _origin() -> Iterator[_Origin]:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        command = [sys.executable, "-P", __file__, str(its.fileno())]
        # It measures nothing; each of its forks begins to, if the environment of that says so.
        unmeasured = {name: it for name, it in os.environ.items() if name != MEASURES_PROCESSES}
        process = subprocess.Popen(command, pass_fds=[its.fileno()], env=unmeasured)
    with process, closing(ours):
        assert ours.recv(64) == READY
        yield _Origin(ours)


def _serve(connection: socket.socket) -> None:
    """Fork at each request; return in the new process."""
    for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if module.name not in IMPORTED_LATER:
            importlib.import_module(module.name)
    _read_models()
    assert "grpc" not in sys.modules
    assert threading.active_count() == 1
    gc.collect()
    gc.freeze()
    connection.send(READY)
    while True:
        request, files, _, _ = socket.recv_fds(connection, MAX_REQUEST_BYTES, 3)
        if not request:
            sys.exit()
        # The parent of the new process ends at once, so that the tests adopt it.
        between = os.fork()
        if not between:
            process = os.fork()
            if not process:
                _inherit(files, *json.loads(request))
                # From now on, it takes signals as the tests expect.
                connection.send(READY)
                connection.close()
                return
            connection.send(str(process).encode())
            os._exit(0)
        os.waitpid(between, 0)
        connection.send(DONE)
        for file in files:
            os.close(file)


def _read_models() -> None:
    """Read what each process would read at its first call and its first manifest."""
    loader = shared_loader()
    for name in ("endpoints", "partitions", "sdk-default-configuration"):
        loader.load_data(name)
    for service in (SERVICE, TAGGING, "sts"):
        for part in ("service-2", "endpoint-rule-set-1"):
            loader.load_service_model(service, part)
    models = BaseModel.__subclasses__()
    for model in models:
        models += model.__subclasses__()
        if model.__module__.startswith("reconciler."):
            model.model_rebuild()


def _inherit(
    files: list[int],
    arguments: list[str],
    directory: str,
    environment: dict[str, str],
    ignored: list[int],
) -> None:
    """Take over what a process inherits from the one that starts it."""
    for each, usual in SIGNALS.items():
        signal.signal(each, signal.SIG_IGN if each in ignored else usual)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace")  # noqa: SIM115
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = arguments
    coverage.process_startup(force=True)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])))
    if sys.argv[0]:
        runpy.run_path(sys.argv[0], run_name="__main__")
    else:
        runpy.run_module("reconciler", run_name="__main__", alter_sys=True)
