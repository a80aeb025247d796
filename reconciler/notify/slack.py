"""Notifications as text for incoming webhooks of Slack, Mattermost and compatible chats.

Text that comes from outside is shown as code, in which a chat finds no mention, link or markup.
"""

import json
from dataclasses import dataclass

from reconciler.core.diff import FieldChange, Missing
from reconciler.core.escaping import escaped
from reconciler.core.resources import Json, canonical_json
from reconciler.core.state.findings import Finding, FindingKind, Notification
from reconciler.notify.message import Request

_HEADLINES = {
    FindingKind.FAILED: ":red_circle: failed",
    FindingKind.DRIFT: ":large_orange_circle: drift",
    FindingKind.WITHHELD: ":large_yellow_circle: withheld",
    FindingKind.SOURCE: ":red_circle: source",
    FindingKind.APPLIED: ":large_blue_circle: applied",
    FindingKind.RECOVERED: ":large_green_circle: recovered",
}
MAX_FINDINGS = 10
MAX_FIELDS = 5
MAX_CHARACTERS = 300
# In this order: an ampersand of an escape must not be escaped again.
_ENTITIES = (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"))


@dataclass(frozen=True, slots=True)
class Slack:
    """A receiver of chat messages. Its URL is a secret."""

    url: str

    def request(self, notification: Notification) -> Request:
        """Return the request that carries ``notification``."""
        body = json.dumps({"text": text(notification)}).encode()
        return Request(self.url, body, {"Content-Type": "application/json"})


def text(notification: Notification) -> str:
    """Return ``notification`` as text for a chat."""
    headline = _HEADLINES[notification.kind]
    again = " (not over)" if notification.is_reminder else ""
    lines = [f"{headline}{again} on {code(notification.target.name)}: {_count(notification)}"]
    if revision := notification.revision:
        lines.append(f"commit {code(revision.short)} by {code(revision.author)}")
        lines[-1] += f": {code(revision.subject)}"
    for finding in notification.findings[:MAX_FINDINGS]:
        lines += _lines(finding)
    more = len(notification.findings) - MAX_FINDINGS
    return "\n".join([*lines, *([f"and {more} more"] if more > 0 else [])])


def code(value: str) -> str:
    """Return ``value`` as code, in one line and without an end of the code in it."""
    shown = escaped(value).replace("`", "'")
    if len(shown) > MAX_CHARACTERS:
        shown = f"{shown[:MAX_CHARACTERS]}…"
    for character, entity in _ENTITIES:
        shown = shown.replace(character, entity)
    return f"`{shown or ' '}`"


def _count(notification: Notification) -> str:
    number = len(notification.findings)
    return "1 finding" if number == 1 else f"{number} findings"


def _lines(finding: Finding) -> list[str]:
    lines = [f"• {code(finding.subject)} {code(finding.text)}"]
    lines += [f"    {code(_field(it))}" for it in finding.fields[:MAX_FIELDS]]
    more = len(finding.fields) - MAX_FIELDS
    return [*lines, *([f"    and {more} more fields"] if more > 0 else [])]


def _field(change: FieldChange) -> str:
    return f"{change.stable_pointer}: {_side(change.before)} -> {_side(change.after)}"


def _side(side: Json | Missing) -> str:
    return "absent" if isinstance(side, Missing) else canonical_json(side)
