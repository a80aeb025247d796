"""The proof that the sender of a request knows the secret."""

import hashlib
import hmac
from collections.abc import Callable
from typing import TypeAlias

from reconciler import limits
from reconciler.serving.requests import Headers, Receive, receive_body


class Signature:
    """A signature of a body that arrives in parts, so that no body is kept in memory."""

    def __init__(self, key: bytes, given: bytes, prefix: bytes = b"") -> None:
        """Expect that `given` is the HMAC-SHA256 of `prefix` and the body with `key`."""
        self._given = given
        self._mac = hmac.new(key, prefix, hashlib.sha256)

    def update(self, part: bytes) -> None:
        """Add a part of the body."""
        self._mac.update(part)

    @property
    def is_valid(self) -> bool:
        """Whether the signature is that of the parts so far, compared in constant time."""
        return hmac.compare_digest(self._mac.digest(), self._given)


Proof: TypeAlias = Signature | bool
"""The signature to check, or whether the headers alone prove that the sender knows the secret."""

ReadProof: TypeAlias = Callable[[Headers, bytes], Proof]
"""Returns the proof in the headers of a request; the second argument is the secret."""


async def is_authentic(proof: Proof, receive: Receive) -> bool:
    """Return whether the sender knows the secret; read the body unless the headers disprove it.

    Raises:
        CutOffError: The connection was closed before the end of the body.
        TooLongError: The body exceeds the maximum size.
    """
    if proof is False:
        return False
    take = proof.update if isinstance(proof, Signature) else _ignore
    await receive_body(receive, take, limits.MAX_WEBHOOK_BODY_BYTES)
    return proof is True or proof.is_valid


def _ignore(_: bytes) -> None:
    """Take a part of a body that nothing reads."""
