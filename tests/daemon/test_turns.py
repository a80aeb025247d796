"""Turns: the bound, the order of waiting, one at a place, and waits that are given up."""

import threading
from collections.abc import Callable, Hashable

from daemons import eventually

from reconciler.daemon.turns import Turns


class Worker:
    """A thread that takes a turn at `place`, and keeps it until it is told to end."""

    def __init__(self, turns: Turns, place: Hashable, waits: Callable[[], bool]) -> None:
        self.started = threading.Event()
        self.was_taken: bool | None = None
        self._end = threading.Event()
        self._take = turns.take(place, waits)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        with self._take as self.was_taken:
            self.started.set()
            self._end.wait()

    def end(self) -> None:
        self._end.set()
        self._thread.join()


def on() -> Callable[[], bool]:
    return lambda: True


def test_no_more_than_the_bound_work_and_the_first_to_wait_is_the_next() -> None:
    turns = Turns(1)
    workers: list[Worker] = []
    for number in range(3):
        workers.append(Worker(turns, number, on()))
        eventually(lambda: turns.waiting == len(workers) - 1)
    for number, worker in enumerate(workers):
        worker.started.wait()
        assert [other.started.is_set() for other in workers[number + 1 :]] == [False] * (2 - number)
        worker.end()
    assert [worker.was_taken for worker in workers] == [True, True, True]


def test_a_busy_place_lets_others_pass() -> None:
    turns = Turns(2)
    first = Worker(turns, "a", on())
    first.started.wait()
    second = Worker(turns, "a", on())
    eventually(lambda: turns.waiting == 1)
    other = Worker(turns, "b", on())
    other.started.wait()
    assert not second.started.is_set()
    other.end()
    assert not second.started.is_set()
    first.end()
    second.started.wait()
    second.end()


def test_a_wait_that_is_given_up_takes_no_turn() -> None:
    turns = Turns(1)
    first = Worker(turns, "a", on())
    first.started.wait()
    with turns.take("b", lambda: False) as is_taken:
        assert not is_taken
    first.end()
    with turns.take("b", lambda: False) as is_taken:
        assert is_taken
