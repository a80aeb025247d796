"""HTTP server of the daemon, which starts and stops with it."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from reconciler import limits
from reconciler.core.errors import ReconcilerError, UsageError
from reconciler.serving.http_server import (
    InvalidAddressError,
    ServingError,
    listen,
    require_files,
    run_server,
    url_of,
)
from reconciler.serving.protocol import Limits
from reconciler.web.application import Access, WebApplication
from reconciler.web.metrics import Metrics
from reconciler.web.status_app import DaemonControl, ReadDocument, RenderStatus, StatusApp
from reconciler.web.token_file import make_token
from reconciler.web.webhooks.registry import read_webhook_secret

LIMITS = Limits(max_connections=limits.MAX_STATUS_CONNECTIONS)

logger = logging.getLogger(__name__)


@contextmanager
def serve(
    daemon: DaemonControl,
    host: str,
    port: int,
    *,
    document: RenderStatus,
    documents: Mapping[str, ReadDocument],
    metrics: Metrics,
    token_file: Path,
    webhook_secret_file: Path | None = None,
    hosts: Collection[str] = (),
    insecure: bool = False,
) -> Iterator[str]:
    """Serve the status of `daemon` until the block ends, and yield the URL.

    Args:
        daemon: The daemon to show.
        host: A loopback address; any IP address if `insecure` is set.
        port: Port to listen on; 0 selects a free port.
        document: Renders a status as JSON.
        documents: Further documents that the page reads, by path. They may block.
        metrics: Counters to expose.
        token_file: File with the token that authorizes cycle requests; created if missing.
        webhook_secret_file: File with the secret of the webhooks; None disables them.
        hosts: Names allowed in the Host header, besides localhost and IP addresses.
        insecure: Whether to allow addresses that other machines can reach.

    Raises:
        UsageError: The address is not allowed or in use, or other users can read a secret.
        ReconcilerError: The process may not open enough files or start a thread.
    """
    access = partial(read_access, token_file, webhook_secret_file, hosts)

    def make() -> StatusApp:
        return StatusApp(
            daemon, document=document, documents=documents, metrics=metrics, access=access()
        )

    with serve_application(make, host, port, insecure=insecure) as url:
        yield url


@contextmanager
def serve_application(
    make: Callable[[], WebApplication], host: str, port: int, *, insecure: bool
) -> Iterator[str]:
    """Serve the application that ``make`` returns until the block ends, and yield the URL.

    Raises:
        UsageError: The address is not allowed or in use.
        ReconcilerError: The process may not open enough files or start a thread.
    """
    with ExitStack() as opened:
        try:
            require_files()
            web = make()
            listener = opened.enter_context(listen(host, port, insecure=insecure))
            opened.enter_context(run_server(web, listener, connection_limits=LIMITS))
        except InvalidAddressError as error:
            raise UsageError(f"cannot serve the status: {error}") from error
        except ServingError as error:
            raise ReconcilerError(f"cannot serve the status: {error}") from error
        yield url_of(listener)


def read_access(
    token_file: Path, webhook_secret_file: Path | None, hosts: Collection[str]
) -> Access:
    """Return which requests are accepted; create the token if its file is missing.

    Raises:
        UsageError: Other users can read a secret.
    """
    secret = read_webhook_secret(webhook_secret_file) if webhook_secret_file else None
    return Access(_token(token_file), secret, hosts)


def _token(file: Path) -> str | None:
    try:
        return make_token(file)
    except OSError as error:
        # A read-only file system must not stop reconciliation.
        logger.warning(
            "cannot create the token file %s: %s; cycle requests are rejected", file, error
        )
        return None
