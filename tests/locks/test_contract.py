"""What a lease needs of its store, seen on each store."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from amounts import amount
from locks.aws_server import CREDENTIALS, aws_server

from reconciler.locks.lease import Elector

pytestmark = pytest.mark.unmeasured

if TYPE_CHECKING:
    from locks.conftest import Open

HOLDER = """
import sys, time
from functools import partial
import boto3
from botocore.config import Config
from reconciler.locks.lease import Elector, StoreContext, keep_renewed
from importlib import import_module
from reconciler.wiring.locks import steady_seconds
scheme, _, location = sys.argv[1].partition(":")
module = import_module(f"reconciler.locks.{scheme}")
once = Config(retries={"total_max_attempts": 1})
store = module.open_store(location, StoreContext("kills", partial(boto3.client, config=once)))
with keep_renewed(Elector(store, sys.argv[2], 1.5, steady_seconds, time.time)) as leads:
    while True:
        print(f"{time.monotonic()} {leads()}", flush=True)
        time.sleep(0.02)
"""


@pytest.mark.unmeasured
def test_it_is_empty_until_something_is_put_there(open_place: "Open") -> None:
    store = open_place(1)
    assert store.read() is None
    assert not store.compare_and_swap("other", "two")
    assert store.compare_and_swap(None, "a longer record, with é")
    assert store.compare_and_swap("a longer record, with é", "short")
    assert open_place(1).read() == "short"
    assert store.name == open_place(1).name


def test_a_record_of_many_targets_is_kept(open_place: "Open") -> None:
    first, second = ('{"shop-prod-eu-west-1": "' + it * 200_000 + '"}' for it in "ab")
    store = open_place(1)
    assert store.compare_and_swap(None, first)
    assert open_place(1).compare_and_swap(first, second)
    assert store.read() == second


def test_only_what_was_expected_is_replaced(open_place: "Open") -> None:
    store = open_place(1)
    assert store.compare_and_swap(None, "one")
    assert not store.compare_and_swap(None, "two")
    assert not store.compare_and_swap("other", "two")
    assert store.read() == "one"


def test_two_places_are_two_locks(open_place: "Open") -> None:
    assert open_place(1).compare_and_swap(None, "one")
    assert open_place(2).read() is None
    assert open_place(2).compare_and_swap(None, "two")
    assert open_place(1).read() == "one"


@pytest.mark.parametrize("before", [None, "old"])
def test_p11_of_many_at_once_one_gets_it(open_place: "Open", before: str | None) -> None:
    for number in range(amount("races for a record of a lease", test=2, full=50)):
        if before is not None:
            assert open_place(number).compare_and_swap(None, before)
        with ThreadPoolExecutor(8) as pool:
            swapped = pool.map(
                lambda name, number=number: open_place(number).compare_and_swap(before, name),
                "abcdefgh",
            )
            assert sum(swapped) == 1
        assert open_place(number).read() in list("abcdefgh")


def test_p11_races_of_electors_have_one_winner_in_every_round(open_place: "Open") -> None:
    now = [0.0]
    electors = [
        Elector(open_place(1), str(number), 15, lambda: now[0], lambda: 0.0) for number in range(4)
    ]
    with ThreadPoolExecutor(len(electors)) as pool:
        for number in range(amount("rounds of electors", test=11, full=200)):
            stopped = number // 10 % len(electors)
            others = [item for index, item in enumerate(electors) if index != stopped]
            list(pool.map(Elector.renew_or_acquire, others))
            assert sum(item.is_leader() for item in electors) <= 1
            now[0] += 5
    assert sum(item.is_leader() for item in electors) == 1


def test_the_clock_of_one_machine_is_set_back_or_forward(open_place: "Open") -> None:
    """Only the difference between two readings of one clock counts, and never the time of day."""
    first_now, second_now, wall = [1e9], [5.0], [0.0]
    first = Elector(open_place(1), "first", 15, lambda: first_now[0], lambda: wall[0])
    second = Elector(open_place(1), "second", 15, lambda: second_now[0], lambda: -wall[0])
    for step in range(6):
        first.renew_or_acquire()
        second.renew_or_acquire()
        assert (first.is_leader(), second.is_leader()) == (True, False)
        wall[0] = (-1) ** step * 1e12
        first_now[0] += 5
        second_now[0] += 5
    # The machine of the holder was suspended, and its clock went on.
    first_now[0] += 15
    second_now[0] += 15
    assert not first.is_leader()
    second.renew_or_acquire()
    first.renew_or_acquire()
    assert (first.is_leader(), second.is_leader()) == (False, True)


def leading(process: "subprocess.Popen[str]") -> list[float]:
    """Return the times at which the ended process printed that it leads."""
    assert process.stdout is not None
    rows = (line.split() for line in process.stdout.read().splitlines())
    return [float(row[0]) for row in rows if row[1:] == ["True"]]


@pytest.fixture
def aws_url() -> Iterator[str]:
    """Return the URL of DynamoDB and S3 that other processes can reach."""
    with aws_server() as url:
        yield url


@pytest.mark.process
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("scheme", ["file", "postgresql", "dynamodb", "s3"])
def test_p10_a_process_that_is_killed_or_paused_is_followed_and_never_joined(
    request: pytest.FixtureRequest, tmp_path: Path, scheme: str, end: signal.Signals
) -> None:
    locks = {"file": f"file:{tmp_path}/lock", "dynamodb": "dynamodb:locks", "s3": "s3:locks/a"}
    lock = locks.get(scheme) or request.getfixturevalue("database").new_database()
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    if scheme in {"dynamodb", "s3"}:
        environment |= {**CREDENTIALS, "AWS_ENDPOINT_URL": request.getfixturevalue("aws_url")}
    started: list[subprocess.Popen[str]] = []

    def start(holder: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-c", HOLDER, lock, holder]
        output = (tmp_path / holder).open("w+")
        process = subprocess.Popen(command, stdout=output, env=environment, text=True)
        process.stdout = output
        started.append(process)
        return process

    try:
        first = start("first")
        wait_for(tmp_path / "first")
        second = start("second")
        os.kill(first.pid, end)
        wait_for(tmp_path / "second")
        # It must see by itself, after the pause, that its lease is over.
        os.kill(first.pid, signal.SIGCONT)
        time.sleep(0.5)
    finally:
        for process in started:
            process.kill()
            process.wait()
            process.stdout.seek(0)  # type: ignore[union-attr]
    before, after = leading(first), leading(second)
    for process in started:
        process.stdout.close()  # type: ignore[union-attr]
    assert max(before) < min(after)


def wait_for(path: Path) -> None:
    """Return when the process that prints to `path` leads."""
    deadline = time.monotonic() + 60
    while "True" not in path.read_text():
        assert time.monotonic() < deadline, path.read_text()
        time.sleep(0.02)
