"""Who may read, who may act, and what answers say: the application without a socket."""

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from web.samples import TOKEN, StillDaemon, calm, status

from reconciler import limits
from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import Origin
from reconciler.core.state.daemon_status import DaemonStatus, LeaseStatus
from reconciler.render.json_output import render_status
from reconciler.web.application import Access
from reconciler.web.metrics import Metrics
from reconciler.web.status_app import StatusApp
from reconciler.wiring.daemon_page import daemon_documents

ROUTES = ("/", "/daemon.js", "/page.css", "/status", "/metrics", "/healthz", "/readyz", "/log")
KNOWN = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
Answer = tuple[int, dict[str, str], str]


def web(daemon: StillDaemon, token: str | None = TOKEN) -> StatusApp:
    return StatusApp(
        daemon,
        document=render_status,
        documents=daemon_documents(None, list, lambda: ("manifests",)),
        metrics=Metrics(),
        access=Access(token, hosts=("Mesh.Example.internal",)),
    )


async def exchange(
    application: StatusApp,
    method: str,
    path: str,
    headers: dict[str, str],
    parts: Iterable[Any],
) -> list[Any]:
    sent: list[Any] = []
    coming = iter(parts)

    async def receive() -> Any:
        message = next(coming, None)
        if message is None:
            # Whoever waits for its answer stays where it is.
            await asyncio.Event().wait()
        return message

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "method": method,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    await application(scope, receive, send)
    return sent


def ask(
    application: StatusApp,
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: str = "",
) -> Answer:
    given = {"host": "127.0.0.1:9180"} | (headers or {})
    part = {"type": "http.request", "body": body.encode(), "more_body": False}
    head, end = asyncio.run(exchange(application, method, path, given, [part]))
    result = {name.decode(): value.decode() for name, value in head["headers"]}
    assert result["content-length"] == str(len(end["body"]))
    return head["status"], result, end["body"].decode()


@pytest.mark.parametrize("path", ROUTES)
def test_e14_every_answer_keeps_scripts_frames_and_other_origins_out(path: str) -> None:
    code, headers, _ = ask(web(StillDaemon(calm())), "GET", path)
    assert code == 200
    assert headers["content-security-policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("127.0.0.1:9180", 200),
        ("10.1.2.3:9180", 200),
        ("[::1]:9180", 200),
        ("localhost", 200),
        ("LOCALHOST:9180", 200),
        ("mesh.example.internal:443", 200),
        ("evil.example", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example:9180", 403),
        ("", 403),
    ],
)
@pytest.mark.parametrize("path", ["/status", "/metrics", "/healthz"])
def test_e13_only_an_address_or_a_name_that_was_allowed_is_served(
    path: str, host: str, code: int
) -> None:
    assert ask(web(StillDaemon(calm())), "GET", path, {"host": host})[0] == code


