"""A small name server: it answers A and AAAA from a table that tests change."""

import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from threading import Event, Thread

_TYPES = {1: 4, 28: 6}
_NO_SUCH_NAME = 3


class NameServer:
    """Serves ``records`` (name to addresses) on a socket until it is closed.

    Attributes:
        answering: Queries wait while it is not set.
        delay: Seconds before each answer.
    """

    def __init__(self, bound: socket.socket, records: Mapping[str, list[str]]) -> None:
        self.records = dict(records)
        self.answering = Event()
        self.answering.set()
        self.delay = 0.0
        self._socket = bound
        Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                query, client = self._socket.recvfrom(1500)
            except OSError:
                return
            if not query:
                return
            Thread(target=self._answer, args=(query, client), daemon=True).start()

    def _answer(self, query: bytes, client: tuple[str, int]) -> None:
        self.answering.wait()
        time.sleep(self.delay)
        # The network may be gone while a query waits.
        with suppress(OSError):
            self._socket.sendto(self._response(query), client)

    def _response(self, query: bytes) -> bytes:
        end, labels = 12, []
        while length := query[end]:
            labels.append(query[end + 1 : end + 1 + length].decode("ascii"))
            end += 1 + length
        question = query[12 : end + 5]
        (kind,) = struct.unpack("!H", query[end + 1 : end + 3])
        addresses = self.records.get(".".join(labels).lower())
        found = [
            address.packed
            for address in map(ip_address, addresses or ())
            if address.version == _TYPES.get(kind)
        ]
        flags = 0x8180 | (0 if addresses else _NO_SUCH_NAME)
        head = query[:2] + struct.pack("!5H", flags, 1, len(found), 0, 0)
        # Each answer points at the name in the question, and is valid for one second.
        answers = [struct.pack("!3HIH", 0xC00C, kind, 1, 1, len(it)) + it for it in found]
        return head + question + b"".join(answers)

    def close(self) -> None:
        """Stop serving."""
        # It is not connected, which is an error, but wakes the thread all the same.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
