"""When a cycle is due, when what failed is tried again, and what goes first."""

from dataclasses import replace

import pytest
from builders import SYNC, desired, listening, mesh, plan, present, route

from reconciler.core.state.schedule import Schedule, is_due, urgent_first

MINUTELY = Schedule(60)


@pytest.mark.parametrize(("chance", "seconds"), [(0, 54), (0.5, 60), (1, 66)])
def test_an_interval_is_a_tenth_more_or_less(chance: float, seconds: float) -> None:
    assert MINUTELY.cycle_delay(chance) == pytest.approx(seconds)


def test_waits_double_and_end_at_five_minutes() -> None:
    assert [MINUTELY.retry_delay(attempts) for attempts in range(1, 6)] == [60, 120, 240, 300, 300]
    assert MINUTELY.retry_delay(10_000) == 300
    assert Schedule(1).retry_delay(4) == 8
    assert Schedule(3600).retry_delay(1) == 300


def test_p09_a_clock_that_was_set_back_puts_nothing_off() -> None:
    assert is_due(now=10, started=1_000, delay_seconds=60)
    assert not is_due(now=1_000, started=1_000, delay_seconds=60)
    assert is_due(now=1_060, started=1_000, delay_seconds=60)


def test_p09_a_clock_that_leaps_forward_makes_one_cycle_due() -> None:
    assert is_due(now=1e9, started=1_000, delay_seconds=60)
    assert not is_due(now=1e9, started=1e9, delay_seconds=60)


def test_what_is_urgent_goes_first_and_deletes_stay_last() -> None:
    made = plan(
        desired("a"), desired("b"), desired("c"), present("x"), present("y"),
        guards=replace(SYNC, max_deletes=9),
    )  # fmt: skip
    ordered = urgent_first(made, {mesh("c"), mesh("y")})
    assert [change.key.name for change in ordered.changes] == ["c", "a", "b", "y", "x"]
    assert urgent_first(made, ()) == made


def test_what_has_to_come_before_its_parent_stays_there() -> None:
    live = [
        present("m"),
        present("virtual-node/m/n", {}),
        present("virtual-router/m/r", listening(80)),
        present("route/m/r/x", route("n")),
    ]
    wanted = [
        desired("m"),
        desired("virtual-node/m/n", {}),
        desired("virtual-router/m/r", listening(80, 90)),
        desired("route/m/r/x", route("n", port=80)),
    ]
    made = plan(*live, *wanted, guards=SYNC)
    before = [str(change.key) for change in made.changes]
    assert before == ["route/m/r/x", "virtual-router/m/r"]
    assert urgent_first(made, ()) == made
    assert urgent_first(made, {wanted[2].key}) == made
