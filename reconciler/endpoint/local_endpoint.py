"""The endpoint as a thing that starts, has a URL and stops.

It owns the data folder and joins what it starts; everything else happens there.
"""

import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler import api
from reconciler.endpoint.faults.fault_list import read_faults
from reconciler.endpoint.http.endpoint_app import EndpointApp
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.operations import Operations
from reconciler.endpoint.state.data_directory import DataDirectoryLock
from reconciler.endpoint.state.store import Store
from reconciler.serving.http_server import listen, require_files, run_server, url_of
from reconciler.serving.protocol import Limits

_REFUSAL_HEADERS = {
    503: b"x-amzn-errortype: ServiceUnavailableException",
    431: b"x-amzn-errortype: RequestHeaderFieldsTooLarge",
    408: b"x-amzn-errortype: RequestTimeoutException",
}


@dataclass(eq=False)
class LocalEndpoint:
    """The App Mesh API on a loopback port, served by a thread of this process.

    It is a context manager: ``with LocalEndpoint(Path(".reconciler")) as endpoint`` serves at
    ``endpoint.url`` until the block ends. With no folder for ``data`` its state is kept in memory;
    port 0 is a free one; ``faults`` is JSON, or the path of a file of it. A ``host`` other than
    this machine has to be ``insecure``, a name in the Host header one of ``allow_hosts``.
    """

    data: Path | None
    _: KW_ONLY
    host: str = "127.0.0.1"
    port: int = 0
    behavior: Behavior = field(default_factory=Behavior)
    faults: str | None = None
    allow_hosts: Collection[str] = ()
    insecure: bool = False
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.time
    url: str = field(init=False, repr=False)
    _open: ExitStack = field(default_factory=ExitStack, init=False, repr=False)

    def __enter__(self) -> Self:
        """Serve.

        Raises:
            FolderHeldError: Another process serves this data, and the error says where.
            FolderUnusableError: The folder cannot be made, opened or locked.
            StoreRefusedError: The folder holds a database that we may not open.
            AddressRefusedError: The address is not a loopback address, or is taken.
            ServingError: This process may not open the files, or start the threads, that it takes.
            FaultsRefusedError: The faults cannot be read, or are none.
        """
        description = api.load()
        faults = read_faults(self.faults, description.operations) if self.faults else None
        with ExitStack() as opening:
            directory = None
            if self.data is not None:
                directory = DataDirectoryLock(self.data)
                opening.callback(directory.close)
            # A database that cannot be opened for want of files would pass for a damaged one.
            require_files()
            store = Store(self.data)
            opening.callback(store.close)
            opened = opening.enter_context(listen(self.host, self.port, insecure=self.insecure))
            wire = EndpointApp(
                description,
                Operations(description, self.behavior, self.clock),
                store,
                behavior=self.behavior,
                faults=faults,
                hosts=self.allow_hosts,
            )
            opening.enter_context(
                run_server(
                    wire, opened, connection_limits=self.limits, refusal_headers=_REFUSAL_HEADERS
                )
            )
            self.url = url_of(opened)
            if directory is not None:
                directory.announce(self.url)
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
