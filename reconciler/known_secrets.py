"""Secrets known to this process, and functions that remove them from text.

There is one set for the process, because a log record, a traceback or the response of any service
may repeat any of them.
"""

from collections import deque

from reconciler import limits
from reconciler.core.redaction import excerpt, redact

# A daemon replaces its temporary credentials many times. Only the newest are kept, because no
# response repeats credentials that were sent hours ago.
_MAX_TEMPORARY = 32

_lasting: set[str] = set()
_temporary: deque[str] = deque(maxlen=_MAX_TEMPORARY)


def remember(*secrets: str | None) -> None:
    """Hide `secrets` in all later text; None and empty strings are ignored."""
    _lasting.update(filter(None, secrets))


def remember_temporary(*secrets: str | None) -> None:
    """Hide `secrets` until `_MAX_TEMPORARY` newer ones are remembered."""
    _temporary.extend(item for item in secrets if item and item not in _temporary)


def redacted(text: str) -> str:
    """Return `text` without secrets, in full length."""
    return redact(text, _known())


def shown(text: object, limit: int = limits.MAX_FOREIGN_CHARACTERS) -> str:
    """Return `text` of another program for a message: without secrets and shortened."""
    return excerpt(str(text), _known(), limit)


def _known() -> frozenset[str]:
    return frozenset(_lasting).union(_temporary.copy())
