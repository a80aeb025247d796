"""Programs that serve one connection each, as inetd starts them."""

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def served_by(*command: str) -> Iterator[int]:
    """Run ``command`` on each connection to a port of loopback, and yield the port.

    The listener keeps its port, so no other process can take it before the first connection.
    """
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                subprocess.run(
                    command, stdin=connection.fileno(), stdout=connection.fileno(),
                    stderr=subprocess.DEVNULL, check=False,
                )  # fmt: skip

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
