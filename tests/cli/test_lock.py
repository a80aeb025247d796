"""The lock as the verbs that write take it."""

import json
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import urllib3
from conftest import Cli, Run, Write
from daemons import eventually
from manifest_text import mesh_yaml

from reconciler.endpoint import LocalEndpoint
from reconciler.locks.file import FileStore
from reconciler.locks.lease import Elector, LeaseRecord, keep_renewed

pytestmark = pytest.mark.unmeasured

# A busy machine may hold up the thread that renews a lease for a second.
TERM_SECONDS = 3.0
VERBS = [("apply", "--auto-approve"), ("run", "--once")]


@pytest.fixture
def other(here: Path) -> Elector:
    """Return another run that would write."""
    return Elector(FileStore(here / "lock"), "other", TERM_SECONDS, time.monotonic, time.time)


@pytest.fixture
def locked(cli: Cli, endpoint: LocalEndpoint, here: Path) -> Any:
    def run(command: str, flag: str, *arguments: str) -> Run:
        return cli(
            command, "manifests", flag, "--endpoint-url", endpoint.url, "--owner", "o",
            "--lock", f"file:{here}/lock", "--lock-term", str(TERM_SECONDS), *arguments,
        )  # fmt: skip

    return run


@pytest.mark.parametrize("command", VERBS)
def test_a_run_takes_the_lock_and_lets_it_go(
    write: Write, locked: Any, live: Any, other: Elector, command: tuple[str, str]
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    assert locked(*command).code == 0
    assert set(live()) == {"a"}
    other.renew_or_acquire()
    assert other.is_leader()


@pytest.mark.parametrize("command", VERBS)
def test_p18_a_run_that_meets_another_one_says_whose_turn_it_is(
    write: Write, locked: Any, live: Any, other: Elector, command: tuple[str, str]
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    with keep_renewed(other):
        refused = locked(*command)
    assert refused.code == 7
    assert "other holds the lock file" in refused.err
    assert live() == {}


def test_a_run_that_has_nothing_to_write_asks_for_no_lock(
    write: Write, locked: Any, other: Elector
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    assert locked(*VERBS[0]).code == 0
    with keep_renewed(other):
        assert locked(*VERBS[0]).code == 0


def test_a_run_takes_over_from_one_that_died(
    write: Write, locked: Any, live: Any, other: Elector
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    other.renew_or_acquire()
    assert locked(*VERBS[0]).code == 0
    assert set(live()) == {"a"}


def test_a_run_that_loses_its_lease_begins_nothing_new_and_says_so(
    write: Write, locked: Any, live: Any, endpoint: LocalEndpoint, here: Path
) -> None:
    for name in ("a", "b"):
        write(f"manifests/{name}.yaml", mesh_yaml(name))
    slow = {"fault": "delay", "operation": "CreateMesh", "seconds": 2 * TERM_SECONDS}
    urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [slow]})

    def usurp() -> None:
        def creating() -> bool:
            answer = urllib3.request("GET", f"{endpoint.url}/_endpoint/calls")
            return "CreateMesh" in answer.json()["calls"]

        eventually(creating)
        store = FileStore(here / "lock")
        usurper = LeaseRecord("usurper", 9, 0, 60)
        eventually(lambda: store.compare_and_swap(store.read(), str(usurper)))

    thread = threading.Thread(target=usurp)
    thread.start()
    done = locked(*VERBS[0], "--parallelism", "1", "--format", "json")
    thread.join()
    assert done.code == 7
    assert json.loads(done.out)["exit_code"] == 7
    assert set(live()) == {"a"}


def test_a_lock_that_cannot_be_used_stops_the_run(
    write: Write, locked: Any, live: Any, here: Path
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    (here / "lock").write_text("# not ours\n")
    refused = locked(*VERBS[0])
    assert refused.code == 1
    assert "does not contain a lease" in refused.err
    assert live() == {}