@pytest.mark.parametrize(
    "path",
    ["/assets/daemon.html", "/../app.py", "/%2e%2e/app.py", "/daemon.js/", "//daemon.js",
     "/daemon.js%00", "/.reconciler/token", "/daemon.html", "/status/", "/DAEMON.JS", "", "*",
     "/healthz?x", "/\\..\\app.py"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_e17_nothing_but_the_fixed_routes_is_there(path: str, method: str) -> None:
    code, _, body = ask(web(StillDaemon(calm())), method, path)
    assert (code, json.loads(body)) == (404, {"message": "there is no such path"})


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ROUTES)
def test_e12_what_is_read_takes_nothing(path: str, method: str) -> None:
    code, headers, _ = ask(web(StillDaemon(calm())), method, path, KNOWN, "{}")
    assert (code, headers["allow"]) == (405, "GET, HEAD")


FORGED = {
    "no token": ({"authorization": ""}, 401),
    "another token": ({"authorization": "Bearer of-bad-news"}, 401),
    "another scheme": ({"authorization": f"Basic {TOKEN}"}, 401),
    "a token that is no text": ({"authorization": "Bearer \u00ff"}, 401),
    "another site": ({"sec-fetch-site": "cross-site"}, 403),
    "a sibling of the site": ({"sec-fetch-site": "same-site"}, 403),
    "another origin": ({"origin": "https://evil.example"}, 403),
    "an origin that hides": ({"origin": "null"}, 403),
    "another port of this host": ({"origin": "http://127.0.0.1:8000"}, 403),
    "a form": ({"content-type": "text/plain"}, 415),
    "another form": ({"content-type": "application/x-www-form-urlencoded"}, 415),
    "no content type": ({"content-type": ""}, 415),
    "another host": ({"host": "evil.example"}, 403),
}


@pytest.mark.parametrize(("headers", "code"), FORGED.values(), ids=FORGED)
def test_e12_a_forged_request_asks_for_no_cycle(headers: dict[str, str], code: int) -> None:
    daemon = StillDaemon(calm())
    assert ask(web(daemon), "POST", "/reconcile", KNOWN | headers, "{}")[0] == code
    assert daemon.asked == 0


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        '{"all": true}',
        "{",
        "[" * 100_000,
        '{"allow_rewind": 1}',
        '{"allow_rewind": "true"}',
    ],
)
def test_a_body_that_asks_for_something_else_asks_for_no_cycle(body: str) -> None:
    daemon = StillDaemon(calm())
    assert ask(web(daemon), "POST", "/reconcile", KNOWN, body)[0] == 400
    assert daemon.asked == 0


def test_without_a_token_nobody_may_act() -> None:
    daemon = StillDaemon(calm())
    given = KNOWN | {"authorization": "Bearer None"}
    code, _, body = ask(web(daemon, token=None), "POST", "/reconcile", given, "{}")
    assert (code, daemon.asked) == (403, 0)
    assert "no token file" in body


def test_a_cycle_cannot_be_asked_for_by_reading() -> None:
    daemon = StillDaemon(calm())
    code, headers, _ = ask(web(daemon), "GET", "/reconcile", KNOWN)
    assert (code, headers["allow"], daemon.asked) == (405, "POST", 0)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"origin": "http://127.0.0.1:9180", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none", "content-type": "application/json; charset=utf-8"},
        {"authorization": f"bearer {TOKEN}"},
    ],
)
def test_whoever_knows_the_token_gets_a_cycle_and_its_code(more: dict[str, str]) -> None:
    daemon = StillDaemon(calm(), ends={43: ExitCode.PARTIAL})
    code, _, body = ask(web(daemon), "POST", "/reconcile", KNOWN | more, "{}")
    assert (code, daemon.asked) == (200, 1)
    assert json.loads(body) == {"cycle": 43, "exit_code": 4, "exit_name": "partial"}


def test_a_loop_that_is_stuck_lets_nobody_wait() -> None:
    daemon = StillDaemon(calm(), beaten_seconds_ago=limits.HEARTBEAT_TIMEOUT_SECONDS)
    code, _, body = ask(web(daemon), "POST", "/reconcile", KNOWN, "{}")
    assert (code, json.loads(body)["message"]) == (
        503,
        "cycle 43 was requested, but the loop is stuck",
    )


def test_whoever_leaves_is_not_waited_for() -> None:
    daemon = StillDaemon(calm())
    parts: list[Any] = [
        {"type": "http.request", "body": b"{}", "more_body": False},
        {"type": "http.disconnect"},
    ]
    given = KNOWN | {"host": "localhost"}
    assert asyncio.run(exchange(web(daemon), "POST", "/reconcile", given, parts)) == []
    assert daemon.asked == 1


