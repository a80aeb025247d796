"""The application of a daemon of many targets: what it shows of all, and whom it passes on to."""

import asyncio
import json
from typing import Any

from web.samples import HOSTILE, TOKEN, StillDaemon, calm

from reconciler import pages
from reconciler.core.state.fleet_status import FleetStatus, summarize
from reconciler.render import fleet_status
from reconciler.render.json_output import render_status
from reconciler.render.terminal import Layout
from reconciler.web.application import Access
from reconciler.web.fleet_app import FleetApp, path_of_target
from reconciler.web.metrics import Metrics
from reconciler.web.rollout_routes import RolloutRoutes
from reconciler.web.status_app import StatusApp

Answer = tuple[int, dict[str, str], str]


def fleet(rollout: RolloutRoutes | None = None, /, **daemons: StillDaemon) -> FleetApp:
    access = Access(TOKEN)
    return FleetApp(
        {
            name: StatusApp(
                daemon, document=render_status, documents={}, metrics=Metrics(), access=access
            )
            for name, daemon in daemons.items()
        },
        document=fleet_status.as_json,
        access=access,
        rollout=rollout,
    )


def ask(application: FleetApp, path: str, method: str = "GET", **headers: str) -> Answer:
    sent: list[Any] = []
    given = {"host": "127.0.0.1:9180"} | headers

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "method": method,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    asyncio.run(application(scope, receive, send))
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, sent[1]["body"].decode()


def test_probes_tell_which_targets_are_stuck_or_not_ready() -> None:
    good, stuck = StillDaemon(calm()), StillDaemon(calm(), beaten_seconds_ago=500)
    code, _, text = ask(fleet(good=good, stuck=stuck), "/healthz")
    assert (code, text) == (503, "the loops of these targets are stuck: stuck\n")
    assert ask(fleet(good=good), "/healthz")[0] == 200
    starting = StillDaemon(calm(cycle_finished_at=None, exit_code=None))
    unreadable = StillDaemon(calm(error="no answer"))
    code, _, text = ask(fleet(good=good, new=starting), "/readyz")
    assert (code, text) == (503, "new: the first cycle has not ended\n")
    # A target that cannot be read does not hold up a new version of the daemon.
    assert ask(fleet(good=good, bad=unreadable), "/readyz")[0] == 200
    assert ask(fleet(bad=unreadable), "/readyz")[0] == 503


def test_names_are_escaped_in_paths_and_pages() -> None:
    name = f"a/b {HOSTILE}"
    application = fleet(**{name: StillDaemon(calm())})
    path = path_of_target(name)
    assert path.startswith("/targets/a%2Fb%20%3Cimg")
    code, _, text = ask(application, f"{path}status")
    assert (code, json.loads(text)["owner"]) == (200, calm().owner)
    code, headers, page = ask(application, "/")
    assert (code, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "<img" not in page
    files = pages.fleet_page()
    for file in files:
        assert ask(application, f"/{file}")[2] == files[file].text
    document = json.loads(ask(application, "/", accept="application/json")[2])
    assert [row["link"] for row in document["targets"]] == [path]


def test_requests_that_it_does_not_know_are_rejected() -> None:
    application = fleet(a=StillDaemon(calm()))
    assert ask(application, "/", "POST")[0] == 405
    assert ask(application, "/", host="evil.example")[0] == 403
    assert ask(application, "/targets/a/status", host="evil.example")[0] == 403
    assert ask(application, "/targets/b/status")[0] == 404
    assert ask(application, "/webhooks/github", "POST")[0] == 404
    code, _, text = ask(application, "/reconcile", "POST")
    assert code == 404
    assert "pass --target NAME" in json.loads(text)["message"]


def test_the_table_has_errors_commits_and_targets_without_a_cycle() -> None:
    statuses = (calm(), calm(error="no answer", exit_code=None))
    rows = tuple(summarize(shown, "/targets/a/", healthy=True) for shown in statuses)
    text = fleet_status.as_text(
        FleetStatus(rows), now=calm().started_at, layout=Layout(color=False)
    )
    assert text.splitlines()[-1] == "2 targets."
    assert "ended with 0, " in text
    assert "no cycle has ended yet; commit 0123456789ab; no answer" in text
