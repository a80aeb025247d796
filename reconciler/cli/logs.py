"""Logs on stderr, as text or as JSON lines, and the last records of a daemon, without secrets."""

import json
import logging
import os
import select
import sys
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.known_secrets import redacted

FIELDS = (
    *("event", "key", "outcome", "why", "attempts", "cycle", "changes", "exit_code"),
    *("commit", "dirty"),
)


# The target of the records of this thread; empty in a run on one target.
_target = ContextVar("target", default="")


class RedactingFormatter(logging.Formatter):
    """Hides secrets in messages and traces, the SDK's own included."""

    def message_of(self, record: logging.LogRecord) -> str:
        """Return the message of ``record``."""
        return redacted(record.getMessage()[: limits.MAX_LOG_CHARACTERS])

    def formatException(self, ei: Any) -> str:  # noqa: N802  # name in logging.Formatter
        """Return the trace. It repeats the text of each error, so it may contain secrets."""
        return redacted(super().formatException(ei)[: limits.MAX_LOG_CHARACTERS])


class JsonFormatter(RedactingFormatter):
    """Formats a record as one JSON object; ``event`` is its type for programs."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        # ASCII, so that no character of a message can control the terminal.
        return json.dumps(self.document(record))

    def document(self, record: logging.LogRecord) -> dict[str, Any]:
        """Return the record as a JSON object."""
        document: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message_of(record),
        }
        document |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if _target.get():
            document["target"] = _target.get()
        if record.exc_info:
            document["trace"] = self.formatException(record.exc_info)
        return document


class TextFormatter(RedactingFormatter):
    """Formats a record as one line, without characters that control the terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # name in logging.Formatter
        """Return the line, without the trace that may follow it."""
        target = f"{_target.get()}: " if _target.get() else ""
        record.message = escaped(target + self.message_of(record))
        return super().formatMessage(record)


class NonBlockingHandler(logging.StreamHandler[TextIO]):
    """Writes records without waiting, and drops and counts those that cannot be written at once.

    Logging must not stop reconciliation if the disk is full or the reader has stopped reading.
    """

    lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write ``record``, after a line with the number of dropped records if there are any."""
        try:
            lines = [self.format(record)]
            if self.lost:
                facts = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING"}
                facts["msg"] = f"{self.lost} log records could not be written"
                lines.insert(0, self.format(logging.makeLogRecord(facts)))
            self._write("".join(f"{line}\n" for line in lines).encode(errors="backslashreplace"))
        except OSError:
            self.lost += 1
        else:
            self.lost = 0

    def _write(self, content: bytes) -> None:
        file = self.stream.fileno()
        poll = select.poll()
        poll.register(file, select.POLLOUT)
        # A pipe that is ready accepts PIPE_BUF bytes without blocking.
        for start in range(0, len(content), select.PIPE_BUF):
            if not poll.poll(0):
                raise BlockingIOError
            os.write(file, content[start : start + select.PIPE_BUF])


class RecentRecords(logging.Handler):
    """Keeps the last records of each target, for the pages of a daemon."""

    def __init__(self) -> None:
        super().__init__()
        self._format = JsonFormatter()
        self._documents: dict[str, deque[dict[str, Any]]] = defaultdict(
            lambda: deque(maxlen=limits.MAX_RECENT_RECORDS)
        )

    def emit(self, record: logging.LogRecord) -> None:
        """Keep ``record``."""
        document = {"at": record.created, **self._format.document(record)}
        self._documents[_target.get()].append(document)

    def documents(self, target: str = "") -> list[Any]:
        """Return the records of a target of many as JSON objects, the oldest first."""
        # A copy is made at once; an iteration would fail if a record arrives.
        return list(self._documents[target].copy())


@contextmanager
def recent_records() -> Iterator[RecentRecords]:
    """Keep the last records of this program during the block."""
    recent, program = RecentRecords(), logging.getLogger("reconciler")
    program.addHandler(recent)
    try:
        yield recent
    finally:
        program.removeHandler(recent)
        recent.close()


@contextmanager
def logging_target(name: str) -> Iterator[None]:
    """Let the records of this thread name the target during the block."""
    token = _target.set(name)
    try:
        yield
    finally:
        _target.reset(token)


def start_logging(level: str | None = None, style: str = "text") -> None:
    """Send the records of ``level`` and above to stderr."""
    out = NonBlockingHandler(sys.stderr)
    text = TextFormatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    out.setFormatter(JsonFormatter() if style == "json" else text)
    logging.basicConfig(handlers=[out], level=(level or "warning").upper(), force=True)
    # At info, botocore logs the location of credentials, and at debug headers with signatures. Its
    # warnings come with traces, and our messages already report the errors.
    library_level = logging.WARNING if level == "debug" else logging.ERROR
    for library in ("botocore", "boto3", "urllib3", "s3transfer", "watchfiles"):
        logging.getLogger(library).setLevel(library_level)
