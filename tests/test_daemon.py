"""The daemon's loop, with time and wakes as arguments."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

from reconciler.core.schedule import Schedule
from reconciler.daemon import run, watch


class World:
    """A clock, a source and a count of cycles, moved by a script of wakes."""

    def __init__(self) -> None:
        self.now = 0.0
        self.source = "first"
        self.cycles: list[float] = []

    def cycle(self) -> None:
        self.cycles.append(self.now)

    def wakes(self, *script: tuple[float, str, bool]) -> Iterator[bool]:
        for now, source, hint in script:
            self.now, self.source = now, source
            yield hint

    def play(self, *script: tuple[float, str, bool]) -> list[float]:
        run(
            self.cycle,
            self.wakes(*script),
            lambda: self.source,
            Schedule(interval_seconds=60),
            lambda: self.now,
        )
        return self.cycles


def test_it_begins_with_a_cycle_and_waits() -> None:
    assert World().play((1, "first", False), (59, "first", False)) == [0]


def test_it_runs_when_the_source_moved() -> None:
    assert World().play((5, "first", False), (6, "second", True), (7, "second", False)) == [0, 6]


def test_a_hint_without_a_change_runs_nothing() -> None:
    assert World().play((5, "first", True), (6, "first", True)) == [0]


def test_what_moved_before_the_watch_began_is_seen_at_the_first_wake() -> None:
    assert World().play((1, "second", False)) == [0, 1]


def test_it_runs_when_the_interval_is_over_and_counts_anew() -> None:
    wakes = [(float(now), "first", False) for now in range(1, 200)]
    assert World().play(*wakes) == [0, 60, 120, 180]


def test_p09_a_clock_that_was_set_back_puts_nothing_off() -> None:
    schedule = Schedule(interval_seconds=60)
    assert schedule.due(now=10, started=1_000)
    assert not schedule.due(now=1_000, started=1_000)
    assert schedule.due(now=1_060, started=1_000)


def test_where_files_cannot_be_watched_time_goes_by_all_the_same(tmp_path: Path) -> None:
    stop = Event()
    wakes = watch([str(tmp_path / "not there")], stop)
    assert next(wakes) is False
    stop.set()
    assert list(wakes) == []
