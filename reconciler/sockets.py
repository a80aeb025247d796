"""Ends calls on a connection that another thread uses."""

import os
import socket
from contextlib import suppress


def end_calls(descriptor: int) -> None:
    """End the calls of all threads on an open socket, which its owner still has to close."""
    # A socket of its own: that of the connection is in use. It may have been closed by the peer.
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as same:
        same.shutdown(socket.SHUT_RDWR)
