"""The endpoint as a thing that starts, has a URL and stops.

It owns the data folder, the socket and the thread; everything else happens in what it starts.
"""

import ipaddress
import logging
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from reconciler import api
from reconciler.endpoint.errors import AddressRefusedError
from reconciler.endpoint.folder import HeldFolder
from reconciler.endpoint.operations import Operations
from reconciler.endpoint.rules import Behaviour
from reconciler.endpoint.store import Store
from reconciler.endpoint.wire import Wire

# SDKs keep connections for later; one that is closed under a request fails a delete for good,
# because deletes are not sent twice.
_IDLE_SECONDS = 75
_LONGEST_STOP_SECONDS = 5
_BACKLOG = 2048
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class LocalEndpoint:
    """The App Mesh API on a loopback port, served by a thread of this process.

    It is a context manager: ``with LocalEndpoint(data=Path(".reconciler")) as endpoint`` serves at
    ``endpoint.url`` until the block ends.
    """

    url: str

    def __init__(
        self,
        data: Path | None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        behaviour: Behaviour | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Describe an endpoint; nothing is opened before it is entered.

        Args:
            data: The folder that holds its state; None keeps it in memory.
            host: ``localhost`` or a loopback address.
            port: 0 takes a free one.
            behaviour: What it does where nobody knows what the service does.
            clock: Seconds since 1970.
        """
        self._data = data
        self._host = host
        self._port = port
        self._behaviour = behaviour or Behaviour()
        self._clock = clock
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Serve.

        Raises:
            FolderHeldError: Another process serves this data, and the error says where.
            FolderUnusableError: The folder cannot be made, opened or locked.
            StoreRefusedError: The folder holds a database that we may not open.
            AddressRefusedError: The address is not a loopback address, or is taken.
        """
        with ExitStack() as opening:
            folder = None
            if self._data is not None:
                folder = HeldFolder(self._data)
                opening.callback(folder.close)
            store = Store(self._data)
            opening.callback(store.close)
            listening = _listen(self._host, self._port)
            opening.callback(listening.close)
            description = api.load()
            operations = Operations(description, self._behaviour, self._clock)
            server = _server(Wire(description, operations, store))
            serving = threading.Thread(
                target=server.run, kwargs={"sockets": [listening]}, name="endpoint", daemon=True
            )
            serving.start()
            opening.callback(_stop, server, serving)
            self.url = _url(listening)
            if folder is not None:
                folder.announce(self.url)
            self._open = opening.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish the requests that are under way, and let everything go."""
        self._open.close()


def _listen(host: str, port: int) -> socket.socket:
    address = "127.0.0.1" if host == "localhost" else host
    try:
        loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise AddressRefusedError(f"{host} is not a loopback address; the endpoint serves no other")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it, an answer's
    # body waits 40 ms for the acknowledgement of its headers.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((address, port))
        listening.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listening.close()
        raise AddressRefusedError(f"cannot listen on {host} port {port}: {error}") from error
    return listening


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _server(wire: Wire) -> uvicorn.Server:
    config = uvicorn.Config(
        wire,
        http="httptools",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=_IDLE_SECONDS,
        timeout_graceful_shutdown=_LONGEST_STOP_SECONDS,
    )
    return uvicorn.Server(config)


def _stop(server: uvicorn.Server, serving: threading.Thread) -> None:
    server.should_exit = True
    serving.join()