def test_whoever_waits_hears_that_the_daemon_stops() -> None:
    daemon = StillDaemon(calm())
    part = {"type": "http.request", "body": b"{}", "more_body": False}
    given = KNOWN | {"host": "localhost"}

    async def stop_while_waiting() -> list[Any]:
        asked = asyncio.ensure_future(exchange(web(daemon), "POST", "/reconcile", given, [part]))
        await asyncio.to_thread(daemon.waits.wait, 10)
        asked.cancel()
        return await asked

    head, end = asyncio.run(stop_while_waiting())
    assert head["status"] == 503
    assert b"the daemon is stopping, so that cycle does not end" in end["body"]


def test_half_a_request_asks_for_no_cycle() -> None:
    daemon = StillDaemon(calm())
    parts: list[Any] = [
        {"type": "http.request", "body": b"{}", "more_body": True},
        {"type": "http.disconnect"},
    ]
    given = KNOWN | {"host": "localhost"}
    assert asyncio.run(exchange(web(daemon), "POST", "/reconcile", given, parts)) == []
    assert daemon.asked == 0


def test_a_body_has_its_bound() -> None:
    daemon = StillDaemon(calm())
    code, headers, _ = ask(web(daemon), "POST", "/reconcile", KNOWN, "{}" + " " * 1_048_576)
    assert (code, headers["connection"], daemon.asked) == (413, "close", 0)


@pytest.mark.parametrize(("seconds", "code"), [(1.0, 200), (limits.HEARTBEAT_TIMEOUT_SECONDS, 503)])
def test_health_is_the_heartbeat_of_the_loop(seconds: float, code: int) -> None:
    daemon = StillDaemon(calm(), beaten_seconds_ago=seconds)
    result, _, body = ask(web(daemon), "GET", "/healthz")
    assert result == code
    assert body == ("ok\n" if code == 200 else "the loop has been stuck for 120 s\n")
    shown = json.loads(ask(web(daemon), "GET", "/status")[2])
    assert shown["healthy"] is (code == 200)
    assert shown["health"] == ("in sync" if code == 200 else "stuck")


@pytest.mark.parametrize(
    ("shown", "why"),
    [
        (calm(cycle_finished_at=None, exit_code=None), "the first cycle has not ended"),
        (calm(error="listing meshes: \ud800"), "listing meshes: \\ud800"),
        (status(resources=()), "the manifests do not exist or have not been valid since the start"),
        (
            calm(is_leader=False, lease=LeaseStatus("", 15.0, 0.0)),
            "the holder of the lock is not known",
        ),
    ],
)
def test_it_is_ready_once_a_cycle_knew_both_sides_and_stays_so(
    shown: DaemonStatus, why: str
) -> None:
    daemon = StillDaemon(shown)
    application = web(daemon)
    assert ask(application, "GET", "/readyz")[::2] == (503, f"{why}\n")
    daemon.shown = calm()
    assert ask(application, "GET", "/readyz")[::2] == (200, "ok\n")
    daemon.shown = shown
    assert ask(application, "GET", "/readyz")[0] == 200


def test_a_file_whose_name_is_no_text_is_told_all_the_same() -> None:
    (item,) = calm().resources
    odd = calm(resources=(replace(item, origin=Origin("\udcff.yaml", 1, 1)),))
    result = json.loads(ask(web(StillDaemon(odd)), "GET", "/status")[2])
    assert result["resources"][0]["origin"]["file"] == "\udcff.yaml"


def test_whoever_stands_by_is_ready() -> None:
    standing_by = calm(is_leader=False, lease=LeaseStatus("another", 15.0, 0.0))
    assert ask(web(StillDaemon(standing_by)), "GET", "/readyz")[0] == 200


def test_invalid_manifests_with_good_ones_before_are_ready() -> None:
    assert ask(web(StillDaemon(status())), "GET", "/readyz")[0] == 200


def test_a_status_of_a_thousand_meshes_is_told_quickly() -> None:
    many = calm(resources=status().resources * 100)
    application = web(StillDaemon(many))
    began = time.process_time()
    _, headers, body = ask(application, "GET", "/status")
    assert time.process_time() - began < 1
    assert headers["content-type"] == "application/json"
    assert len(json.loads(body)["resources"]) == 1_000
