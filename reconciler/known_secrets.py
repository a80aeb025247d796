"""The secrets that this process holds, and text of other programs without them.

There is one set for the process, because a log record, a trace or the answer of any service may
repeat any of them.
"""

from collections import deque

from reconciler import limits
from reconciler.core.redaction import excerpt, redact

# Temporary credentials are replaced many times in the life of a daemon. The last ones suffice:
# no answer repeats what was sent hours ago.
_MAX_TEMPORARY = 32

_lasting: set[str] = set()
_temporary: deque[str] = deque(maxlen=_MAX_TEMPORARY)


def remember(*secrets: str | None) -> None:
    """Hide `secrets` from now on; None is no secret."""
    _lasting.update(filter(None, secrets))


def remember_temporary(*secrets: str | None) -> None:
    """Hide `secrets` until many newer ones were remembered."""
    _temporary.extend(item for item in secrets if item and item not in _temporary)


def redacted(text: str) -> str:
    """Return `text` without secrets, at its full length."""
    return redact(text, _known())


def shown(text: object, limit: int = limits.MAX_FOREIGN_CHARACTERS) -> str:
    """Return what a message may show of `text`, which another program wrote."""
    return excerpt(str(text), _known(), limit)


def _known() -> frozenset[str]:
    return frozenset(_lasting).union(_temporary.copy())
