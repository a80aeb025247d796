"""The page of a daemon of many targets in a real browser."""

from dataclasses import replace
from typing import Any

import pytest
from web.browser import SCREENSHOTS, Browser, Tab
from web.samples import HOSTILE, StillDaemon, calm
from web.test_fleet_app import fleet
from web.test_page import texts, violations
from web.test_rollout_routes import Control

from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.render.rollout import as_json
from reconciler.web.rollout_routes import RolloutRoutes
from reconciler.web.status_server import serve_application

pytestmark = [pytest.mark.browser, pytest.mark.unmeasured]

NAMES = ("prod-eu", "prod-us", f"prod {HOSTILE}")


def named(name: str, **changes: Any) -> DaemonStatus:
    status = calm(**changes)
    return replace(status, target=replace(status.target, name=name))


@pytest.mark.parametrize("width", [500, 1400])
def test_it_shows_each_target_and_refreshes_itself(browser: Browser, width: int) -> None:
    lost = named(NAMES[2], error=HOSTILE, cycle_finished_at=None, exit_code=None)
    daemons = {name: StillDaemon(named(name)) for name in NAMES[:2]}
    daemons[NAMES[2]] = changing = StillDaemon(lost)
    tab = Tab(browser)
    routes = RolloutRoutes(Control(), as_json)
    with serve_application(lambda: fleet(routes, **daemons), "127.0.0.1", 0, insecure=False) as url:
        tab.open(f"{url}/", width=width)
        tab.wait("document.querySelectorAll('#targets tr').length === 3")
        assert texts(tab, "#targets a") == list(NAMES)
        states = ["\u2713in sync", "\u2713in sync", "\u2715unreadable"]
        assert texts(tab, "#targets .state") == states
        assert texts(tab, "#health") == ["\u27151 of 3 targets"]
        assert "Wave 2 of 3. Revision bbbbbbbbbbbb is stopped by stage" in texts(tab, "#rollout")[0]
        assert texts(tab, "#targets tr:last-child td:last-child") == [HOSTILE]
        assert tab.evaluate("document.querySelectorAll('img, body script').length") == 0
        assert violations(tab) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        tab.screenshot(SCREENSHOTS / f"fleet-{width}.png")
        # The focus stays on the link of a target while others change.
        tab.evaluate("document.querySelector('#targets a').focus()")
        changing.shown = named(NAMES[2])
        tab.wait("document.querySelectorAll('#targets .good').length === 3")
        assert texts(tab, "#health") == ["\u27133 targets"]
        assert tab.evaluate("document.activeElement.textContent") == NAMES[0]
        tab.click("#targets a")
        tab.wait("location.pathname === '/targets/prod-eu/'")
        tab.wait("document.getElementById('health').textContent === '\u2713in sync'")
        tab.open(f"{url}/", width=width)
        tab.wait("document.querySelectorAll('#targets tr').length === 3")
    tab.wait("document.getElementById('health').textContent === '\u2715no response'")
    assert "The page shows the last status" in texts(tab, "#notices")[0]
    assert tab.problems() == []
