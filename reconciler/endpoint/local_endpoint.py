"""The local endpoint as a context manager: starts and stops its server and its store."""

import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from reconciler import api
from reconciler.endpoint.faults.fault_list import read_faults
from reconciler.endpoint.http.authentication import Authenticator
from reconciler.endpoint.http.credentials import open_credentials
from reconciler.endpoint.http.endpoint_app import EndpointApp
from reconciler.endpoint.semantics.behaviors import Behavior
from reconciler.endpoint.semantics.operations import Operations
from reconciler.endpoint.state.data_directory import DataDirectoryLock
from reconciler.endpoint.state.open_store import open_store
from reconciler.endpoint.state.store import Readable
from reconciler.serving.documents import Document
from reconciler.serving.http_server import listen, require_files, run_server, url_of
from reconciler.serving.protocol import Limits
from reconciler.serving.tls import make_context

_REFUSAL_HEADERS = {
    503: b"x-amzn-errortype: ServiceUnavailableException",
    431: b"x-amzn-errortype: RequestHeaderFieldsTooLarge",
    408: b"x-amzn-errortype: RequestTimeoutException",
}
_PERMISSION = "--credentials FILE, or --insecure"


@dataclass(eq=False)
class LocalEndpoint:
    """The App Mesh API on a loopback port, served by a thread of this process.

    It is a context manager: ``with LocalEndpoint(Path(".reconciler")) as endpoint`` serves at
    ``endpoint.url`` until the block ends.

    Attributes:
        data: The data directory, or None to keep the state in memory.
        store: The URL of a PostgreSQL database that has the state instead of ``data``.
        host: The address to listen on; other than loopback only if ``insecure`` is true.
        port: The port to listen on; 0 chooses a free one.
        behavior: The behaviors of the service that are not documented.
        faults: Faults to inject, as JSON or as the path of a JSON file.
        allow_hosts: Names that the Host header may have besides localhost and IP addresses.
        insecure: Whether the endpoint may listen on an address that is not loopback without
            ``credentials``.
        tls: The files of the certificate and its key, or None to serve plain HTTP.
        credentials: The file with the access keys that may sign requests, or None to accept every
            signature.
        limits: The limits of the HTTP server.
        documents: Functions that return more documents to serve, by their path; it may be
            changed while the endpoint runs.
        files: Documents with no data of the endpoint, by path, which need no signature; likewise.
        clock: Returns seconds since 1970.
        state: The state of the running endpoint, to read it.
        url: The URL of the running endpoint.
        location: The place of the state, for messages.
    """

    data: Path | None
    _: KW_ONLY
    store: str | None = field(default=None, repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    behavior: Behavior = field(default_factory=Behavior)
    faults: str | None = None
    allow_hosts: Collection[str] = ()
    insecure: bool = False
    tls: tuple[Path, Path] | None = None
    credentials: Path | None = None
    limits: Limits = field(default_factory=Limits)
    documents: dict[str, Callable[[], Document]] = field(default_factory=dict)
    files: dict[str, Document] = field(default_factory=dict)
    clock: Callable[[], float] = time.time
    state: Readable = field(init=False, repr=False)
    url: str = field(init=False, repr=False)
    location: str = field(init=False, repr=False)
    _open: ExitStack = field(default_factory=ExitStack, init=False, repr=False)

    def __enter__(self) -> Self:
        """Start the endpoint.

        Raises:
            DataDirectoryLockedError: Another process serves this directory.
            DataDirectoryUnusableError: The directory cannot be created, opened or locked.
            InvalidStoreError: The database cannot be used.
            InvalidAddressError: The address is not a loopback address, or is in use.
            InvalidFileError: The certificate, its key or the credentials cannot be used.
            ServingError: This process may not open enough files or start enough threads.
            InvalidFaultsError: The faults cannot be read or are invalid.
        """
        description = api.load()
        faults = read_faults(self.faults, description.operations) if self.faults else None
        context = make_context(*self.tls) if self.tls else None
        keys = open_credentials(self.credentials) if self.credentials else None
        with ExitStack() as opening:
            directory = self._lock_directory(opening)
            # Without free file descriptors, a valid database would be reported as damaged.
            require_files()
            store, self.location = open_store(self.store, self.data)
            opening.callback(store.close)
            self.state = store
            is_protected = self.insecure or keys is not None
            listening = listen(self.host, self.port, insecure=is_protected, permission=_PERMISSION)
            opened = opening.enter_context(listening)
            app = EndpointApp(
                description,
                Operations(description, self.behavior, self.clock),
                store,
                behavior=self.behavior,
                faults=faults,
                hosts=self.allow_hosts,
                authenticator=Authenticator(keys, self.clock),
                documents=self.documents,
                files=self.files,
            )
            server = run_server(
                app,
                opened,
                connection_limits=self.limits,
                refusal_headers=_REFUSAL_HEADERS,
                tls=context,
            )
            opening.enter_context(server)
            self.url = url_of(opened, encrypted=context is not None)
            if directory is not None:
                directory.announce(self.url)
            self._open = opening.pop_all()
        return self

    def _lock_directory(self, opening: ExitStack) -> DataDirectoryLock | None:
        """Lock the data directory, if there is one, until ``opening`` is closed."""
        if self.store is not None or self.data is None:
            return None
        directory = DataDirectoryLock(self.data)
        opening.callback(directory.close)
        return directory

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Finish the requests in progress, and stop the endpoint."""
        self._open.close()
