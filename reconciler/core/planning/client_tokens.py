"""Client tokens, which make it safe to send a write twice."""

from reconciler.core.changes import Adopt, Create, Update
from reconciler.core.resources import Json, canonical_json, text_digest

# The API takes at most 36 of [A-Za-z0-9_-]; 27 bytes are exactly 36 in base64url.
TOKEN_LENGTH = 36

ABSENT = "absent"


def client_token(change: Create | Update | Adopt, base: str | None = None) -> str:
    """Return the token to send with ``change``, which is the same for each retry.

    Args:
        change: The change to send.
        base: Identifies the state before the change, if the change does not have it (see the
            functions below).
    """
    # The token covers the state before and after the change. A hash of the manifest alone would be
    # the same for both A in A -> B -> A, and the service could replay the response to the first
    # one without applying the second.
    before = base if base is not None else _base(change)
    request: Json = {"name": change.key.name, "spec": change.spec, "tags": dict(change.tags)}
    intent = "\n".join((type(change).__name__, str(change.key), before, canonical_json(request)))
    return text_digest(intent)[:TOKEN_LENGTH]


def after_replay(uid: str, request_id: str) -> str:
    """Return the base of a create that follows a replayed response about the deleted ``uid``.

    A service that stores tokens replays its first response in each cycle of delete and create. The
    id of the replay is unique, so the new token is unused, and one more create is always enough.
    """
    return f"after:{uid}:{request_id}"


def after_rejection(request_id: str) -> str:
    """Return the base of a request whose error the service may have stored with the token."""
    return f"refused:{request_id}"


def after_delete(uid: str) -> str:
    """Return the base of a create that follows a delete of ``uid`` in the same run."""
    return f"deleted:{uid}"


def _base(change: Create | Update | Adopt) -> str:
    if isinstance(change, Create):
        return ABSENT
    return f"{change.before.uid}@{change.before.version}"
