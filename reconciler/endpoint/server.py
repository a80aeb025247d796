"""The endpoint as a thing that starts, has a URL and stops.

It owns the data folder and joins what it starts; everything else happens there.
"""

import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler import api
from reconciler.endpoint.behaviours import Behaviour
from reconciler.endpoint.faults import read_faults
from reconciler.endpoint.folder import HeldFolder
from reconciler.endpoint.operations import Operations
from reconciler.endpoint.store import Store
from reconciler.endpoint.wire import Wire
from reconciler.serving.listening import listening, serving, url_of
from reconciler.serving.protocol import Limits

_REFUSALS = {
    503: b"x-amzn-errortype: ServiceUnavailableException",
    431: b"x-amzn-errortype: RequestHeaderFieldsTooLarge",
    408: b"x-amzn-errortype: RequestTimeoutException",
}


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
            opened = opening.enter_context(
                listening(self._host, self._port, insecure=self._insecure)
            )
            wire = Wire(
                description,
                Operations(description, self._behaviour, self._clock),
                store,
                behaviour=self._behaviour,
                faults=faults,
                hosts=self._allow_hosts,
            )
            opening.enter_context(
                serving(wire, opened, limits=self._limits, refusal_headers=_REFUSALS)
            )
            self.url = url_of(opened)
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
