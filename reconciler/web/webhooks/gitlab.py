"""Webhooks of GitLab, which sends a secret token, or signs each body with a signing token.

https://docs.gitlab.com/user/project/integrations/webhooks/ and, for the signature,
https://www.standardwebhooks.com
"""

import base64
import binascii
import hmac

from reconciler.serving.requests import Headers
from reconciler.web.webhooks.signature import Proof, Signature

_SIGNING_TOKEN = b"whsec_"
_VERSION = b"v1"


def read_proof(headers: Headers, secret: bytes) -> Proof:
    """Return the signature of the request, or whether its token is the secret.

    The time of the signature is not checked: a repeated delivery only requests a cycle again.
    """
    key = _decode(secret.removeprefix(_SIGNING_TOKEN)) if secret.startswith(_SIGNING_TOKEN) else b""
    if not key:
        return hmac.compare_digest(headers.get(b"x-gitlab-token", b""), secret)
    version, _, text = headers.get(b"webhook-signature", b"").partition(b",")
    signed = headers.get(b"webhook-id", b""), headers.get(b"webhook-timestamp", b"")
    given = _decode(text) if version == _VERSION and all(signed) else b""
    return Signature(key, given, b"%b.%b." % signed) if given else False


def _decode(text: bytes) -> bytes:
    """Return the decoded base64, or nothing if it is invalid."""
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
