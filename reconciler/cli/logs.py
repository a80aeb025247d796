"""Logs on stderr, as text or as JSON lines, without anybody's secrets."""

import json
import logging
import sys
from typing import Any

FIELDS = ("event", "key", "outcome", "why", "changes", "exit_code")


class JsonLines(logging.Formatter):
    """One JSON object a record; ``event`` names it for machines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        told: dict[str, Any] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        told |= {name: getattr(record, name) for name in FIELDS if hasattr(record, name)}
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False)


def start_logging(level: str = "warning", style: str = "text") -> None:
    """Send the records of ``level`` and above to stderr."""
    out = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S%z")
    out.setFormatter(JsonLines() if style == "json" else text)
    logging.basicConfig(handlers=[out], level=level.upper(), force=True)
    # botocore logs headers and signatures at debug level, which nobody's log may hold.
    quiet = max(logging.INFO, logging.getLogger().level)
    for chatty in ("botocore", "boto3", "urllib3", "s3transfer"):
        logging.getLogger(chatty).setLevel(quiet)
