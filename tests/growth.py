"""How the time that some work takes grows with the size of what it is given.

Times are CPU seconds of this process, the least of several runs, without the measuring of branches
and with the garbage collector as the command sets it. What takes less than ``FLOOR`` says more
about the clock than about the work.
"""

import gc
import sys
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from reconciler.__main__ import GC_THRESHOLD

T = TypeVar("T")

KIB = 1024
SIZES = (64 * KIB, 256 * KIB)
# 0.3 s on an idle machine; one that other work shares takes up to twice as long.
MAX_SECONDS = 0.6
FLOOR = 0.04
# Four times the size takes four times the time, and sixteen times if the work is quadratic.
MAX_GROWTH = 9.0
RUNS = 5


def repeated(unit: str, size: int) -> str:
    """Return ``unit`` again and again, ``size`` characters or a few less."""
    return unit * (size // len(unit))


def assert_linear(
    work: Callable[[T], object],
    given: Callable[[int], T],
    *,
    sizes: Sequence[int] = SIZES,
    max_seconds: float = MAX_SECONDS,
    floor: float = FLOOR,
) -> None:
    """Fail where ``work`` takes too long for what is ``given``, or grows faster than its size."""
    inputs = [given(size) for size in sizes]
    times = [0.0] * len(sizes)
    result = ""
    # The collector need not search the objects of other tests again and again.
    gc.freeze()
    thresholds = gc.get_threshold()
    gc.set_threshold(GC_THRESHOLD)
    try:
        for run in range(RUNS):
            for number, each in enumerate(inputs):
                took = seconds(work, each)
                times[number] = min(times[number], took) if run else took
                assert took < 10 * max_seconds, f"{sizes[number]} bytes took {took:.1f} s"
            result = _objection(times, max_seconds, floor)
            if not result:
                return
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
    raise AssertionError(result)


def seconds(work: Callable[[T], object], given: T) -> float:
    """Return the CPU seconds of one run, during which this thread's branches are not measured."""
    tracer = sys.gettrace()
    sys.settrace(None)
    try:
        begun = time.process_time()
        work(given)
        return time.process_time() - begun
    finally:
        sys.settrace(tracer)


def _objection(times: Sequence[float], max_seconds: float, floor: float) -> str:
    result = ", ".join(f"{each:.3f} s" for each in times)
    if times[-1] > max_seconds:
        return f"{result}: more than {max_seconds} s"
    if times[-1] > MAX_GROWTH * max(times[0], floor):
        return f"{result}: more than linear"
    return ""
