"""An ASGI application served by a thread of this process, on an address that was allowed."""

import asyncio
import ipaddress
import logging
import os
import resource
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import uvicorn

from reconciler import limits
from reconciler.serving.protocol import Limits, make_protocol
from reconciler.serving.requests import Application

# An event loop, a database, the connections of ten workers at both ends, and what imports open.
_FILES = 64
_OUT_OF_FILES = "socket.accept() out of system resource"

logger = logging.getLogger(__name__)


class ServingError(Exception):
    """The server cannot be started."""


class InvalidAddressError(ServingError):
    """The address is not on this machine alone, or cannot be listened on."""


@contextmanager
def listen(host: str, port: int, *, insecure: bool) -> Iterator[socket.socket]:
    """Yield a socket that listens on ``host`` and ``port``; 0 takes a free one.

    ``host`` is ``localhost`` or a loopback address, any IP address where ``insecure``.
    AddressRefusedError where it is another, or is taken.
    """
    address = "127.0.0.1" if host == "localhost" else host
    try:
        allowed = ipaddress.ip_address(address).is_loopback or insecure
    except ValueError:
        allowed = False
    if not allowed:
        raise InvalidAddressError(
            f"{host} is not a loopback address; whoever reaches another one is served unasked, so"
            " it has to be an IP address, and to be asked for with --insecure"
        )
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol is named; with it, an answer's
    # body waits 40 ms for the acknowledgement of its headers.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as opened:
        try:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            opened.bind((address, port))
            opened.listen(limits.LISTEN_BACKLOG)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidAddressError(
                f"cannot listen on {host} port {port}: {reason}; say another one with --listen"
            ) from error
        yield opened


def url_of(socket_: socket.socket) -> str:
    """Return the URL of a listening socket."""
    host, port = socket_.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def run_server(
    application: Application,
    socket_: socket.socket,
    *,
    connection_limits: Limits,
    refusal_headers: Mapping[int, bytes] | None = None,
) -> Iterator[None]:
    """Serve ``application`` until the block ends; requests that are under way are finished.

    ``refusal_headers`` go with a refusal for a limit's sake, by its status. ServingError if
    this process may not open the files, or start the thread, that a server takes.
    """
    require_files()
    config = uvicorn.Config(
        application,
        http=make_protocol(_limit_connections(connection_limits), refusal_headers or {}),
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
    # Imports the rest of uvicorn while an error still reaches the caller.
    config.load()
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


def require_files() -> None:
    """Raise ServingError unless this process may open the files that a server takes.

    One that starts with too few of them accepts nothing, and its clients wait for an answer.
    """
    files: list[int] = []
    try:
        for _ in range(_FILES):
            files.append(os.open(os.devnull, os.O_RDONLY))  # noqa: PERF401  # all are closed below
    except OSError as error:
        raise ServingError(
            f"{error.strerror}: a server takes {_FILES} more than are open; raise the limit"
            " (ulimit -n)"
        ) from error
    finally:
        for file in files:
            os.close(file)


def start(thread: threading.Thread) -> None:
    """Start ``thread``; ServingError if this process may not start another one."""
    try:
        thread.start()
    except RuntimeError as error:
        raise ServingError(
            f"{error}; raise the limit of threads (ulimit -u, or the container's limit of pids)"
        ) from error


def _limit_connections(connection_limits: Limits) -> Limits:
    """Return the limits, with at most half of the files that may be open as connections."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return connection_limits
    return replace(
        connection_limits, max_connections=min(connection_limits.max_connections, files // 2)
    )


class _Server(uvicorn.Server):
    """A server that says once, and not with each attempt, that it may open no more files."""

    _reported = False

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        asyncio.get_running_loop().set_exception_handler(self._report)
        await super().startup(sockets)

    def _report(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if context.get("message") != _OUT_OF_FILES:
            loop.default_exception_handler(context)
        elif not self._reported:
            self._reported = True
            logger.warning("new connections wait: this process may open no more files (ulimit -n)")


class _NoShutdownWarning(logging.Filter):
    """Leaves out that a client kept its connection open while we stopped, which is its right."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is about something else."""
        return not record.msg.startswith("Cancel %s running task(s)")


logging.getLogger("uvicorn.error").addFilter(_NoShutdownWarning())
