"""Ends the demo at a signal, but never between the start of a process and its record."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(BaseException):
    """A signal ends the demo."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = 128 + number


class Stopping:
    """Handlers that raise StoppedError at the first signal and ignore the later ones."""

    def __init__(self) -> None:
        self._received: int | None = None
        self._is_held = False
        for number in SIGNALS:
            signal.signal(number, self._receive)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep a signal until the end of the block."""
        self._is_held = True
        try:
            yield
        finally:
            self._is_held = False
        if self._received:
            raise StoppedError(self._received)

    def ignore(self) -> None:
        """Ignore signals from now on, because they must not interrupt the end of processes."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def _receive(self, number: int, _: object) -> None:
        if self._received is None:
            self._received = number
            if not self._is_held:
                raise StoppedError(number)
