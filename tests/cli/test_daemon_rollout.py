"""A reload that finds another table [rollout]."""

from dataclasses import replace

import pytest

from reconciler.cli.daemon_rollout import ReloadNotice
from reconciler.core.fleet.rollout import RolloutRules

RULES = RolloutRules((("dev",), ("prod",)), 0.0, frozenset(), 9)
CHANGED = replace(RULES, soak_seconds=60.0)


@pytest.mark.parametrize(("used", "found"), [(RULES, CHANGED), (None, RULES), (RULES, None)])
def test_a_table_that_a_reload_does_not_read_is_logged_once(
    used: RolloutRules | None, found: RolloutRules | None, caplog: pytest.LogCaptureFixture
) -> None:
    notice = ReloadNotice(used)
    notice.check(used)
    assert caplog.messages == []
    for _ in range(3):
        notice.check(found)
    assert len(caplog.messages) == 1
    assert "restart the daemon" in caplog.text
    notice.check(used)
    assert len(caplog.messages) == 1, "it is the one in use again"
    notice.check(found)
    assert len(caplog.messages) == 2
