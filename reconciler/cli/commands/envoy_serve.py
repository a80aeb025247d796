"""The envoy serve command: serves Envoys from the data of an endpoint."""

from pathlib import Path

from reconciler.cli.command import Invocation
from reconciler.cli.output import print_result
from reconciler.cli.signals import stop_on_signals
from reconciler.cli.store_password import remember_store
from reconciler.cli.xds_options import envoy_server
from reconciler.core.errors import TargetError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.endpoint import EndpointError, ServingError, open_reader


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
        with stop_on_signals() as stop, envoy_server(invocation, store):
            addresses = ", ".join(invocation["xds"])
            print_result(f"Envoys are served at {addresses} from {location}; Ctrl-C stops it\n")
            stop.stop_requested.wait()
    finally:
        store.close()
    return ExitCode.OK
