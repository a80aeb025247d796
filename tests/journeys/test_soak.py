"""Days of a daemon in virtual time: calls, memory and backoff stay within their bounds."""

import json
from collections.abc import Callable
from itertools import pairwise

import pytest
from own_process import run_module
from soak import CYCLES, DAY, DAYS, MINUTE, WAKE_SECONDS

pytestmark = pytest.mark.slow


def test_p09_p17_a16_days_at_a_minute_stay_within_their_bounds(
    record_property: Callable[[str, object], None],
) -> None:
    happened = json.loads(run_module("soak"))
    cycles, calls, attempts = happened["cycles"], happened["calls"], happened["attempts"]
    record_property(
        "figure",
        f"{DAYS} days at 60 s with 10 meshes: {cycles:,} cycles, "
        f"{sum(calls.values()) / cycles:.1f} calls a cycle, in {happened['seconds']:.0f} s of CPU",
    )
    # A cycle is late by a wake at most, early or late by a tenth, and one more where one retries.
    assert 0.9 * CYCLES <= cycles <= 1.05 * CYCLES
    assert calls["list"] <= cycles + 2 * calls["update"]
    assert calls["describe"] <= 10 * cycles
    # Ten creates, every edit, and one repair for each hand that meddled: nothing twice.
    drifts = DAYS * 4
    assert calls["update"] == 10 * (happened["edits"] - 1) + drifts
    assert len(happened["repaired_within"]) == drifts
    assert max(happened["repaired_within"]) <= 1.1 * MINUTE + 2 * WAKE_SECONDS
    # What fails for ever is tried after 1, 2 and 4 minutes, and then every five.
    waits = [after - before for before, after in pairwise(attempts)]
    assert [wait // MINUTE for wait in waits[:4]] == [1, 2, 4, 5]
    assert all(300 <= wait <= 300 + 2 * WAKE_SECONDS for wait in waits[3:] if wait < 1_200)
    assert 0.98 * 2.5 * DAY / 300 <= len(attempts) <= 2.5 * DAY / 300
    assert happened["late"] == ["failed", len(attempts)]
    assert happened["blocks"][-1] - happened["blocks"][2] < 2_000
