"""A TCP relay in front of a server, whose connections a test severs, holds up and rewrites."""

import math
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Relay:
    """Forwards connections to a port of this machine.

    Attributes:
        port: The port to connect to.
    """

    def __init__(self, target: int) -> None:
        """Forward to the port `target`."""
        self._target = target
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._guard = threading.Lock()
        self._open = threading.Event()
        self._open.set()
        self._lost = b""
        self._rewritten = (b"", b"")
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def sever(self, share: float = 1) -> None:
        """Close a share of the connections, or all."""
        with self._guard:
            pairs = list(self._pairs)
        for pair in pairs[: math.ceil(share * len(pairs))]:
            _close(*pair)

    @contextmanager
    def losing(self, answer: bytes) -> Iterator[None]:
        """Close a connection instead of forwarding an answer that contains `answer`."""
        self._lost = answer
        try:
            yield
        finally:
            self._lost = b""

    @contextmanager
    def holding(self) -> Iterator[None]:
        """Forward nothing, and close nothing."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def rewrite(self, old: bytes, new: bytes) -> None:
        """Replace `old` by `new`, which is as long, in what clients send."""
        assert len(old) == len(new)
        self._rewritten = (old, new)

    def close(self) -> None:
        """Stop, and close all connections."""
        self._open.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.sever()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    client.close()
                    continue
                for each in (client, server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._guard:
                    self._pairs.add((client, server))
                for answers in (False, True):
                    forward = (client, server, answers)
                    threading.Thread(target=self._forward, args=forward, daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket, answers: bool) -> None:
        source, target = (server, client) if answers else (client, server)
        with suppress(OSError):
            while data := source.recv(65536):
                self._open.wait()
                if answers and self._lost and self._lost in data:
                    break
                target.sendall(data if answers else data.replace(*self._rewritten))
        with self._guard:
            self._pairs.discard((client, server))
        _close(client, server)


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
