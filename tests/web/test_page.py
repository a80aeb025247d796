"""The status page in a real browser: what it shows, at which width, and what it never runs."""

import html
import json
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import urllib3
from programs import require_program
from servers import Answer, scripted
from web.samples import COMMIT, HOSTILE, StillDaemon, calm, served, status

from reconciler.core.resources import Key
from reconciler.core.source_revision import SourceRevision

pytestmark = [pytest.mark.browser, pytest.mark.unmeasured]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
SCREENSHOTS = Path(__file__).parents[2] / "build" / "screenshots"
HARNESS = Path(__file__).with_name("harness.js").read_text("utf-8")
DARK = "--blink-settings=preferredColorScheme=0"


@contextmanager
def framed(url: str, answers: int) -> Iterator[str]:
    """Serve what ``url`` serves and a page around it; after ``answers`` statuses no more of them.

    Of what the daemon sends one thing is changed: the page around it may frame it.
    """
    result: list[str] = []

    def script(request: str, body: bytes) -> Answer:
        del body
        path = request.partition(" ")[2]
        if path.startswith("/harness?"):
            page = '<!doctype html><body><script src="harness.js"></script>'
            return Answer(200, page.encode(), {"content-type": "text/html"})
        if path == "/harness.js":
            return Answer(200, HARNESS.encode(), {"content-type": "text/javascript"})
        result.extend([path] * (path == "/status"))
        if len(result) > answers:
            return Answer(502, b"nobody is there")
        answer = urllib3.request("GET", url + path)
        policy = answer.headers.get("content-security-policy", "")
        kept = {"content-type": answer.headers["content-type"]}
        kept |= {"content-security-policy": policy.replace("ancestors 'none'", "ancestors 'self'")}
        return Answer(answer.status, answer.data, kept)

    with scripted(script) as server:
        yield server.url


def browse(folder: Path, *arguments: str) -> str:
    browser = require_program(*BROWSERS, purpose="the status page")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
               f"--user-data-dir={folder / 'profile'}", *arguments]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=100)
    return done.stdout


