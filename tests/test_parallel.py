"""Results come in the order asked, and an error waits for what had begun."""

import os
import threading

import pytest

from reconciler import parallel


@pytest.mark.parametrize("workers", [1, 4])
def test_results_keep_the_order_asked(workers: int) -> None:
    assert parallel.run(lambda number: number * 2, range(50), workers=workers) == [
        number * 2 for number in range(50)
    ]


def test_nothing_to_do_is_nothing_done() -> None:
    assert parallel.run(str, [], workers=4) == []


def test_the_first_error_is_raised_after_the_calls_under_way_have_ended() -> None:
    ended: list[int] = []
    begun = threading.Event()

    def call(number: int) -> None:
        if number == 0:
            begun.wait(10)
            raise ValueError("the first")
        begun.set()
        ended.append(number)

    with pytest.raises(ValueError, match="the first"):
        parallel.run(call, range(3), workers=2)
    assert 1 in ended


def test_both_are_made_at_the_same_time() -> None:
    met = threading.Barrier(2, timeout=10)
    assert parallel.both(met.wait, lambda: f"{met.wait() >= 0}", workers=2)[1] == "True"


def test_with_one_worker_the_second_waits_for_the_first() -> None:
    result: list[str] = []
    parallel.both(lambda: result.append("first"), lambda: result.append("second"), workers=1)
    assert result == ["first", "second"]


def _cores_of_each(_: int) -> int:
    return len(os.sched_getaffinity(0))


def test_on_one_core_are_all_threads_that_begin_there_and_none_afterwards() -> None:
    before = os.sched_getaffinity(0)
    with parallel.on_one_core():
        assert parallel.run(_cores_of_each, range(8), workers=4) == [1] * 8
        assert os.sched_getaffinity(0) < before or len(before) == 1
    assert os.sched_getaffinity(0) == before


def test_where_no_core_can_be_chosen_the_work_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(process: int, cores: set[int]) -> None:
        raise PermissionError(1, f"{process} {cores}")

    before = os.sched_getaffinity(0)
    monkeypatch.setattr(os, "sched_setaffinity", forbidden)
    with parallel.on_one_core():
        assert parallel.run(_cores_of_each, range(2), workers=2) == [len(before)] * 2
    monkeypatch.delattr(os, "sched_getaffinity")
    with parallel.on_one_core():
        assert parallel.run(str, range(2), workers=2) == ["0", "1"]
