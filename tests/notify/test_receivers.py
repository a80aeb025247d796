"""Names and values arrive as text in both media, and bodies are signed."""

import hashlib
import hmac
import html
import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders import TARGET

from reconciler.core.diff import MISSING, FieldChange
from reconciler.core.resources import TargetId
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.findings import Finding, FindingKind, Notification
from reconciler.notify.slack import Slack, text
from reconciler.notify.webhook import Webhook, event

FIELD = FieldChange("/spec/a", "old", MISSING)
DRIFT = Finding(FindingKind.DRIFT, "mesh/a", "drifted, and repaired by update", (FIELD,))
REVISION = SourceRevision("c" * 40, "Close it", "Ann", dirty=False)
NOTIFICATION = Notification(
    FindingKind.DRIFT, (DRIFT,), TARGET, "platform", 1_796_000_000.5, REVISION
)

HOSTILE = (
    "@channel", "@here", "@all", "@everyone", "@ann", "<!channel>", "<!here>", "<!everyone>",
    "<@U012AB3CD>", "<#C012AB3CD>", "<!subteam^S012>", "<!date^1^{date}|x>", "<https://evil|ok>",
    "https://evil.example/x", "www.evil.example", "mailto:a@b.example", "[ok](https://evil)",
    "![x](https://evil/x.png)", "`", "``", "```", "`@channel`", "``` @channel ```", "*bold*",
    "_it_", "~gone~", "> quote", "# title", "- item", "1. item", "| a | b |", ":boom:", "&lt;b&gt;",
    "&", "&amp;amp;", "<script>alert(1)</script>", '"', "'", "\\", "\\n", "a\nb", "a\r\nb", "a\tb",
    "\x1b[2J", "\x00", "\u202eevil", "\u2028", "\ufeff", "é", "日本", "🔥", "x" * 5_000,
)  # fmt: skip
_CODE = re.compile("`([^`]*)`")


def notification_of(name: str) -> Notification:
    field = FieldChange(f"/{name}", name, name)
    finding = replace(DRIFT, subject=name, text=name, fields=(field,))
    revision = SourceRevision("c" * 40, name, name)
    return replace(
        NOTIFICATION, findings=(finding,), revision=revision, target=replace(TARGET, name=name)
    )


def test_the_manual_shows_the_event_that_is_sent() -> None:
    page = Path(__file__).parents[2] / "docs" / "notifications.md"
    (block,) = re.findall(r"^```json\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    documented = json.loads(block)
    target = TargetId(**documented["data"]["target"])
    field = FieldChange("/spec/egressFilter/type", "ALLOW_ALL", "DROP_ALL")
    finding = replace(DRIFT, subject="mesh/shop", fields=(field,))
    at = datetime(2026, 11, 30, 8, 12, tzinfo=UTC).timestamp()
    assert event(Notification(FindingKind.DRIFT, (finding,), target, "shop", at)) == documented


def test_at_least_50_hostile_names_are_tried() -> None:
    assert len(set(HOSTILE)) >= 50


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_text_in_a_chat(name: str) -> None:
    shown = text(notification_of(name))
    inert = text(notification_of("plain"))
    # Outside of code there are only our words, whatever the name is.
    assert _CODE.sub("``", shown) == _CODE.sub("``", inert)
    assert all(part.isprintable() for part in _CODE.findall(shown))
    if len(name) < 100:
        parts = [html.unescape(part) for part in _CODE.findall(shown)]
        expected = name.replace("`", "'")
        expected = "".join(it if it.isprintable() else ascii(it)[1:-1] for it in expected)
        assert expected in parts


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_data_of_a_webhook(name: str) -> None:
    document = json.loads(Webhook("http://x").request(notification_of(name)).body)
    (finding,) = document["data"]["findings"]
    assert (finding["subject"], finding["text"], document["subject"]) == (name, name, name)
    assert finding["fields"] == [{"pointer": f"/{name}", "before": name, "after": name}]
    assert document["data"]["revision"]["subject"] == name


def test_a_webhook_gets_a_cloud_event() -> None:
    request = Webhook("http://x").request(NOTIFICATION)
    document = json.loads(request.body)
    assert request.headers == {"Content-Type": "application/cloudevents+json; charset=utf-8"}
    assert {name: document[name] for name in document if name not in ("data", "id")} == {
        "specversion": "1.0",
        "type": "io.mesh-reconciler.drift",
        "source": f"/mesh-reconciler/{TARGET.account}/{TARGET.region}",
        "subject": "mesh/a",
        "time": "2026-11-30T00:53:20.500Z",
        "datacontenttype": "application/json",
    }
    assert document["data"]["count"] == 1
    assert document["data"]["findings"][0]["fields"] == [{"pointer": "/spec/a", "before": "old"}]
    assert Webhook("http://x").request(NOTIFICATION).body == request.body
    other = json.loads(Webhook("http://x").request(replace(NOTIFICATION, is_reminder=True)).body)
    assert other["id"] != document["id"]


def test_a_webhook_signs_its_body() -> None:
    request = Webhook("http://x", "key-of-16-letters").request(NOTIFICATION)
    expected = hmac.new(b"key-of-16-letters", request.body, hashlib.sha256).hexdigest()
    assert request.headers["X-Signature-256"] == f"sha256={expected}"
    assert b"key-of" not in request.body


def test_a_chat_gets_the_finding_the_action_and_the_commit() -> None:
    assert json.loads(Slack("http://x").request(NOTIFICATION).body) == {"text": text(NOTIFICATION)}
    assert text(NOTIFICATION).splitlines() == [
        f":large_orange_circle: drift on `{TARGET.name}`: 1 finding",
        "commit `cccccccccccc` by `Ann`: `Close it`",
        "• `mesh/a` `drifted, and repaired by update`",
        '    `/spec/a: "old" -&gt; absent`',
    ]


def test_many_findings_are_one_short_message() -> None:
    findings = tuple(replace(DRIFT, subject=f"mesh/m{n}", fields=(FIELD,) * 9) for n in range(1000))
    shown = text(replace(NOTIFICATION, findings=findings, revision=None, is_reminder=True))
    assert "drift (not over) on " in shown
    assert ": 1000 findings" in shown
    assert shown.endswith("and 990 more")
    assert "and 4 more fields" in shown
    assert len(shown) < 5_000
