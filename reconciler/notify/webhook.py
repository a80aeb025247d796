"""Notifications as CloudEvents 1.0 in JSON, with a signature of the body."""

import hmac
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from reconciler.core.resources import Json, digest
from reconciler.core.state.findings import Finding, Notification
from reconciler.notify.message import Request

SIGNATURE_HEADER = "X-Signature-256"
TYPE_PREFIX = "io.mesh-reconciler."


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of CloudEvents.

    Attributes:
        secret: Signs each body with HMAC-SHA256; empty for no signature.
    """

    url: str
    secret: str = ""

    def request(self, notification: Notification) -> Request:
        """Return the request that carries ``notification``."""
        body = json.dumps(event(notification), sort_keys=True).encode()
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        if self.secret:
            signature = hmac.new(self.secret.encode(), body, "sha256").hexdigest()
            headers[SIGNATURE_HEADER] = f"sha256={signature}"
        return Request(self.url, body, headers)


def event(notification: Notification) -> dict[str, Any]:
    """Return ``notification`` as a CloudEvent; a repetition of it has the same id."""
    target = notification.target
    data: dict[str, Json] = {
        "kind": notification.kind.value,
        "reminder": notification.is_reminder,
        "target": asdict(target),
        "owner": notification.owner,
        "revision": asdict(notification.revision) if notification.revision else None,
        "count": len(notification.findings),
        "findings": [_finding(finding) for finding in notification.findings],
    }
    at = datetime.fromtimestamp(notification.at, UTC).isoformat(timespec="milliseconds")
    first = notification.findings[0]
    return {
        "specversion": "1.0",
        "id": digest([at, data]),
        "source": f"/mesh-reconciler/{target.account or 'unknown'}/{target.region}",
        "type": f"{TYPE_PREFIX}{notification.kind.value}",
        "time": at.replace("+00:00", "Z"),
        "subject": first.subject,
        "datacontenttype": "application/json",
        "data": data,
    }


def _finding(finding: Finding) -> Json:
    fields: list[Json] = [it.document for it in finding.fields]
    return {"subject": finding.subject, "text": finding.text, "fields": fields}
