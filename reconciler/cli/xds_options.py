"""The server of Envoys, from the options of a command."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli.command import Invocation
from reconciler.core.errors import UsageError
from reconciler.endpoint import Readable
from reconciler.envoy.node_identity import NodeIdentity
from reconciler.serving.documents import Document, message

if TYPE_CHECKING:
    from reconciler.envoy.serve import EnvoyServer


@contextmanager
def envoy_server(invocation: Invocation, store: Readable) -> "Iterator[EnvoyServer]":
    """Serve the Envoys of the resources in ``store`` during the block.

    Raises:
        UsageError: An option is invalid, an address cannot be used, or the extra is not installed.
    """
    files = _tls_files(invocation)
    if files is None and not invocation["insecure"]:
        _require_sockets(invocation)
    try:
        from reconciler.envoy.server_tls import ServerTls  # noqa: PLC0415  # needs an extra
        from reconciler.wiring.control_plane import make_envoy_server  # noqa: PLC0415  # this too
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--xds needs the Python package {error.name}: install mesh-reconciler[xds]"
        ) from error
    server = make_envoy_server(
        store,
        invocation["xds"],
        tls=files and ServerTls(*files),
        instances=invocation["instances"],
        cloud_map=invocation["cloud_map"],
        acm=invocation.file.acm,
        identity=NodeIdentity(invocation["xds_account"], invocation["xds_region"]),
    )
    with server:
        yield server


def proxy_documents(server: "EnvoyServer") -> dict[str, Callable[[], Document]]:
    """Return the documents that show the proxies of a server, by path."""
    from reconciler.envoy.metrics import CONTENT_TYPE  # noqa: PLC0415  # needs an extra

    return {
        "/_endpoint/proxies": _if_responding(lambda: Document(json.dumps(server.status()))),
        "/_endpoint/metrics": _if_responding(
            lambda: Document(server.metrics(), CONTENT_TYPE.encode())
        ),
    }


def probe_documents(server: "EnvoyServer") -> dict[str, Callable[[], Document]]:
    """Return the documents for probes of a server, by path."""

    def health() -> Document:
        # It is the response that counts: the state may be unreadable.
        server.is_current()
        return Document('{"status": "alive"}')

    def ready() -> Document:
        if server.is_current():
            return Document('{"status": "ready"}')
        return message(503, "the state cannot be read; proxies keep their configuration")

    return {"/_endpoint/health": _if_responding(health), "/_endpoint/ready": _if_responding(ready)}


def _if_responding(read: Callable[[], Document]) -> Callable[[], Document]:
    """Return ``read`` with an error document if the event loop of the server does not respond."""

    def read_in_time() -> Document:
        try:
            return read()
        except TimeoutError:
            return message(503, "the server of Envoys does not respond")

    return read_in_time


def _tls_files(invocation: Invocation) -> tuple[str, str, str | None] | None:
    certificate, key, authority = (invocation[f"xds_{name}"] for name in ("cert", "key", "ca"))
    if not (certificate or key or authority):
        return None
    if not (certificate and key):
        raise UsageError("--xds-cert and --xds-key need each other: pass both")
    if not authority and not invocation["insecure"]:
        raise UsageError(
            "--xds-ca is missing, so any client could read the configuration of any proxy: pass "
            "the authority of the proxies, or --insecure"
        )
    return certificate, key, authority


def _require_sockets(invocation: Invocation) -> None:
    for address in invocation["xds"]:
        if not address.startswith("unix:"):
            raise UsageError(
                f"--xds {address} is plain TCP, where any client can read the configuration of any "
                "proxy: pass --xds-cert, --xds-key and --xds-ca, or --insecure"
            )
