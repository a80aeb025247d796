"""The command line as users meet it, in a directory of its own and an environment without AWS."""

import functools
import gc
import importlib
import logging
import os
import pkgutil
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import forks
import pytest
from amounts import FULL, SEED, amount, left_out, measuring
from coverage import Coverage
from forks import MEASURES_PROCESSES
from hypothesis import HealthCheck, settings
from hypothesis.strategies import text

import reconciler
from reconciler.__main__ import GC_THRESHOLD
from reconciler.cli.main import main
from reconciler.endpoint import LocalEndpoint

if TYPE_CHECKING:
    from endpoint.postgresql import PostgreSQL

# Time is measured by the bench and by the tests of growth; a busy machine fails no other test.
settings.register_profile(
    "untimed",
    deadline=None,
    max_examples=amount("examples of each property", test=20, full=100),
    suppress_health_check=[HealthCheck.too_slow],
    # The same examples in each run, because a branch that is taken at times hides that it is not.
    derandomize=not FULL,
)
settings.load_profile("untimed")


# As in the command: the modules of all tests are no garbage, and to search them takes long.
gc.set_threshold(GC_THRESHOLD)

# Fixtures with a server in a thread that many tests share. A thread that runs while nothing is
# measured is not measured any more.
SHARED_SERVERS = {"_served"}

# The processes that the running test has started.
started: list[str] = []


