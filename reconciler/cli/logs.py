"""Logs on stderr, as text or as JSON lines, without anybody's secrets."""

import json
import logging
import os
import select
import sys
from typing import Any, TextIO

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.known_secrets import redacted

FIELDS = ("event", "key", "outcome", "why", "attempts", "cycle", "changes", "exit_code")


class Redacted(logging.Formatter):
    """Hides secrets in messages and traces, the SDK's own included."""

    def message_of(self, record: logging.LogRecord) -> str:
        """Return what ``record`` says."""
        return redacted(record.getMessage()[: limits.MAX_LOG_CHARACTERS])

    def formatException(self, ei: Any) -> str:  # noqa: N802  # logging calls it so
        """Return the trace, in which each error repeats its text."""
        return redacted(super().formatException(ei)[: limits.MAX_LOG_CHARACTERS])


class JsonFormatter(Redacted):
    """One JSON object a record; ``event`` names it for machines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        document: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self.message_of(record),
        }
        document |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            document["trace"] = self.formatException(record.exc_info)
        # In ASCII, so that no character of anybody's making steers the terminal that shows it.
        return json.dumps(document)


class TextFormatter(Redacted):
    """One line a record, in which nothing can steer the terminal that shows it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging calls it so
        """Return the line, without the trace that may follow it."""
        record.message = escaped(self.message_of(record))
        return super().formatMessage(record)


class NonBlockingHandler(logging.StreamHandler[TextIO]):
    """Writes a record where that can be done at once; counts the others, and says so later.

    A full disk, or a reader that has stopped reading, is no reason to leave meshes alone.
    """

    lost = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Write ``record``, and before it how many were lost."""
        try:
            lines = [self.format(record)]
            if self.lost:
                facts = {"name": __name__, "levelno": logging.WARNING, "levelname": "WARNING"}
                facts["msg"] = f"{self.lost} records of this log could not be written"
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
        # So much a pipe takes without waiting, once it says that it takes anything.
        for start in range(0, len(content), select.PIPE_BUF):
            if not poll.poll(0):
                raise BlockingIOError
            os.write(file, content[start : start + select.PIPE_BUF])


def start_logging(level: str | None = None, style: str = "text") -> None:
    """Send the records of ``level`` and above to stderr."""
    out = NonBlockingHandler(sys.stderr)
    text = TextFormatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    out.setFormatter(JsonFormatter() if style == "json" else text)
    logging.basicConfig(handlers=[out], level=(level or "warning").upper(), force=True)
    # botocore logs where it found credentials, and headers with signatures below that. Warnings
    # come with traces, and whoever asked tells what they are about.
    theirs = logging.WARNING if level == "debug" else logging.ERROR
    for chatty in ("botocore", "boto3", "urllib3", "s3transfer", "watchfiles"):
        logging.getLogger(chatty).setLevel(theirs)
