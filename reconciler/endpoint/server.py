"""The endpoint as a thing that starts, has a URL and stops.

It owns the data folder, the socket and the thread; everything else happens in what it starts.
"""

import ipaddress
import logging
import socket
import threading
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import uvicorn

from reconciler import api
from reconciler.endpoint.behaviours import Behaviour
from reconciler.endpoint.errors import AddressRefusedError
from reconciler.endpoint.faults import read_faults
from reconciler.endpoint.folder import HeldFolder
from reconciler.endpoint.operations import Operations
from reconciler.endpoint.protocol import Limits, bounded
from reconciler.endpoint.store import Store
from reconciler.endpoint.wire import Wire

_LONGEST_STOP_SECONDS = 5
_BACKLOG = 2048


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
        faults: str | None = None,
        allow_hosts: Collection[str] = (),
        insecure: bool = False,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Describe an endpoint; nothing is opened before it is entered.

        Args:
            data: The folder that holds its state; None keeps it in memory.
            host: ``localhost`` or a loopback address; any address where ``insecure``.
            port: 0 takes a free one.
            behaviour: What it does where nobody knows what the service does.
            faults: What to break, as JSON or as the path of a file of it.
            allow_hosts: The names, beside ``localhost``, that a Host header may have.
            insecure: Whether others than this machine may be served.
            limits: What one client may cost the others.
            clock: Seconds since 1970.
        """
        self._data = data
        self._host = host
        self._port = port
        self._behaviour = behaviour or Behaviour()
        self._faults = faults
        self._allow_hosts = allow_hosts
        self._insecure = insecure
        self._limits = limits or Limits()
        self._clock = clock
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Serve.

        Raises:
            FolderHeldError: Another process serves this data, and the error says where.
            FolderUnusableError: The folder cannot be made, opened or locked.
            StoreRefusedError: The folder holds a database that we may not open.
            AddressRefusedError: The address is not a loopback address, or is taken.
            FaultsRefusedError: The faults cannot be read, or are none.
        """
        description = api.load()
        faults = read_faults(self._faults, description.operations) if self._faults else None
        with ExitStack() as opening:
            folder = None
            if self._data is not None:
                folder = HeldFolder(self._data)
                opening.callback(folder.close)
            store = Store(self._data)
            opening.callback(store.close)
            listening = _listen(self._host, self._port, insecure=self._insecure)
            opening.callback(listening.close)
            wire = Wire(
                description,
                Operations(description, self._behaviour, self._clock),
                store,
                behaviour=self._behaviour,
                faults=faults,
                hosts=self._allow_hosts,
            )
            server = _server(wire, self._limits)
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


def _listen(host: str, port: int, *, insecure: bool) -> socket.socket:
    address = "127.0.0.1" if host == "localhost" else host
    try:
        allowed = ipaddress.ip_address(address).is_loopback or insecure
    except ValueError:
        allowed = False
    if not allowed:
        raise AddressRefusedError(
            f"{host} is not a loopback address; the endpoint checks no signature, so another"
            " address has to be an IP address that is asked for as insecure"
        )
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


class _Unhurried(logging.Filter):
    """Leaves out that a client kept its connection open while we stopped, which is its right."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is about something else."""
        return not record.msg.startswith("Cancel %s running task(s)")


logging.getLogger("uvicorn.error").addFilter(_Unhurried())


def _server(wire: Wire, limits: Limits) -> uvicorn.Server:
    config = uvicorn.Config(
        wire,
        http=bounded(limits),
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=limits.idle_seconds,
        timeout_graceful_shutdown=_LONGEST_STOP_SECONDS,
    )
    return uvicorn.Server(config)


def _stop(server: uvicorn.Server, serving: threading.Thread) -> None:
    server.should_exit = True
    serving.join()
