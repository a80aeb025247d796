"""The follower of a state: it waits for changes to settle, and keeps the last good state."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from daemons import eventually
from envoy.ads_client import client, request
from envoy.live_states import ChangingState, served
from envoy.meshes import shop

from reconciler import limits
from reconciler.envoy.instance_source import NoInstances
from reconciler.envoy.proxy_state import CLUSTERS
from reconciler.envoy.serve import EnvoyServer
from reconciler.envoy.snapshot import NO_INSTANCES, Instances


@contextmanager
def following(state: ChangingState, directory: Path, **more: Any) -> Iterator[EnvoyServer]:
    with served(state, directory, **more) as server:
        eventually(lambda: scope(server)["is_current"])
        yield server


def scope(server: EnvoyServer) -> dict[str, Any]:
    (found,) = server.status()
    return found


def is_current(server: EnvoyServer) -> Callable[[], bool]:
    return lambda: bool(scope(server)["is_current"])


def test_changes_that_follow_each_other_are_one_translation(tmp_path: Path) -> None:
    state = ChangingState(shop())
    with following(state, tmp_path) as server:
        before = state.reads
        for number in range(200):
            state.change(shop(mesh__m={"number": number}))
        eventually(lambda: scope(server)["revision"] == 201)
        assert state.reads - before < 20


def test_a_change_alone_is_read_once_and_one_that_follows_it_is_served(tmp_path: Path) -> None:
    state = ChangingState(shop())
    with following(state, tmp_path) as server:
        for revision, changes in ((2, 1), (4, 2)):
            # A change is alone if none was served a short time before.
            time.sleep(2 * limits.XDS_MAX_DEBOUNCE_SECONDS)
            before = state.reads
            for number in range(changes):
                state.change(shop(mesh__m={"number": number}))
            eventually(lambda: scope(server)["revision"] == revision)  # noqa: B023
            assert state.reads - before <= changes


def test_endless_changes_are_served_all_the_same(tmp_path: Path) -> None:
    state = ChangingState(shop())
    with following(state, tmp_path) as server:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            state.change(shop(mesh__m={"time": time.monotonic()}))
            time.sleep(0.005)
        assert scope(server)["revision"] > 2


def test_a_state_that_cannot_be_read_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = ChangingState(shop())
    with following(state, tmp_path) as server, client(f"unix:{tmp_path}/xds.sock") as proxy:
        assert proxy.clusters()
        state.fail("the disk is gone")
        eventually(lambda: not scope(server)["is_current"])
        assert scope(server)["revision"] == 1
        with client(f"unix:{tmp_path}/xds.sock") as another:
            assert another.clusters()
        state.change({})
        eventually(is_current(server))
        assert [row["exists"] for row in scope(server)["proxies"]] == [False]
    text = "the state cannot be read, proxies keep their configuration: the disk is gone"
    assert [record.getMessage() for record in caplog.records].count(text) == 1


def test_a_bug_does_not_end_the_follower(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    state = ChangingState(shop())
    with following(state, tmp_path) as server:
        state.change({"mesh/m": 7})
        eventually(lambda: not scope(server)["is_current"])
        assert "a bug in mesh-reconciler: TypeError" in caplog.text
        state.change(shop())
        eventually(is_current(server))
        assert scope(server)["revision"] == 3


def test_proxies_wait_for_a_state_that_cannot_be_read_yet(tmp_path: Path) -> None:
    state = ChangingState(shop())
    state.fail("not yet")
    with served(state, tmp_path), client(f"unix:{tmp_path}/xds.sock") as proxy:
        proxy.send(request())
        state.change(shop())
        assert proxy.receive().type_url == CLUSTERS


class NewInstances(NoInstances):
    """Instances that a test changes."""

    instances: Instances = NO_INSTANCES

    def read(self) -> Instances:
        """Return them."""
        return self.instances


def test_new_instances_are_a_change(tmp_path: Path) -> None:
    found = NewInstances()
    state = ChangingState(shop())
    with following(state, tmp_path, instances=found):
        before = state.reads
        found.instances = {("one", "two"): ()}
        eventually(lambda: state.reads > before)


def test_a_new_stream_is_not_served_an_older_revision_than_that_of_the_state(
    tmp_path: Path,
) -> None:
    """The proxy may have the newer one from another server."""
    state = ChangingState(shop())
    with following(state, tmp_path) as server:
        for number in range(10):
            state.change(shop(mesh__m={"number": number}))
            with client(f"unix:{tmp_path}/xds.sock") as proxy:
                assert proxy.clusters()
                (row,) = scope(server)["proxies"]
                assert row["revision"] == number + 2
                assert row["responses"] == 1
            eventually(lambda: not scope(server)["proxies"])
