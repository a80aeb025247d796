"""Notifications by the command line: the test of receivers, and a daemon from start to recovery."""

import json
from pathlib import Path

import pytest
import urllib3
from amounts import amount
from conftest import Cli, Start, Write
from daemons import ended, eventually
from manifest_text import mesh_yaml
from servers import Answer, Scripted, scripted

from reconciler.endpoint import LocalEndpoint
from reconciler.known_secrets import shown

MESHES = amount("meshes in an outage of a target with notifications", test=50, full=1000)


def configure(write: Write, *tables: str) -> None:
    write("reconciler.toml", "".join(f"[[notify]]\n{table}\n" for table in tables))


def events(server: Scripted) -> list[tuple[str, int]]:
    documents = [json.loads(body) for _, body in server.asked]
    return [(it["data"]["kind"], it["data"]["count"]) for it in documents]


def private(write: Write, name: str, text: str) -> Path:
    path = write(name, text)
    path.chmod(0o600)
    return path


def test_each_receiver_gets_one_notification(cli: Cli, write: Write) -> None:
    private(write, "key", "canary-of-a-key-for-webhooks")
    with scripted(lambda *_: Answer(200)) as server:
        private(write, "url", f"{server.url}/canary-of-a-url\n")
        configure(
            write,
            f'type = "webhook"\nurl = "{server.url}/hook"\nsecret_file = "key"',
            'type = "slack"\nurl_file = "url"',
        )
        result = cli("notify", "test")
        asked = [request for request, _ in server.asked]
    assert (result.code, result.err) == (0, "")
    assert asked == ["POST /hook", "POST /canary-of-a-url"]
    assert result.out == (
        "notify[0] (webhook) accepted the notification.\n"
        "notify[1] (slack) accepted the notification.\n"
    )


def test_a_receiver_that_does_not_accept_it_is_named(cli: Cli, write: Write) -> None:
    with scripted(lambda *_: Answer(404)) as server:
        chat = f'type = "slack"\nurl = "{server.url}/canary-of-a-url"'
        configure(write, chat, 'type = "webhook"\nurl = "http://127.0.0.1:1"')
        result = cli("notify", "test")
    assert (result.code, result.out) == (1, "")
    first, second = result.err.splitlines()
    rejected = "did not accept the notification"
    assert first == (
        f"reconciler: notify[0] (slack) {rejected}: the response was HTTP 404: check the path of "
        "the URL of its [[notify]] table"
    )
    assert second.startswith(f"reconciler: notify[1] (webhook) {rejected}: no response: ")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("", "has no [[notify]] table"),
        ("[[notify]]\ntype='slack'\nurl_file='no'", "cannot read the URL file no"),
        ("[[notify]]\ntype='slack'\nurl_file='bad'", "the content of bad must be an http or https"),
        ("[[notify]]\ntype='slack'\nurl_file='open'", "must be a file that only its user can read"),
        ("[[notify]]\ntype='webhook'\nurl='http://x'\nsecret_file='no'", "cannot read the key of"),
    ],
)
def test_wrong_settings_are_one_line(cli: Cli, write: Write, table: str, words: str) -> None:
    private(write, "bad", "canary-of-a-url")
    write("open", "http://x").chmod(0o644)
    write("reconciler.toml", table)
    result = cli("notify", "test")
    assert (result.code, result.out, result.err.count("\n")) == (64, "", 1)
    assert words in result.err


@pytest.mark.process
def test_a_daemon_notifies_of_drift_and_of_its_repair(
    write: Write, start: Start, live: object, endpoint: LocalEndpoint
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    del endpoint
    with scripted(lambda *_: Answer(200)) as server:
        configure(write, f'type = "webhook"\nurl = "{server.url}"\non = ["drift", "applied"]')
        start("--interval", "1", "--policy", "sync")
        eventually(lambda: events(server) == [("applied", 1)])
        opened = {"egressFilter": {"type": "ALLOW_ALL"}}
        live.client.update_mesh(meshName="a", spec=opened)  # type: ignore[attr-defined]  # of the fixture
        eventually(lambda: events(server) == [("applied", 1), ("drift", 1)])
        (finding,) = json.loads(server.asked[-1][1])["data"]["findings"]
    assert finding["text"] == "drifted, and repaired by update"
    assert finding["fields"] == [
        {"pointer": "/spec/egressFilter/type", "before": "ALLOW_ALL", "after": "DROP_ALL"}
    ]


@pytest.mark.unmeasured
@pytest.mark.process
def test_an_outage_of_many_meshes_is_one_alert_and_one_recovery(
    write: Write, start: Start, endpoint: LocalEndpoint
) -> None:
    for number in range(MESHES):
        write(f"manifests/m{number}.yaml", mesh_yaml(f"m{number}"))
    with scripted(lambda *_: Answer(200)) as server:
        configure(write, f'type = "webhook"\nurl = "{server.url}"')
        process = start("--interval", "1", "--policy", "sync", "--max-updates", "100%")
        status = endpoint.url + "/_endpoint/calls"
        eventually(lambda: b'"CreateMesh"' in urllib3.request("GET", status).data)
        refused = {"operation": "*", "fault": "error", "status": 503}
        urllib3.request("PUT", f"{endpoint.url}/_endpoint/faults", json={"faults": [refused]})
        eventually(lambda: bool(events(server)))
        urllib3.request("DELETE", f"{endpoint.url}/_endpoint/faults")
        eventually(lambda: "recovered" in dict(events(server)))
        code, _ = ended(process, 15)
        sent = [kind for kind, _ in events(server)]
    assert code == 0
    assert sent == ["failed", "recovered"]


def test_the_url_of_a_chat_hides_no_other_url_of_its_host(cli: Cli, write: Write) -> None:
    private(write, "url", "http://127.0.0.1:1/hooks/canary-of-a-url-for-chats")
    configure(write, 'type = "slack"\nurl_file = "url"')
    cli("notify", "test")
    assert shown("see http://127.0.0.1:1/v20190125/meshes") == (
        "see http://127.0.0.1:1/v20190125/meshes"
    )
    assert "canary" not in shown("POST /hooks/canary-of-a-url-for-chats")
