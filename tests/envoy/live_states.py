"""A state that tests change, and a server of Envoys that follows it."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builders import key

from reconciler.core.resources import Key
from reconciler.envoy.bootstrap import Address
from reconciler.envoy.follower import StateUnreadableError
from reconciler.envoy.node_identity import NodeIdentity
from reconciler.envoy.serve import EnvoyServer

IDENTITY = NodeIdentity("111111111111", "eu-west-1")
Rows = list[tuple[Key, Mapping[str, Any]]]


class Broken(Mapping[str, Any]):
    """A map of certificates with a bug; translation asks it for a certificate of ACM."""

    def __getitem__(self, name: str) -> Any:
        """Fail."""
        raise ZeroDivisionError(name)

    def __iter__(self) -> Any:
        """Return no name."""
        return iter(())

    def __len__(self) -> int:
        """Return the number of names."""
        return 1

    def get(self, name: str, _default: object = None) -> Any:
        """Fail."""
        return self[name]


class ChangingState:
    """A state in memory; a test can also make it unreadable."""

    def __init__(self, specs: Mapping[str, Any]) -> None:
        """Begin with these resources at revision 1."""
        self._changed = threading.Condition()
        self._rows: Rows = []
        self._revision = 0
        self._unreadable = ""
        self.reads = 0
        self.change(specs)

    def change(self, specs: Mapping[str, Any]) -> None:
        """Replace all resources."""
        with self._changed:
            self._rows = [(key(name), spec) for name, spec in specs.items()]
            self._revision += 1
            self._unreadable = ""
            self._changed.notify_all()

    def fail(self, reason: str) -> None:
        """Become unreadable until the next change."""
        with self._changed:
            self._unreadable = reason
            self._changed.notify_all()

    def wait(self, after: int, timeout: float) -> int:
        """Return the revision, as `LiveState.wait` describes it."""
        with self._changed:
            self._changed.wait_for(lambda: self._unreadable or self._revision > after, timeout)
            self._require_readable()
            return self._revision

    def read(self) -> tuple[int, Rows]:
        """Return the revision and all resources."""
        with self._changed:
            self._require_readable()
            self.reads += 1
            return self._revision, self._rows

    def _require_readable(self) -> None:
        if self._unreadable:
            raise StateUnreadableError(self._unreadable)


@contextmanager
def served(state: ChangingState, directory: Path, **more: Any) -> Iterator[EnvoyServer]:
    """Serve the state for the account of `IDENTITY`, and none for others, on a unix socket."""

    def state_of(account: str, region: str) -> ChangingState:
        return state if (account, region) == ("111111111111", "eu-west-1") else ChangingState({})

    addresses = more.pop("addresses", [Address(path=str(directory / "xds.sock"))])
    states = more.pop("state_of", state_of)
    with EnvoyServer(addresses, states, IDENTITY, **more) as server:
        yield server
