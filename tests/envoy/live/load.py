"""Clients that send requests all the time, on several paths through live Envoys."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from threading import Event, Thread

from envoy.live.namespaces import CONNECT_TIMEOUT, UNUSED_ADDRESS
from envoy.live.network import CLIENT, Network

# One client on each path sends this often; more would only compete with other tests.
INTERVAL_SECONDS = 0.01


@dataclass(frozen=True)
class Path:
    """Where the requests of one client go."""

    name: str
    host: str
    task: str = CLIENT
    address: str = UNUSED_ADDRESS
    port: int = 80


class Load:
    """One client for each path, until they are stopped.

    Attributes:
        answers: The number of each status by path; the status 0 is a connection that failed.
    """

    def __init__(self, network: Network, paths: Sequence[Path]) -> None:
        self.answers: dict[str, Counter[int]] = {path.name: Counter() for path in paths}
        self._network = network
        self._stop = Event()
        self._threads = [Thread(target=self._send, args=(path,)) for path in paths]
        for thread in self._threads:
            thread.start()

    def _send(self, path: Path) -> None:
        while not self._stop.is_set():
            http = HTTPConnection(path.host, path.port)
            try:
                connect = self._network.tasks[path.task].connect
                with connect(path.address, path.port) as http.sock:
                    self._repeat(http, path)
            except (OSError, HTTPException):
                self.answers[path.name][0] += 1

    def _repeat(self, http: HTTPConnection, path: Path) -> None:
        while not self._stop.wait(INTERVAL_SECONDS) and http.sock is not None:
            http.request("GET", "/")
            answer = http.getresponse()
            answer.read()
            self.answers[path.name][answer.status] += 1

    @property
    def total(self) -> int:
        """The number of requests."""
        return sum(found.total() for found in self.answers.values())

    @property
    def served(self) -> int:
        """The number of requests that an application answered."""
        return sum(found[200] for found in self.answers.values())

    @property
    def failed(self) -> int:
        """The number of requests without the answer of an application."""
        return self.total - self.served

    def has_more(self, failed: int = -1, served: int = -1) -> bool:
        """Whether there are more failures and more answers than these."""
        return self.failed > failed and self.served > served

    def serves_all(self) -> bool:
        """Whether each path has had an answer of an application."""
        return all(found[200] for found in self.answers.values())

    def clear(self) -> None:
        """Forget all answers."""
        for found in self.answers.values():
            found.clear()

    def figure(self) -> str:
        """Return the failed and all requests of each path."""
        return ", ".join(
            f"{found.total() - found[200]} of {found.total()} by {name}"
            for name, found in self.answers.items()
        )

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(CONNECT_TIMEOUT)
