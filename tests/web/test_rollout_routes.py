"""The paths of a rollout: who may hold it, and what the client makes of the answers."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from servers import Answer, scripted
from web.samples import TOKEN, StillDaemon, calm
from web.test_fleet_app import ask as ask_fleet
from web.test_fleet_app import fleet

from reconciler.core.errors import DaemonError
from reconciler.core.fleet.rollout_news import RolloutCommand
from reconciler.core.fleet.rollout_status import RolloutStatus, RolloutTarget
from reconciler.render import fleet_status
from reconciler.render.rollout import as_json, as_text, one_line
from reconciler.render.terminal import Layout
from reconciler.web.application import Access
from reconciler.web.fleet_app import FleetApp
from reconciler.web.rollout_client import command_rollout, fetch_rollout
from reconciler.web.rollout_routes import RolloutRoutes

WAVES = (
    (RolloutTarget("dev", "b" * 40, "in sync"),),
    (RolloutTarget("stage", "b" * 40, "failed"), RolloutTarget("stage-\x1b[2J")),
    (RolloutTarget("prod", "a" * 40, "in sync"),),
)
WAITS = "is stopped by stage (failed); fix it, then run reconciler rollout resume"
STOPPED = RolloutStatus(
    "b" * 40,
    2,
    WAVES,
    0.0,
    60.0,
    is_held=False,
    stopped_by="stage (failed)",
    waits_for=WAITS,
)
PLAIN = Layout(color=False)
ALLOWED = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}


class Control:
    """A rollout whose store answers or does not."""

    def __init__(self, *, answers: bool = True) -> None:
        self.commands: list[RolloutCommand] = []
        self._answers = answers

    def status(self) -> RolloutStatus:
        return STOPPED

    def request(self, command: RolloutCommand, timeout_seconds: float) -> bool:
        assert timeout_seconds > 0
        self.commands.append(command)
        return self._answers


def ask(
    control: Control | None,
    path: str,
    method: str = "POST",
    body: bytes = b"{}",
    headers: Mapping[str, str] = {},
) -> tuple[int, str]:
    routes = RolloutRoutes(control, as_json) if control else None
    application = FleetApp({}, document=fleet_status.as_json, access=Access(TOKEN), rollout=routes)
    sent: list[Any] = []
    given = {"host": "127.0.0.1:9180", **headers}

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "method": method,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }
    asyncio.run(application(scope, receive, send))
    return sent[0]["status"], sent[1]["body"].decode()


def test_everyone_may_read_it_and_the_token_commands_it() -> None:
    control = Control()
    assert ask(control, "/rollout", "GET") == (200, as_json(STOPPED))
    assert ask(control, "/rollout/hold", headers=ALLOWED) == (200, as_json(STOPPED))
    assert ask(control, "/rollout/resume", headers=ALLOWED)[0] == 200
    assert control.commands == [RolloutCommand.HOLD, RolloutCommand.RESUME]


REFUSED = {
    "no token": ("/rollout/hold", "POST", b"{}", {"content-type": "application/json"}, 401),
    "a form": ("/rollout/hold", "POST", b"{}", {**ALLOWED, "content-type": "text/plain"}, 415),
    "a body": ("/rollout/hold", "POST", b'{"wave": 3}', ALLOWED, 400),
    "no JSON": ("/rollout/hold", "POST", b"{", ALLOWED, 400),
    "a read": ("/rollout/hold", "GET", b"", ALLOWED, 405),
    "a write": ("/rollout", "POST", b"{}", ALLOWED, 405),
    "an unknown command": ("/rollout/skip", "POST", b"{}", ALLOWED, 404),
}


@pytest.mark.parametrize(
    ("path", "method", "body", "headers", "code"), REFUSED.values(), ids=REFUSED
)
def test_other_requests_change_nothing(
    path: str, method: str, body: bytes, headers: dict[str, str], code: int
) -> None:
    control = Control()
    assert ask(control, path, method, body, headers)[0] == code
    assert control.commands == []


def test_a_daemon_without_waves_and_a_store_that_does_not_answer_are_said() -> None:
    code, text = ask(None, "/rollout", "GET")
    assert (code, "add [rollout] to reconciler.toml" in text) == (404, True)
    code, text = ask(Control(answers=False), "/rollout/hold", headers=ALLOWED)
    assert (code, "hold was not stored yet" in text) == (503, True)


def test_a_daemon_of_one_target_says_that_it_has_no_rollout() -> None:
    code, _, text = ask_fleet(fleet(a=StillDaemon(calm())), "/targets/a/rollout")
    message = "this daemon has no rollout: it needs [rollout] and several targets"
    assert (code, json.loads(text)["message"]) == (404, message)


def test_the_status_of_all_targets_has_one_line_about_it() -> None:
    line = json.loads(ask(Control(), "/status", "GET")[1])["rollout"]
    assert line == f"Wave 2 of 3. Revision bbbbbbbbbbbb {WAITS}."
    assert one_line(replace(STOPPED, waits_for="")) == "All waves have revision bbbbbbbbbbbb."
    document = json.loads(ask(None, "/status", "GET")[1])
    assert document["rollout"] is None


def test_metrics_tell_of_a_stop_and_a_hold() -> None:
    code, text = ask(Control(), "/metrics", "GET")
    assert code == 200
    assert "\nmesh_reconciler_rollout_stopped 1.0\n" in text
    assert "\nmesh_reconciler_rollout_held 0.0\n" in text
    assert "\nmesh_reconciler_rollout_waiting_targets 0.0\n" in text
    assert "rollout" not in ask(None, "/metrics", "GET")[1]


def test_the_client_reads_what_the_daemon_writes() -> None:
    with scripted(lambda *_: Answer(body=as_json(STOPPED).encode())) as server:
        assert fetch_rollout(server.url) == (as_json(STOPPED), STOPPED)
        assert command_rollout(server.url, TOKEN, "hold")[1] == STOPPED
        assert server.asked[-1] == ("POST /rollout/hold", b"{}")


@pytest.mark.parametrize("part", ["schema", "wave", "waves", "waits_for"])
def test_another_document_is_one_error(part: str) -> None:
    document = json.loads(as_json(STOPPED)) | {part: [[{}]]}
    with (
        scripted(lambda *_: Answer(body=document)) as server,
        pytest.raises(DaemonError, match="unexpected response"),
    ):
        fetch_rollout(server.url)


def test_the_text_has_the_reason_and_each_target() -> None:
    assert as_text(STOPPED, PLAIN) == (
        "Revision bbbbbbbbbbbb is stopped by stage (failed); fix it, then run reconciler rollout"
        " resume.\n"
        "\nWave 1 (has it)\n  dev            bbbbbbbbbbbb  in sync\n"
        "\nWave 2 (stopped)\n  stage          bbbbbbbbbbbb  failed\n"
        "  stage-\\x1b[2J  no revision is known\n"
        "\nWave 3\n  prod           aaaaaaaaaaaa  in sync\n"
    )
    going = replace(STOPPED, stopped_by="")
    assert "\nWave 2 (takes it)\n" in as_text(going, PLAIN)
    assert "\nWave 2 (held)\n" in as_text(replace(going, is_held=True), PLAIN)
    done = replace(STOPPED, wave=4, waits_for="", stopped_by="")
    assert as_text(done, PLAIN).startswith("All waves have revision bbbbbbbbbbbb.\n")
    waits = "waits for the first valid manifests"
    nothing = replace(STOPPED, revision=None, wave=1, waits_for=waits)
    assert as_text(nothing, PLAIN).startswith(f"There is no rollout yet; it {waits}.\n\nWave 1\n")
