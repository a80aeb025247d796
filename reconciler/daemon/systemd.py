"""What systemd is told, by datagrams to the socket that it names; nothing where it names none."""

import os
import socket
from contextlib import suppress

READY = "READY=1"
ALIVE = "WATCHDOG=1"
STOPPING = "STOPPING=1"


def notify(*messages: str) -> None:
    """Send ``messages`` as one; a supervisor that does not listen is none of our troubles."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking:
        # A loop that waits for its supervisor would be the one that it is watched for.
        speaking.setblocking(False)  # noqa: FBT003  # the socket module takes it so
        speaking.sendto("\n".join(messages).encode(), address.replace("@", "\0", 1))
