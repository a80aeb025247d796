"""What wakes the loop, on real files; and when it looks by itself."""

import os
import resource
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from reconciler import limits
from reconciler.daemon.watch import PollSchedule, ticks, watch


class Hasty(Event):
    """A wish to stop for whose absence nobody waits."""

    def wait(self, timeout: float | None = None) -> bool:
        del timeout
        return self.is_set()


def until(wakes: Iterator[bool], wanted: bool) -> bool:  # it is what a wake is
    return any(hint is wanted for hint, _ in zip(wakes, range(20), strict=False))


def test_an_event_is_a_hint_and_time_goes_by_without_one(tmp_path: Path) -> None:
    stop = Event()
    wakes = watch([str(tmp_path)], stop)
    assert until(wakes, wanted=False)
    (tmp_path / "a.yaml").write_text("new")
    assert until(wakes, wanted=True)
    stop.set()
    assert list(wakes) == []


def test_a_directory_that_was_replaced_is_watched_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop, root = Event(), tmp_path / "manifests"
    root.mkdir()
    wakes = watch([str(root)], stop)
    assert until(wakes, wanted=False)
    root.rename(tmp_path / "gone")
    assert until(wakes, wanted=True)
    assert until(wakes, wanted=False)
    root.mkdir()
    assert until(wakes, wanted=True)
    assert until(wakes, wanted=False)
    (root / "a.yaml").write_text("new")
    assert until(wakes, wanted=True)
    stop.set()
    assert list(wakes) == []
    assert caplog.records == []


def test_a_missing_path_is_tried_again_and_left_to_the_cycle_to_report(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop = Hasty()
    wakes = watch([str(tmp_path / "none")], stop)
    hints = [next(wakes) for _ in range(3 * limits.WATCH_RETRY_TICKS)]
    assert sum(hints) == len(hints) / limits.POLL_TICKS_WITHOUT_EVENTS
    stop.set()
    assert list(wakes) == []
    assert caplog.records == []


def test_i04_a_link_that_was_turned_is_followed_to_where_it_leads_now(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    link = tmp_path / "current"
    link.symlink_to("one")
    stop = Event()
    wakes = watch([str(link)], stop)
    assert until(wakes, wanted=False)
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").rename(link)
    assert until(wakes, wanted=True)
    assert until(wakes, wanted=False)
    (tmp_path / "two" / "a.yaml").write_text("new")
    assert until(wakes, wanted=True)
    stop.set()


def test_p16_without_a_file_descriptor_left_time_goes_by_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop = Hasty()
    # What is imported late needs descriptors, too; a watch that ends frees its own only later.
    other = watch([str(tmp_path)], stop)
    next(other)
    wakes = watch([str(tmp_path)], stop)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        assert [next(wakes) for _ in range(3)] == [True, False, False]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        stop.set()
    assert list(wakes) == list(other) == []
    assert len([item for item in caplog.records if "cannot watch files" in item.message]) == 1


def test_i31_where_changes_come_without_events_it_looks_more_often_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks = PollSchedule()
    looked = []
    for tick in range(1, 60):
        if looks.is_due(files_changed=False):
            looked.append(tick)
            looks.missed_event()
    slow = [limits.POLL_TICKS]
    first = limits.POLL_TICKS + limits.EVENT_GRACE_TICKS
    quick = [tick for tick in range(first, 60) if tick % limits.POLL_TICKS_WITHOUT_EVENTS == 0]
    assert looked == slow + quick
    assert len(caplog.records) == 1


def test_an_event_that_comes_a_little_late_is_no_missing_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks = PollSchedule()
    for tick in range(1, 60):
        hint = tick % limits.POLL_TICKS == limits.EVENT_GRACE_TICKS - 1
        if looks.is_due(hint) and not hint:
            looks.missed_event()
    assert caplog.records == []


def test_a_repository_is_looked_at_in_each_tick_until_the_stop() -> None:
    stop = Event()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            stop.set()

    assert list(ticks(stop, wait)) == [True, True]
    assert waits == [limits.TICK_SECONDS] * 3
