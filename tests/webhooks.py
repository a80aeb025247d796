"""Webhooks, sent as GitHub sends them."""

import hashlib
import hmac
from pathlib import Path

import urllib3


def send_push(url: str, secret: Path) -> None:
    """Send the webhook of a pushed branch to a daemon, signed with the secret of a file."""
    body = b'{"ref": "refs/heads/main"}'
    signature = hmac.new(secret.read_bytes(), body, hashlib.sha256).hexdigest()
    headers = {
        "content-type": "application/json",
        "x-github-event": "push",
        "x-hub-signature-256": f"sha256={signature}",
    }
    done = urllib3.request("POST", f"{url}/webhooks/github", body=body, headers=headers)
    assert done.status == 202, done.status
