"""Client tokens: what makes a retried write safe to send twice."""

from reconciler.core.changes import Adopt, Create, Update
from reconciler.core.resources import Json, canonical_json, text_digest

# The API takes at most 36 of [A-Za-z0-9_-]; 27 bytes are exactly 36 in base64url.
TOKEN_LENGTH = 36

ABSENT = "absent"


def client_token(change: Create | Update | Adopt, base: str | None = None) -> str:
    """Return the token to send with ``change``, the same on every retry.

    The token covers the state we are leaving as well as the one we are going to. ``base`` names
    that state where the change itself does not know it: see the functions below.
    """
    # Hashing only the manifest would give A -> B -> A the same token twice, and the second A
    # could be answered from the service's memory of the first, unapplied.
    leaving = base if base is not None else _base(change)
    request: Json = {"name": change.key.name, "spec": change.spec, "tags": dict(change.tags)}
    intent = "\n".join((type(change).__name__, str(change.key), leaving, canonical_json(request)))
    return text_digest(intent)[:TOKEN_LENGTH]


def after_replay(uid: str, answer_id: str) -> str:
    """Return the base of a create that follows an answer about ``uid``, which is not there.

    A service that remembers tokens gives every round of delete and create the same first answer.
    ``request_id`` is in no other answer, so this token was never used before: the number of creates
    does not grow with the number of rounds.
    """
    return f"after:{uid}:{answer_id}"


def after_refusal(answer_id: str) -> str:
    """Return the base of a request that repeats a refused one, whose token may be spent."""
    return f"refused:{answer_id}"


def after_delete(uid: str) -> str:
    """Return the base of a create that follows our own delete of ``uid``."""
    return f"deleted:{uid}"


def _base(change: Create | Update | Adopt) -> str:
    if isinstance(change, Create):
        return ABSENT
    return f"{change.before.uid}@{change.before.version}"
