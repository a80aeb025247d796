"""Waits for files and sockets, and ends calls on a connection that another thread uses."""

import os
import select
import socket
from collections.abc import Iterable
from contextlib import suppress
from typing import Protocol


class HasDescriptor(Protocol):
    """A file or a socket."""

    def fileno(self) -> int:
        """Return its descriptor."""


def wait_readable(files: Iterable[HasDescriptor | int], seconds: float | None = None) -> bool:
    """Return whether one of the files can be read before the time is over; None: no limit.

    Unlike `select.select`, it takes descriptors above 1,024.
    """
    poll = select.poll()
    for file in files:
        poll.register(file, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1000))


def end_calls(descriptor: int) -> None:
    """End the calls of all threads on an open socket, which its owner still has to close."""
    # A socket of its own: that of the connection is in use. It may have been closed by the peer.
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
        same.shutdown(socket.SHUT_RDWR)