@pytest.fixture
def seen(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return what a browser sees of a daemon's page at a width."""

    def look(
        daemon: StillDaemon, width: int, *flags: str, pulse: str = "live", answers: int = 1_000
    ) -> dict[str, Any]:
        with served(daemon, tmp_path) as own, framed(own, answers) as url:
            target = f"{url}/harness?width={width}&pulse={pulse}"
            dom = browse(tmp_path, "--dump-dom", "--virtual-time-budget=15000", *flags, target)
        result = re.search(r"<pre>(.*)</pre>", dom, re.DOTALL)
        assert result is not None, dom
        facts: dict[str, Any] = json.loads(html.unescape(result[1]))
        return facts

    return look


@pytest.mark.sample(1)
@pytest.mark.parametrize("flags", [(), (DARK,)], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_everything_is_shown_at_every_width(
    seen: Callable[..., dict[str, Any]], width: int, flags: tuple[str, ...]
) -> None:
    facts = seen(StillDaemon(status(time.time())), width, *flags)
    assert facts["width"] == width
    assert facts["overflow"] <= width
    assert facts["counts"] == [
        "10 resources", "1 failed", "1 unreadable", "2 drifted", "2 withheld", "1 stale",
        "1 pending", "1 suspended", "1 in sync",
    ]  # fmt: skip
    assert facts["states"][0] == "failed"
    assert facts["states"][-1] == "in sync"
    assert facts["keys"][0] == "mesh/ledger"
    assert 'spec.egressFilter.type "ALLOW_ALL" \u2192 "DROP_ALL"' in facts["items"]
    assert 'tags.cost/center absent \u2192 "payments"' in facts["items"]
    assert "account123456789012, eu-west-1" in facts["facts"]
    assert re.search(r"cycle42 ended \d+ s ago with 4 \(partial\)", facts["facts"])
    assert f"commit0123456789ab by {HOSTILE}\\u{{1b}}: Close the egress {HOSTILE}" in facts["facts"]
    assert "manifests/a.yaml:2:1: error[MR012] is not valid YAML" in facts["notices"]
    assert facts["title"] == "8 not in sync \u00b7 test"
    assert facts["head"] is (width > 960)
    assert (facts["all"], facts["two"], facts["none"], facts["chosen"]) == (10, 1, 0, 2)
    assert facts["missing"] == 1
    assert facts["said"] == "No resource matches the filter."
    assert facts["cells"] == 10 * 5
    assert facts["unlabeled"] == 0
    assert facts["least"]["ratio"] >= 4.5, facts["least"]


def test_e14_what_looks_like_markup_is_text(seen: Callable[..., dict[str, Any]]) -> None:
    facts = seen(StillDaemon(status(time.time())), 1280)
    assert f"mesh/{HOSTILE}" in facts["keys"]
    assert facts["markup"] == 0
    assert facts["title"].startswith("8 not in sync")
    (item,) = (item for item in facts["items"] if item.startswith("tags.<img"))
    # What would turn the text around it is spelled out.
    assert item.endswith('"a\\u{202e}b\\u001b[2J"')


def test_local_changes_are_shown(seen: Callable[..., dict[str, Any]]) -> None:
    revision = SourceRevision(COMMIT, "Fix it", "A", dirty=True)
    facts = seen(StillDaemon(calm(time.time(), revision=revision)), 1280)["facts"]
    assert "commit0123456789ab with local changes, by A: Fix it" in facts


def test_a_daemon_that_stops_answering_is_shown_as_stale(
    seen: Callable[..., dict[str, Any]],
) -> None:
    facts = seen(StillDaemon(status(time.time())), 1280, pulse="stale", answers=1)
    assert facts["stale"]
    assert re.match(r"stale: no response since \d", facts["pulse"])
    assert len(facts["states"]) == 10


def test_a_daemon_that_never_answered_is_said(seen: Callable[..., dict[str, Any]]) -> None:
    facts = seen(StillDaemon(calm()), 360, pulse="no response", answers=0)
    assert facts["pulse"] == "no response from the daemon"
    assert facts["states"] == []


def test_a_loop_that_does_not_move_and_a_target_that_cannot_be_read_are_said(
    seen: Callable[..., dict[str, Any]],
) -> None:
    shown = calm(time.time(), error="listing meshes: no answer", resources=())
    facts = seen(StillDaemon(shown, beaten_seconds_ago=500.0), 1280)
    assert facts["notices"][0].startswith("The daemon responds, but its loop is stuck")
    assert facts["notices"][1] == "listing meshes: no answer"
    assert facts["said"] == "No resources yet."


def test_what_could_not_be_listed_is_said_and_is_not_in_sync(
    seen: Callable[..., dict[str, Any]],
) -> None:
    shown = calm(time.time(), unlisted=status().unlisted, revision=None)
    facts = seen(StillDaemon(shown), 1280)
    assert "commit" not in facts["facts"]
    assert facts["title"] == "not all could be read \u00b7 test"
    (notice,) = facts["notices"]
    assert notice.startswith(
        "virtual-node/orders/*: could not be listed, and may include managed resources"
    )


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"cycle": 0, "cycle_started_at": None}, "cyclenone yet"),
        ({"cycle": 1}, "cycle1 running"),
        ({"cycle_finished_at": 1_764_000_000.0}, "cycle42 running, the previous one ended "),
    ],
)
def test_a_cycle_that_runs_is_told_from_one_that_ended(
    seen: Callable[..., dict[str, Any]], changes: dict[str, Any], told: str
) -> None:
    shown = calm(time.time(), **({"cycle_finished_at": None, "exit_code": None} | changes))
    assert told in seen(StillDaemon(shown), 1280)["facts"]


def test_a_thousand_meshes_are_shown(seen: Callable[..., dict[str, Any]]) -> None:
    (item,) = calm(time.time()).resources
    many = tuple(replace(item, key=Key("mesh", (f"m{number}",))) for number in range(1_000))
    facts = seen(StillDaemon(calm(time.time(), resources=many)), 360)
    assert facts["counts"] == ["1000 resources", "1000 in sync"]
    assert facts["all"] == 1_000


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("name", "size", "flags"),
    [
        ("wide-light", "1280,1300", ()),
        ("wide-dark", "1280,1300", (DARK,)),
        ("narrow-light", "360,1600", ()),
        ("narrow-dark", "360,1600", (DARK,)),
    ],
)
def test_a_picture_is_kept(name: str, size: str, flags: tuple[str, ...], tmp_path: Path) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    picture = SCREENSHOTS / f"{name}.png"
    picture.unlink(missing_ok=True)
    with served(StillDaemon(status(time.time())), tmp_path) as url:
        browse(tmp_path, "--virtual-time-budget=4000", f"--window-size={size}", *flags,
               f"--screenshot={picture}", url)  # fmt: skip
    assert picture.read_bytes().startswith(b"\x89PNG")
