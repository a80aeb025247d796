"""Results come in the order asked, and an error waits for what had begun."""

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
