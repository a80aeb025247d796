"""Servers of Envoys: processes of the command, and servers of this process."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import forks

from reconciler.endpoint import Scope, open_reader
from reconciler.envoy.ads_session import AdsSession
from reconciler.envoy.bootstrap import Address
from reconciler.envoy.node_identity import NodeIdentity
from reconciler.envoy.proxy_state import CLUSTERS, ProxyState, TypeState
from reconciler.envoy.serve import EnvoyServer
from reconciler.wiring.control_plane import StoredState


class WithoutOrder(AdsSession):
    """Removes clusters at once, and waits for nothing."""

    def _beside_those_in_use(self, wanted: ProxyState) -> TypeState:
        return wanted[CLUSTERS]

    def _has_warmed(self, *_: object) -> bool:
        return True


class Process:
    """A process of the command that serves Envoys."""

    def __init__(self, ready: str, *arguments: str) -> None:
        """Start it, and wait until it prints a line with `ready`."""
        self._process = forks.start(*arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self._process.stdout is not None
        lines = (line for line in self._process.stdout if ready in line)
        self.line = next(lines)

    def kill(self) -> None:
        """End it with SIGKILL."""
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def serving(data: Path, socket: str, **more: Any) -> Iterator[EnvoyServer]:
    """Serve Envoys on the data of an endpoint by a server of this process."""
    reader, _ = open_reader(None, data)
    identity = NodeIdentity("000000000000", "us-east-1")
    state = StoredState(reader, Scope("000000000000", "us-east-1"))
    with EnvoyServer([Address(socket)], lambda *_: state, identity, **more) as server:
        yield server
    reader.close()
