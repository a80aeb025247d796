"""The envoy serve command: serves Envoys from the data of an endpoint."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler import limits
from reconciler.cli.command import Invocation
from reconciler.cli.output import print_result
from reconciler.cli.signals import stop_on_signals
from reconciler.cli.store_password import remember_store
from reconciler.cli.xds_options import envoy_server, probe_documents, proxy_documents
from reconciler.core.errors import TargetError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.endpoint import EndpointError, ServingError, open_reader
from reconciler.serving.documents import DocumentsApp
from reconciler.serving.http_server import InvalidAddressError, listen, run_server, url_of
from reconciler.serving.protocol import Limits

if TYPE_CHECKING:
    from reconciler.envoy.serve import EnvoyServer

_LIMITS = Limits(max_connections=limits.MAX_STATUS_CONNECTIONS)


def run(invocation: Invocation) -> int:
    """Serve Envoys from a directory or a database, until SIGTERM or SIGINT."""
    if not invocation["xds"]:
        raise UsageError("nothing to serve: pass --xds unix:PATH or HOST:PORT")
    remember_store(invocation["store"])
    try:
        store, location = open_reader(invocation["store"], Path(invocation["data"]))
    except (EndpointError, ServingError) as error:
        raise TargetError(str(error)) from error
    try:
        with (
            stop_on_signals() as stop,
            envoy_server(invocation, store) as server,
            _serving_status(invocation, server) as url,
        ):
            addresses = ", ".join(invocation["xds"])
            status = f", their status at {url}" if url else ""
            print_result(
                f"Envoys are served at {addresses} from {location}{status}; Ctrl-C stops it\n"
            )
            stop.stop_requested.wait()
    finally:
        store.close()
    return ExitCode.OK


@contextmanager
def _serving_status(invocation: Invocation, server: "EnvoyServer") -> Iterator[str | None]:
    """Serve the probes, the proxies and the metrics over HTTP, if --listen is set."""
    if invocation["listen"] is None:
        yield None
        return
    host, port = invocation.listen
    app = DocumentsApp(
        {**probe_documents(server), **proxy_documents(server)},
        {"localhost", *map(str.lower, invocation["allow_host"])},
    )
    try:
        with (
            listen(host, port, insecure=invocation["insecure"]) as socket,
            run_server(app, socket, connection_limits=_LIMITS),
        ):
            yield url_of(socket)
    except InvalidAddressError as error:
        raise UsageError(f"cannot serve the status: {error}") from error
