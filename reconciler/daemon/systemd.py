"""Notifications to systemd, as datagrams to the socket in NOTIFY_SOCKET."""

import os
import socket
from contextlib import suppress

READY = "READY=1"
ALIVE = "WATCHDOG=1"
STOPPING = "STOPPING=1"


def notify(*messages: str) -> None:
    """Send `messages` in one datagram. Do nothing without NOTIFY_SOCKET; ignore errors."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify_socket:
        # Never wait for systemd: a blocked loop would miss its own watchdog.
        notify_socket.setblocking(False)  # noqa: FBT003  # the argument is positional-only
        notify_socket.sendto("\n".join(messages).encode(), address.replace("@", "\0", 1))
