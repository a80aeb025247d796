"""Webhooks of GitHub, which signs each body with the secret.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import re

from reconciler.serving.requests import Headers
from reconciler.web.webhooks.signature import Proof, Signature

_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})")


def read_proof(headers: Headers, secret: bytes) -> Proof:
    """Return the signature of the request; False if it has none."""
    found = _SIGNATURE.fullmatch(headers.get(b"x-hub-signature-256", b"").decode("latin-1"))
    return Signature(secret, bytes.fromhex(found[1])) if found else False
