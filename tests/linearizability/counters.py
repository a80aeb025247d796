"""Routers with one writer each, whose version counts its writes, and waiters for their revision.

Nothing is deleted, so the versions of all resources of the account add up to its revision.
"""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field

from linearizability.cluster import Cluster
from linearizability.histories import (
    ACCOUNTS,
    REGION,
    NotAnsweredError,
    Session,
    UnavailableError,
    create_meshes,
)
from linearizability.routers import Action, Answer, Place, Request

from reconciler.endpoint.endpoint_errors import StoreFailedError
from reconciler.endpoint.state.store import Readable, Snapshot
from reconciler.endpoint.state.tables import Scope

SCOPE = Scope(ACCOUNTS[-1], REGION)
# The load is to be there at each kill, and to leave the machine to other tests.
PAUSE_SECONDS = 0.02
TIMEOUT_SECONDS = 60.0
WRITERS = 4


@dataclass
class Writer:
    """The only writer of a router: creates it, then updates it over and over."""

    cluster: Cluster
    name: str
    acknowledged: list[Answer] = field(default_factory=list)
    repeated: set[int] = field(default_factory=set)

    def write_until(self, stop: threading.Event) -> None:
        """Write until `stop` is set, each write with a token until it is acknowledged."""
        chance = random.Random(self.name)  # noqa: S311 - repeatable, not secret
        while not stop.is_set():
            version = len(self.acknowledged) + 1
            action: Action = "create" if version == 1 else "update"
            place = Place(SCOPE.account, self.name)
            request = Request(action, place, f"{self.name}-{version}", version % 60000 + 1)
            answer = self._acknowledged(request, version, chance)
            assert answer.router, (request, answer)
            # Fewer are lost writes, more are tokens with two effects.
            assert answer.router.version == version, (request, answer)
            self.acknowledged.append(answer)
            time.sleep(PAUSE_SECONDS)

    def _acknowledged(self, request: Request, version: int, chance: random.Random) -> Answer:
        while True:
            with closing(Session(chance.choice(self.cluster.urls))) as session:
                try:
                    return session.call(request)
                except UnavailableError:
                    time.sleep(PAUSE_SECONDS)
                except NotAnsweredError:
                    self.repeated.add(version)

    def check(self, snapshot: Snapshot) -> None:
        """Check that a snapshot has exactly the writes up to its revision."""
        shown = next((each.version for each in snapshot.resources if each.name == self.name), 0)
        for version, answer in enumerate(self.acknowledged, start=1):
            if version <= shown and version not in self.repeated:
                assert answer.revision <= snapshot.revision, (self.name, version, snapshot)
            if version > shown:
                assert answer.revision > snapshot.revision, (self.name, version, snapshot)


@dataclass
class Waiter:
    """Reads everything whenever the revision has risen, as a control plane would."""

    store: Readable
    snapshots: list[Snapshot] = field(default_factory=list)
    revision: int = 0

    def follow_until(self, stop: threading.Event) -> None:
        """Wait for revisions until `stop` is set."""
        while not stop.is_set():
            with suppress(StoreFailedError):
                found = self.store.wait(SCOPE, self.revision, timeout=0.5)
                assert found >= self.revision, "a revision fell"
                if found > self.revision:
                    snapshot = self.store.read_all(SCOPE)
                    assert snapshot.revision >= found
                    versions = sum(each.version for each in snapshot.resources)
                    assert versions == snapshot.revision, snapshot
                    self.snapshots.append(snapshot)
                    self.revision = found

    def wait_until(self, revision: int) -> None:
        """Wait until the waiter has seen this revision."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while self.revision < revision:
            assert time.monotonic() < deadline, f"a waiter saw {self.revision} of {revision}"
            time.sleep(0.02)


@dataclass
class Load:
    """Writers at work."""

    writers: list[Writer]
    writing: "list[Future[None]]"

    def wait_for_writes(self) -> None:
        """Wait until each writer had three more writes acknowledged."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        wanted = [len(each.acknowledged) + 3 for each in self.writers]
        while any(
            len(each.acknowledged) < count for each, count in zip(self.writers, wanted, strict=True)
        ):
            assert time.monotonic() < deadline, "a writer does not get on"
            assert not any(each.done() for each in self.writing)
            time.sleep(PAUSE_SECONDS)


@contextmanager
def load(cluster: Cluster, stores: Sequence[Readable]) -> Iterator[Load]:
    """Write through the endpoints, follow the revisions in `stores`, and check all at the end."""
    create_meshes(cluster)
    writers = [Writer(cluster, f"w{number}") for number in range(WRITERS)]
    waiters = [Waiter(store) for store in stores]
    written, followed = threading.Event(), threading.Event()
    with ThreadPoolExecutor(len(writers) + len(waiters)) as pool:
        following = [pool.submit(each.follow_until, followed) for each in waiters]
        writing = [pool.submit(each.write_until, written) for each in writers]
        try:
            yield Load(writers, writing)
            written.set()
            for each in writing:
                each.result()
            cluster.wait_until_ready()
            last = stores[0].read_all(SCOPE)
            for waiter in waiters:
                waiter.wait_until(last.revision)
        finally:
            written.set()
            followed.set()
            for each in (*writing, *following):
                each.result()
    versions = {each.name: each.version for each in last.resources}
    assert versions == {"m": 1} | {each.name: len(each.acknowledged) for each in writers}
    for snapshot in [last, *(each for waiter in waiters for each in waiter.snapshots)]:
        for writer in writers:
            writer.check(snapshot)