def _recorded(start: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(start)
    def record(*arguments: Any, **options: Any) -> Any:
        started.append(f"{start.__qualname__} {arguments[1:2]}")
        return start(*arguments, **options)

    return record


# Not by an audit hook: with one, Python 3.11 may refuse to trace a thread that starts meanwhile.
for _owner, _name in ((subprocess.Popen, "__init__"), (os, "fork"), (os, "posix_spawn")):
    setattr(_owner, _name, _recorded(getattr(_owner, _name)))


@dataclass(frozen=True)
class Run:
    """What one run printed and exited with."""

    code: int
    out: str
    err: str


Cli = Callable[..., Run]
Write = Callable[[str, str], Path]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory, in which nothing of this machine's settings counts."""
    for name in os.environ:
        if name.startswith(("AWS_", "RECONCILER_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "123456789012")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-of-a-secret")
    # Many daemons run at once here.
    monkeypatch.setenv("RECONCILER_RUN_LISTEN", "127.0.0.1:0")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    # Two tests that run at once would both choose one core, while another one is idle.
    monkeypatch.setattr(os, "sched_setaffinity", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def cli(here: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Return the command line: ``cli("plan", "manifests", stdin="…")``."""
    del here

    def run(*arguments: str, stdin: str = "") -> Run:
        capfd.readouterr()
        # A file, because select needs a descriptor.
        with tempfile.TemporaryFile("w+", encoding="utf-8") as file:
            file.write(stdin)
            file.seek(0)
            monkeypatch.setattr(sys, "stdin", file)
            code = main(arguments)
        # Its log goes to a stderr that is pytest's for this moment only.
        logging.basicConfig(handlers=[logging.NullHandler()], force=True)
        printed = capfd.readouterr()
        assert "canary-of-a-" not in printed.out + printed.err
        return Run(code, printed.out, printed.err)

    return run


@pytest.fixture(scope="session")
def database() -> Iterator["PostgreSQL"]:
    """A running PostgreSQL server; its `new_database` gives each test a store of its own."""
    # The tests of the lowest and newest dependencies have no server.
    from endpoint.postgresql import postgresql  # noqa: PLC0415

    with postgresql() as server:
        yield server


@pytest.fixture
def endpoint() -> Iterator[LocalEndpoint]:
    """Return a running endpoint that keeps everything in memory."""
    with LocalEndpoint(None) as serving:
        yield serving


@pytest.fixture
def by_hand(endpoint: LocalEndpoint, here: Path) -> Iterator[Any]:
    """Return a client of the endpoint, for what is done behind our back."""
    del here
    client = boto3.client("appmesh", endpoint_url=endpoint.url)
    yield client
    client.close()


@pytest.fixture
def write(here: Path) -> Callable[[str, str], Path]:
    """Return a function that writes a file below the working directory."""

    def write_file(name: str, text: str) -> Path:
        path = here / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write_file


@pytest.fixture
def live(endpoint: LocalEndpoint, here: Path) -> Iterator[Any]:
    """Return a function that lists what is live, by name."""
    del here
    client = boto3.client("appmesh", endpoint_url=endpoint.url)

    def names() -> dict[str, Any]:
        refs = client.list_meshes()["meshes"]
        return {ref["meshName"]: ref for ref in refs}

    names.client = client  # type: ignore[attr-defined]  # for hands that meddle
    yield names
    client.close()


@pytest.fixture
def start(here: Path, endpoint: LocalEndpoint) -> Iterator[Start]:
    """Return a function that starts a daemon, which is killed at the end of the test."""
    running: list[subprocess.Popen[str]] = []

    def run(
        *arguments: str, url: str | None = endpoint.url, **environment: str
    ) -> subprocess.Popen[str]:
        where = ("--endpoint-url", url) if url else ()
        process = forks.start(
            "run", *where, "--owner", "o", *arguments,
            cwd=here, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, **environment},
        )  # fmt: skip
        running.append(process)
        return process

    yield run
    for process in running:
        process.kill()
        process.communicate()


@pytest.hookimpl(trylast=True)
def pytest_sessionstart() -> None:
    """Measure each process once, so that a test can stop it.

    In a worker of xdist, pytest-cov has begun twice. The first one goes on whenever the second one
    stops, and what it finds is lost.
    """
    measuring = Coverage.current()
    if measuring is not None:
        measuring.stop()
        while (other := Coverage.current()) is not None:
            other.stop()
        # Makes the tables of all characters, which takes seconds in a test that is measured.
        text().validate()
        measuring.start()


def pytest_sessionfinish() -> None:
    """End the process that others were forked from."""
    forks.end()


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Collect the tests; one worker measures it, because all collect the same."""
    _begin_elsewhere(session.config)
    with _no_garbage():
        measuring = Coverage.current()
        if measuring is None:
            return (yield)
        stopped = os.environ.get("PYTEST_XDIST_WORKER", "gw0") != "gw0"
        if stopped:
            measuring.stop()
        try:
            return (yield)
        finally:
            # While they are measured, not in the first test that uses one.
            for module in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
                importlib.import_module(module.name)
            if stopped:
                measuring.start()


def _begin_elsewhere(config: pytest.Config) -> None:
    """Let each worker begin with other modules, so that each compiles a part of them for all.

    In a new checkout, that is most of the time of the collection. Then pytest-randomly sorts the
    modules, which must be in the same order in all workers.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    if count == 1 or config.args != ["tests"] or not config.pluginmanager.hasplugin("randomly"):
        return
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    places = [it for it in Path(__file__).parent.iterdir() if re.match(r"test_|[a-z]+$", it.name)]
    places.sort(key=lambda it: (len([*it.rglob("*.py")]), it.name))
    own = places[number::count]
    config.args = [*map(str, own), *(str(it) for it in places if it not in own)]


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Search for no garbage during the block, nor later in what it made: all of it is kept."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure the branches of a test and of its processes as its markers say."""
    coverage = Coverage.current()
    if coverage is None:
        return (yield)
    measured = measuring(item)
    # A process takes twice as long if measured, and most enter no branch that others leave.
    config = None if measured == "measured" else os.environ.pop(MEASURES_PROCESSES)
    shares_server = not SHARED_SERVERS.isdisjoint(getattr(item, "fixturenames", ()))
    stopped = measured in {"slow", "unmeasured"} and not shares_server
    if stopped:
        coverage.stop()
    try:
        return (yield)
    finally:
        if stopped:
            coverage.start()
        if config is not None:
            os.environ[MEASURES_PROCESSES] = config


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Forget the processes of the test before."""
    started.clear()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Fail a test that starts a process and has no marker that says so."""
    yield
    marked = {"process", "client", "browser", "slow"} & {mark.name for mark in item.iter_markers()}
    assert marked or not started, f"mark this test with process: it starts {started}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the cases that are left to ``make full``, which has all the time it needs."""
    for item in items:
        if "endpoint" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.client)
    left = left_out(items)
    if FULL:
        for item in items:
            item.add_marker(pytest.mark.timeout(14_400), append=False)
    items[:] = [item for item in items if item not in left]
    config.hook.pytest_deselected(items=sorted(left, key=lambda item: item.nodeid))


def pytest_report_header() -> str:
    """Print the seed, which repeats the choice of cases."""
    return f"sample of cases: RECONCILER_SEED={SEED}; RECONCILER_FULL=1 runs all"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests recorded: how much was tried, and in what time."""
    figures = sorted(
        str(figure)
        for report in terminalreporter.stats.get("passed", [])
        for name, figure in getattr(report, "user_properties", [])
        if name == "figure"
    )
    if figures:
        terminalreporter.section("figures")
        for figure in figures:
            terminalreporter.write_line(figure)
