"""Daemons of one fleet are killed, paused, cut off and get another time; each target is served."""

import fcntl
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import boto3
import forks
import pytest
from amounts import amount
from conftest import Write
from daemons import eventually
from journeys.recording_proxy import Call, recording_proxy
from manifest_text import manifest_text

from reconciler.endpoint import LocalEndpoint

# To open the targets of others and to run their cycles, on a core that nothing else uses.
SLACK = 4.0
# For a thread of a process that goes on to send the call that it had started.
CALL_SECONDS = 1.0
DAEMONS = 5
ROUND_SECONDS, TROUBLE_SECONDS = 10.0, 8.0
ACCOUNTS = [str(600000000000 + number) for number in range(
    amount("targets that five daemons share", test=6, full=100)
)]  # fmt: skip
# Two cores are busy with an edit of 100 targets every two seconds.
TERM, INTERVAL, EDIT_SECONDS = (4.0, 2.0, 2.0) if len(ACCOUNTS) < 100 else (6.0, 10.0, 5.0)
PROMISE = 2 * TERM + INTERVAL
ROUNDS = amount("rounds of trouble for daemons of a fleet", test=1, full=18)
SHIFTED_CLOCK = Path(__file__).with_name("shifted_clock.py")
_PORT = re.compile(r'"port": ?(\d+)')
_CONFIG = """
[targets.shop]
accounts = [{accounts}]
region = "eu-west-1"
profile = "{{account}}"
endpoint_url = "{url}"
owner = "shop"
tag_index_lag = 0
"""


