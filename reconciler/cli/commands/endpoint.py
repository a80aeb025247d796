"""The endpoint command: serves a local App Mesh API."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.cli.command import Invocation
from reconciler.cli.output import print_result
from reconciler.cli.signals import stop_on_signals
from reconciler.cli.store_password import remember_store
from reconciler.cli.xds_options import envoy_server, proxy_documents
from reconciler.core.errors import LockHeldError, TargetError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.endpoint import (
    Behavior,
    DataDirectoryLockedError,
    EndpointError,
    InvalidAddressError,
    InvalidBehaviorError,
    InvalidFaultsError,
    InvalidFileError,
    LocalEndpoint,
    ServingError,
    copy_state,
    parse_behavior,
)
from reconciler.wiring.endpoint_page import mount_page

IN_MEMORY = ":memory:"


def run(invocation: Invocation) -> int:
    """Serve a local App Mesh API until SIGTERM or SIGINT, or copy its data."""
    for name in ("store", "from", "to"):
        remember_store(invocation[name])
    if invocation.paths:
        return _copy(invocation["from"], invocation["to"])
    if invocation["from"] or invocation["to"]:
        raise UsageError("--from and --to are for copy: use endpoint copy --from DIR --to URL")
    host, port = invocation.listen
    data = None if invocation["data"] == IN_MEMORY else Path(invocation["data"])
    try:
        endpoint = LocalEndpoint(
            data,
            store=invocation["store"],
            host=host,
            port=port,
            behavior=_behavior(invocation),
            faults=invocation["faults"],
            allow_hosts=invocation["allow_host"],
            insecure=invocation["insecure"],
            tls=_tls(invocation),
            credentials=Path(invocation["credentials"]) if invocation["credentials"] else None,
        )
        with stop_on_signals() as stop, endpoint, serving_envoys(invocation, endpoint):
            mount_page(endpoint)
            print_result(
                f"App Mesh API at {endpoint.url}, data in {endpoint.location}; Ctrl-C stops it\n"
            )
            stop.stop_requested.wait()
    except DataDirectoryLockedError as error:
        raise LockHeldError(
            f"{error}: use that URL, stop that process, or pass another --data DIR"
        ) from error
    except (
        InvalidAddressError,
        InvalidBehaviorError,
        InvalidFaultsError,
        InvalidFileError,
    ) as error:
        raise UsageError(str(error)) from error
    except (EndpointError, ServingError) as error:
        raise TargetError(str(error)) from error
    return ExitCode.OK


@contextmanager
def serving_envoys(invocation: Invocation, endpoint: LocalEndpoint) -> Iterator[None]:
    """Serve Envoys from the state of a running endpoint, if --xds is set."""
    if not invocation["xds"]:
        yield
        return
    with envoy_server(invocation, endpoint.state) as server:
        endpoint.documents |= proxy_documents(server)
        print_result(f"Envoys are served at {', '.join(invocation['xds'])}\n")
        yield


def _copy(source: str | None, target: str | None) -> int:
    if not (source and target):
        raise UsageError("copy needs two stores: pass --from and --to, each a directory or a URL")
    try:
        print_result(f"{copy_state(source, target)}\n")
    except DataDirectoryLockedError as error:
        raise LockHeldError(f"{error}: stop that process, or pass another --to DIR") from error
    except (EndpointError, ServingError) as error:
        raise TargetError(str(error)) from error
    return ExitCode.OK


def _behavior(invocation: Invocation) -> Behavior:
    base = Behavior(
        token_retention_seconds=invocation["token_retention"], quotas=invocation["quotas"]
    )
    return parse_behavior(invocation["behavior"], base)


def _tls(invocation: Invocation) -> tuple[Path, Path] | None:
    certificate, key = invocation["tls_cert"], invocation["tls_key"]
    if bool(certificate) != bool(key):
        raise UsageError("--tls-cert and --tls-key need each other: pass both, or none of them")
    return (Path(certificate), Path(key)) if certificate else None
