"""The daemon's own HTTP as a thing that starts and stops with it."""

import logging
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

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
from reconciler.web.metrics import Metrics
from reconciler.web.status_app import DaemonControl, RenderStatus, StatusApp
from reconciler.web.token_file import make_token

# Whoever scrapes, probes and looks is few; what they cost must not be what a mesh costs.
LIMITS = Limits(max_connections=64)

logger = logging.getLogger(__name__)


@contextmanager
def serve(
    daemon: DaemonControl,
    host: str,
    port: int,
    *,
    document: RenderStatus,
    metrics: Metrics,
    token_file: Path,
    hosts: Collection[str] = (),
    insecure: bool = False,
) -> Iterator[str]:
    """Serve ``daemon`` until the block ends, and yield the URL.

    Port 0 is a free one; ``host`` is any IP address where ``insecure``, else one of this machine.
    Whoever acts has to read ``token_file``, which is made where it is missing. UsageError where
    the address is refused or taken, or others may read that file; ReconcilerError if this process
    may not open the files or start the threads that a server takes.
    """
    with ExitStack() as opened:
        try:
            require_files()
            web = StatusApp(
                daemon,
                document=document,
                metrics=metrics,
                token=_token(token_file),
                hosts=hosts,
            )
            listener = opened.enter_context(listen(host, port, insecure=insecure))
            opened.enter_context(run_server(web, listener, connection_limits=LIMITS))
        except InvalidAddressError as error:
            raise UsageError(f"serving the status: {error}") from error
        except ServingError as error:
            raise ReconcilerError(f"serving the status: {error}") from error
        yield url_of(listener)


def _token(file: Path) -> str | None:
    try:
        return make_token(file)
    except OSError as error:
        # A root that is read-only is no reason not to keep a mesh as it should be.
        logger.warning("nobody may ask for a cycle: making the token file %s: %s", file, error)
        return None
