"""One target that fails all day costs the other targets of a daemon nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from amounts import amount
from fleet_edits import FAILING, NAMES, TROUBLES, ten_targets

EDITS = amount("edits of ten targets beside one that fails, for each way to fail", test=3, full=40)
RATIO = 1.5
# Other tests share the cores. A target that waits for a turn waits for ten seconds or more.
NOISE_SECONDS = 1.0


@pytest.mark.process
@pytest.mark.unmeasured
def test_a_target_that_fails_delays_no_edit_of_the_others(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with ten_targets(tmp_path) as edits:
        usual = edits.p95(EDITS)
        for trouble, fault in TROUBLES.items():
            with edits.trouble(fault):
                seconds = edits.p95(EDITS)
            figure = f"{seconds:.2f} s, without {usual:.2f} s"
            record_property("figure", f"p95 of an edit while one target {trouble}: {figure}")
            assert seconds < RATIO * usual + NOISE_SECONDS, trouble
        assert edits.health(*NAMES, FAILING) == {"in sync"}
        failed = [line for line in edits.log.splitlines() if "cycle failed" in line]
        assert failed
        assert all(f"{FAILING}: cycle failed" in line for line in failed)