class Member:
    """A daemon that a supervisor starts again, with a way of its own to endpoint and stores."""

    def __init__(self, here: Path, number: int, url: str) -> None:
        self.here, self.number = here, number
        accounts = ", ".join(f'"{account}"' for account in ACCOUNTS)
        config = here / f"reconciler-{number}.toml"
        config.write_text(_CONFIG.format(accounts=accounts, url=url))
        self.way = here / f"way-{number}"
        self.way.symlink_to(here / "stores")
        self.resumed_at: list[float] = []
        self.starts = 0
        self.start()

    def start(self) -> None:
        self.starts += 1
        way = self.way.name
        ways = ("--lock", f"file:{way}/{{target}}", "--members", f"file:{way}/members")
        times = ("--lock-term", str(TERM), "--interval", str(INTERVAL))
        with (self.here / f"log-{self.number}").open("a") as log:
            self.process = forks.start(
                "run", "--all-targets", *ways, *times, "--history", "none",
                "--config", f"reconciler-{self.number}.toml",
                "--token-file", f"token-{self.number}",
                program=SHIFTED_CLOCK, cwd=self.here, stderr=log, stdout=log,
            )  # fmt: skip

    def kill(self) -> None:
        self.end()
        self.start()

    def end(self) -> None:
        self.process.kill()
        self.process.wait()

    def is_running(self) -> bool:
        return (self.here / f"log-{self.number}").read_text().count("status at") == self.starts

    def pause(self) -> None:
        # A process that is stopped in the moment in which it has a file locked keeps it locked.
        with locked(self.here / "stores"):
            self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self.resumed_at.append(time.monotonic())
        self.process.send_signal(signal.SIGCONT)

    def cut_off(self) -> None:
        self.way.unlink()

    def connect(self) -> None:
        self.way.symlink_to(self.here / "stores")

    def set_clock(self) -> None:
        self.process.send_signal(signal.SIGUSR1)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Keep all files of ``directory`` locked."""
    files = [os.open(path, os.O_RDWR) for path in directory.iterdir()]
    try:
        for file in files:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        for file in files:
            os.close(file)


class Edits:
    """Changes of the manifests: each one has its number as the port of a node."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._numbers = count(1001)
        self.made_at: dict[int, float] = {}
        self.load = 1.0

    @property
    def last(self) -> int:
        return max(self.made_at)

    def make(self) -> None:
        number = next(self._numbers)
        listeners = [{"portMapping": {"port": number, "protocol": "http"}}]
        node = {"listeners": listeners, "serviceDiscovery": {"dns": {"hostname": "web.local"}}}
        text = manifest_text({"mesh/a": {}, "virtual-node/a/web": node})
        self._write("manifests/a.yaml", text)
        self.made_at[number] = time.monotonic()
        self.load = max(self.load, os.getloadavg()[0] / (os.cpu_count() or 1))

    def go_on_for(self, seconds: float) -> None:
        """Make an edit every two seconds."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.make()
            time.sleep(EDIT_SECONDS)


@pytest.mark.process
@pytest.mark.unmeasured
@pytest.mark.slow
def test_each_target_has_one_writer_and_is_soon_served_again(
    here: Path, write: Write, endpoint: LocalEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "stores").mkdir()
    profile = "[profile {0}]\naws_access_key_id = {0}\naws_secret_access_key = any\n"
    write("aws-config", "".join(profile.format(account) for account in ACCOUNTS))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(here / "aws-config"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    calls: list[Call] = []
    edits = Edits(write)
    edits.make()
    with ExitStack() as opened:
        members = []
        for number in range(DAEMONS):
            proxy = recording_proxy(endpoint.url, str(number), calls.append)
            members.append(member := Member(here, number, opened.enter_context(proxy)))
            opened.callback(member.end)
        eventually(lambda: written(calls, edits.last) == set(ACCOUNTS))
        for number in range(ROUNDS):
            make_trouble(members[number % DAEMONS :] + members[: number % DAEMONS], edits)
        eventually(lambda: written(calls, edits.last) == set(ACCOUNTS))
        for member in members:
            eventually(member.is_running)
            member.process.send_signal(signal.SIGTERM)
        assert [member.process.wait(60) for member in members] == [0] * DAEMONS
    resumed_at = {str(member.number): member.resumed_at for member in members}

    def is_late(call: Call) -> bool:
        """Return whether a daemon sent a call just after a pause; no lease prevents it.

        The daemon had checked its lease before the pause.
        """
        seconds = CALL_SECONDS * edits.load
        return any(at <= call.sent_at <= at + seconds for at in resumed_at[call.writer])

    for account in ACCOUNTS:
        own = [call for call in calls if call.account == account]
        check_writers(own, is_late)
        check_no_repeats(own, endpoint.url, is_late)
        check_times(own, edits)


def make_trouble(members: list[Member], edits: Edits) -> None:
    """Kill, pause and cut off a daemon, and set the clock of another one; then all go on."""
    killed, paused, cut_off, set_off, _ = members
    began = time.monotonic()
    killed.kill()
    paused.pause()
    cut_off.cut_off()
    set_off.set_clock()
    edits.go_on_for(TROUBLE_SECONDS)
    paused.go_on()
    cut_off.connect()
    edits.go_on_for(began + ROUND_SECONDS - time.monotonic())


def port_of(call: Call) -> int | None:
    found = _PORT.search(call.body)
    return int(found[1]) if found and call.status == 200 else None


def written(calls: list[Call], port: int) -> set[str]:
    return {call.account for call in tuple(calls) if port_of(call) == port}


def check_writers(calls: list[Call], is_late: Callable[[Call], bool]) -> None:
    """Check that no two daemons write at the same time, but for late calls."""
    for before, call in pairwise(sorted(calls, key=lambda call: call.sent_at)):
        if call.writer != before.writer and call.sent_at < before.answered_at:
            assert is_late(before) or is_late(call), (before, call)


def check_no_repeats(calls: list[Call], url: str, is_late: Callable[[Call], bool]) -> None:
    """Check that each edit changed the node once, however often it was sent.

    Only a late call brings an earlier edit back, until the next call.
    """
    client: Any = boto3.client(
        "appmesh", endpoint_url=url, region_name="eu-west-1",
        aws_access_key_id=calls[0].account, aws_secret_access_key="any",
    )  # fmt: skip
    try:
        node = client.describe_virtual_node(meshName="a", virtualNodeName="web")["virtualNode"]
    finally:
        client.close()
    done = [(port, call) for call in calls if (port := port_of(call)) is not None]
    changes = [done[0], *(after for before, after in pairwise(done) if after[0] != before[0])]
    for (before, _), (port, call) in pairwise(changes):
        assert port > before or is_late(call), (before, port, call)
    assert node["metadata"]["version"] == len(changes), [port for port, _ in changes]


def check_times(calls: list[Call], edits: Edits) -> None:
    """Check how long each edit waited for a daemon; a later edit may have replaced it."""
    done = sorted((call.answered_at, port) for call in calls if (port := port_of(call)))
    limit = PROMISE + SLACK * edits.load
    for number, made_at in [*edits.made_at.items()][1:]:
        answered_at = next(at for at, port in done if port >= number)
        assert answered_at - made_at <= limit, (number, calls[0].account)
