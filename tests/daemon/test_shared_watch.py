"""One watch of files for several loops."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from reconciler.daemon.shared_watch import SharedWatch


def next_change(wakes: Iterator[bool]) -> bool:
    """Return True as soon as a wake-up is for a change."""
    return next(wake for wake in wakes if wake)


def test_loops_with_the_same_paths_share_a_watch_and_all_see_each_change(tmp_path: Path) -> None:
    stop, threads = threading.Event(), dict[str, threading.Thread]()

    def start(name: str, work: Callable[[], None]) -> None:
        threads[name] = threading.Thread(target=work, name=name)
        threads[name].start()

    files = SharedWatch(stop, start)
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    loops = [files.wakes([str(tmp_path / name)]) for name in ("one", "one", "two")]
    try:
        # Changes before the start of a watch left no event.
        assert [next_change(loop) for loop in loops] == [True, True, True]
        assert set(threads) == {f"watch {tmp_path / name}" for name in ("one", "two")}
        assert next(wake for wake in loops[2] if not wake) is False
        (tmp_path / "one" / "a.yaml").write_text("a")
        assert next_change(loops[0])
        assert next_change(loops[1])
        loops[0].close()  # type: ignore[attr-defined]
        (tmp_path / "one" / "b.yaml").write_text("b")
        assert next_change(loops[1])
    finally:
        stop.set()
        for thread in threads.values():
            thread.join()
    assert list(loops[1]) == []
