"""A system that gives too few files or threads, or takes no output: words, and no trace."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import forks
import pytest
from amounts import FULL
from conftest import Cli
from daemons import ended, told_of
from manifest_text import mesh_yaml
from starved import STARVED

from reconciler.core.exit_codes import ExitCode
from reconciler.endpoint import LocalEndpoint

pytestmark = [pytest.mark.process, pytest.mark.measured]

Write = Callable[[str, str], Path]
ENDING = (
    "validate",
    "plan --target local",
    "apply --target local --auto-approve",
    "run --once --target local",
    "doctor --target local",
)
SERVING = (
    "run --target local",
    "endpoint --listen 127.0.0.1:0",
    "endpoint --listen 127.0.0.1:0 --data :memory:",
)
# Between the limits of files that are tried.
STEP = 1 if FULL else 4
TRACES = ("a bug in mesh-reconciler", "Traceback", "Exception", "RuntimeWarning", "panicked")


def starved(what: str, number: int, command: str) -> "subprocess.CompletedProcess[str]":
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return forks.run(what, str(number), *command.split(), program=STARVED, **streams)


def is_calm(caplog: str) -> bool:
    return len(caplog.splitlines()) <= 5 and not any(trace in caplog for trace in TRACES)


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("lowest", "highest", "commands"), [(5, 40, ENDING + SERVING), (68, 76, ENDING)]
)
def test_p16_at_no_limit_of_files_does_a_command_hang_or_show_a_trace(
    here: Path, write: Write, lowest: int, highest: int, commands: tuple[str, ...]
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    done = subprocess.run(
        [sys.executable, STARVED, "sweep", str(lowest), str(highest), str(STEP), *commands],
        cwd=here, capture_output=True, text=True, check=True,
    )  # fmt: skip
    runs = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(runs) == len(range(lowest, highest + 1, STEP)) * len(commands)
    for files, command, code, out, result in runs:
        where = f"ulimit -n {files}; reconciler {command}"
        assert is_calm(result), f"{where}: {result}"
        if command == "validate":
            assert (code, result) == (ExitCode.OK, ""), where
        elif code == ExitCode.ERROR:
            assert "raise the limit (ulimit -n)" in out + result, where
        else:
            assert (code, highest) == (ExitCode.OK, 76), f"{where}: {code}"


@pytest.mark.parametrize("files", [5, 12])
def test_p16_too_few_files_at_the_start_are_one_line(here: Path, write: Write, files: int) -> None:
    del here
    write("manifests/a.yaml", mesh_yaml("a"))
    done = starved("import-files", files, "plan --target local")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.endswith(
        "Too many open files: the server needs 64 more open files; raise the limit (ulimit -n)\n"
    )
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.sample(2)
@pytest.mark.parametrize("command", ["validate", "plan --target local", *ENDING[-1:], *SERVING[1:]])
def test_no_more_threads_are_one_line(here: Path, write: Write, command: str) -> None:
    del here
    write("manifests/a.yaml", mesh_yaml("a"))
    done = starved("threads", 1, command)
    if command == "validate":
        assert (done.returncode, done.stderr) == (0, "")
        return
    assert done.returncode == 1
    assert is_calm(done.stderr)
    assert "can't start new thread; raise the limit of threads" in done.stdout + done.stderr
    assert len(done.stderr.splitlines()) == (0 if "doctor" in command else 1)


def test_a_status_that_has_no_thread_to_be_served_in_is_one_line(
    here: Path, write: Write, endpoint: LocalEndpoint
) -> None:
    del here
    write("manifests/a.yaml", mesh_yaml("a"))
    done = starved("threads", 1, f"run --endpoint-url {endpoint.url} --owner o --log-level error")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "reconciler: cannot serve the status: can't start new thread; raise"
    )


def test_a_daemon_without_a_thread_to_watch_files_in_looks_at_them(
    here: Path, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    # One thread serves its status.
    arguments = ("threads", "2", "run", "--endpoint-url", endpoint.url, "--owner", "o")
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = forks.start(*arguments, program=STARVED, cwd=here, **streams)
    told_of(
        process,
        "cannot watch files, so they are checked every 2 seconds: can't start new thread",
    )
    write("manifests/b.yaml", mesh_yaml("b"))
    told_of(process, "mesh/b: created")
    assert ended(process, signal.SIGTERM)[0] == 0


@pytest.mark.unmeasured
@pytest.mark.parametrize("threads", [1, 3])
def test_with_few_threads_fewer_calls_are_made_at_a_time_and_all_of_them(
    here: Path, write: Write, endpoint: LocalEndpoint, by_hand: object, threads: int
) -> None:
    del here
    names = [f"m{number}" for number in range(20)]
    for name in names:
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    done = starved(
        "threads", threads, f"apply --auto-approve --owner o --endpoint-url {endpoint.url}"
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Applied: 20 created." in done.stdout
    live = by_hand.list_meshes()["meshes"]  # type: ignore[attr-defined]
    assert {mesh["meshName"] for mesh in live} == set(names)


def test_a_lock_that_no_thread_can_renew_is_let_go(
    here: Path, write: Write, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    where = f"--owner o --endpoint-url {endpoint.url} --lock file:{here}/ci.lock"
    done = starved("threads", 1, f"apply --auto-approve {where}")
    assert done.returncode == 1
    assert done.stderr == (
        "reconciler: can't start new thread; raise the limit of threads (ulimit -u, or the"
        " container's limit of pids)\n"
    )
    assert json.loads((here / "ci.lock").read_text().splitlines()[0])["holder"] == ""


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("plan --target nowhere", ExitCode.USAGE),
        ("plan --target local", ExitCode.MANIFESTS),
        ("", ExitCode.USAGE),
    ],
)
def test_p20_a_stderr_that_takes_nothing_changes_no_exit_code(
    here: Path, write: Write, command: str, code: int
) -> None:
    write("manifests/broken.yaml", "kind: [")
    with Path("/dev/full").open("w") as full:
        done = forks.run(*command.split(), cwd=here, stdout=subprocess.PIPE, stderr=full)
    assert done.returncode == code


@pytest.mark.parametrize("what", ["--help", "--version", "plan --help", ""])
def test_p20_a_stdout_that_takes_nothing_is_one_line_and_1(here: Path, what: str) -> None:
    environment = dict(os.environ)
    if not what:
        environment["_RECONCILER_COMPLETE"] = "bash_source"
    with Path("/dev/full").open("w") as full:
        done = forks.run(
            *what.split(), cwd=here, env=environment, stdout=full, stderr=subprocess.PIPE
        )
    assert done.returncode == 1
    assert done.stderr == (
        "reconciler: writing results: No space left on device; the output is incomplete\n"
    )


def test_what_the_system_does_not_give_is_no_bug(
    cli: Cli, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    errors: list[tuple[Exception, str]] = [
        (OSError(24, "Too many open files", "x.json"), "x.json: Too many open files; raise the"),
        (PermissionError(13, "Permission denied"), "Permission denied; run again with --log-level"),
        (MemoryError(), "out of memory; raise the memory limit"),
    ]
    for error, words in errors:

        def refused(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr("reconciler.cli.run_context.read_manifests", refused)
        result = cli("plan", "--target", "local")
        assert result.code == 1
        assert result.err.startswith(f"reconciler: {words}")
        assert len(result.err.splitlines()) == 1
