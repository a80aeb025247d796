"""HTTP server that runs an ASGI application in a thread of this process."""

import asyncio
import ipaddress
import logging
import os
import resource
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import uvicorn

from reconciler import limits
from reconciler.serving.protocol import Limits, make_protocol
from reconciler.serving.requests import Application, Message, Receive, Send

# Files for an event loop, a database, the connections of ten workers at both ends, and imports.
_FILES = 64
_OUT_OF_FILES = "socket.accept() out of system resource"

logger = logging.getLogger(__name__)


class ServingError(Exception):
    """The server cannot be started."""


class InvalidAddressError(ServingError):
    """The address is not allowed, or the server cannot listen on it."""


@contextmanager
def listen(
    host: str, port: int, *, insecure: bool, permission: str = "--insecure"
) -> Iterator[socket.socket]:
    """Yield a socket that listens on `host` and `port`.

    Args:
        host: `localhost` or a loopback address; any IP address if `insecure` is set.
        port: Port to listen on; 0 selects a free port.
        insecure: Whether to allow addresses that other machines can reach.
        permission: The options that allow them, for the message.

    Raises:
        InvalidAddressError: The address is not allowed or is in use.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        allowed = ipaddress.ip_address(address).is_loopback or insecure
    except ValueError:
        allowed = False
    if not allowed:
        raise InvalidAddressError(
            f"{host} is not a loopback address: use 127.0.0.1, or pass an IP address and"
            f" {permission} to serve every client that can reach it"
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio disables Nagle's algorithm only if the protocol is set. With Nagle's algorithm, the
    # body of a response waits 40 ms for the acknowledgement of its headers.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as opened:
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind((address, port))
            opened.listen(limits.LISTEN_BACKLOG)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidAddressError(
                f"cannot listen on {host} port {port}: {reason}; pass another address with --listen"
            ) from error
        yield opened


def url_of(socket_: socket.socket, *, encrypted: bool = False) -> str:
    """Return the URL of a listening socket."""
    host, port = socket_.getsockname()[:2]
    scheme = "https" if encrypted else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


@contextmanager
def run_server(
    application: Application,
    socket_: socket.socket,
    *,
    connection_limits: Limits,
    refusal_headers: Mapping[int, bytes] | None = None,
    tls: ssl.SSLContext | None = None,
) -> Iterator[None]:
    """Serve `application` until the block ends; requests in progress are finished.

    The connections of those that take too long are closed without a response.

    Args:
        application: The ASGI application.
        socket_: A listening socket.
        connection_limits: Limits for each connection and for their number.
        refusal_headers: Header line to add if a limit rejects a request, by HTTP status.
        tls: The certificate of the server, or None to serve plain HTTP.

    Raises:
        ServingError: The process may not open enough files or start a thread.
    """
    require_files()
    config = _configure(application, connection_limits, refusal_headers or {})
    config.ssl = tls
    server = _Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [socket_]}, name="serving", daemon=True
    )
    start(thread)
    try:
        yield
    finally:
        server.should_exit = True
        thread.join()


def _configure(
    application: Application, connection_limits: Limits, refusal_headers: Mapping[int, bytes]
) -> uvicorn.Config:
    config = uvicorn.Config(
        _hang_up_if_canceled(application),
        http=make_protocol(_limit_connections(connection_limits), refusal_headers),
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level=logging.ERROR,
        access_log=False,
        backlog=limits.LISTEN_BACKLOG,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=connection_limits.idle_seconds,
        timeout_graceful_shutdown=limits.STOP_TIMEOUT_SECONDS,
    )
    # Import the rest of uvicorn here, so that an error reaches the caller.
    config.load()
    return config


def require_files() -> None:
    """Raise ServingError unless the process may open the files that a server needs.

    A server with too few files accepts no connections, and its clients wait.
    """
    files: list[int] = []
    try:
        for _ in range(_FILES):
            files.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401  # all are closed below
    except OSError as error:
        raise ServingError(
            f"{error.strerror}: the server needs {_FILES} more open files; raise the limit"
            " (ulimit -n)"
        ) from error
    finally:
        for file in files:
            os.close(file)


def start(thread: threading.Thread) -> None:
    """Start `thread`; raise ServingError if the process may not start another thread."""
    try:
        thread.start()
    except RuntimeError as error:
        raise ServingError(
            f"{error}; raise the limit of threads (ulimit -u, or the container's limit of pids)"
        ) from error


def _limit_connections(connection_limits: Limits) -> Limits:
    """Return the limits, with at most half as many connections as files that may be open."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return connection_limits
    return replace(
        connection_limits, max_connections=min(connection_limits.max_connections, files // 2)
    )


def _hang_up_if_canceled(application: Application) -> Application:
    """Return an application that closes the connection of a request that the server cancels."""

    async def run(scope: Message, receive: Receive, send: Send) -> None:
        try:
            await application(scope, receive, send)
        except asyncio.CancelledError:
            # The server stops before the outcome is known, so any response could be false.
            scope["extensions"]["hang_up"]()
            await receive()

    return run


class _Server(uvicorn.Server):
    """Server that stops without errors, and logs only once that it may open no more files."""

    _reported = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(self._report)
        if self.config.ssl:
            loop.create_server = partial(  # type: ignore[method-assign]  # uvicorn calls it
                loop.create_server,
                # A connection is not counted, and cannot be dropped, before its handshake ends.
                ssl_handshake_timeout=limits.REQUEST_TIMEOUT_SECONDS,
                # A client that keeps a connection for later does not answer the end of TLS.
                ssl_shutdown_timeout=limits.TLS_CLOSE_TIMEOUT_SECONDS,
            )
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop, and wait until canceled requests have closed their connections."""
        await super().shutdown(sockets)
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=limits.STOP_TIMEOUT_SECONDS)

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if context.get("message") != _OUT_OF_FILES:
            loop.default_exception_handler(context)
        elif not self._reported:
            self._reported = True
            logger.warning(
                "new connections must wait: the limit of open files is reached (ulimit -n)"
            )


class _NoShutdownWarning(logging.Filter):
    """Drops the warning that clients kept connections open at shutdown, which they may do."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log the record."""
        return not record.msg.startswith("Cancel %s running task(s)")


logging.getLogger("uvicorn.error").addFilter(_NoShutdownWarning())
