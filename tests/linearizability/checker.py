"""A linearizability checker: the search of Wing and Gong, with Lowe's memory of visited states.

A history is linearizable if its operations can be put into one order in which each has the answer
that it got, and in which an operation that returned before another one was called comes before it.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

Request = TypeVar("Request")
Answer = TypeVar("Answer")
State = TypeVar("State")


@dataclass(frozen=True)
class Operation(Generic[Request, Answer]):
    """One call of a client, with times of one monotonic clock.

    Without an answer, the outcome is unknown: it took effect at any time after the call, or never.
    """

    request: Request
    called: float
    returned: float = math.inf
    answer: Answer | None = None


Step = Callable[[State, Request, Answer | None], State | None]
"""Return the state after an operation, or None if it cannot have this answer in this state.

Without an answer, return the state after its effect, or None if it would have no effect.
"""


def is_linearizable(
    operations: Iterable[Operation[Request, Answer]],
    step: Step[State, Request, Answer],
    initial: State,
) -> bool:
    """Return whether an order explains all answers; states must be hashable."""
    history = sorted(operations, key=lambda each: each.called)
    answered = sum(1 << place for place, each in enumerate(history) if each.answer is not None)
    first = (0, initial)
    seen, waiting = {first}, [first]
    while waiting:
        done, state = waiting.pop()
        if done & answered == answered:
            return True
        left = [place for place in range(len(history)) if not done >> place & 1]
        # An operation that was called after another one returned cannot come before it.
        bound = min(history[place].returned for place in left)
        for place in reversed(left):
            each = history[place]
            if each.called > bound:
                continue
            after = step(state, each.request, each.answer)
            if after is not None and (done | 1 << place, after) not in seen:
                seen.add((done | 1 << place, after))
                waiting.append((done | 1 << place, after))
    return False


def shortest_violation(
    operations: Sequence[Operation[Request, Answer]],
    step: Step[State, Request, Answer],
    initial: State,
) -> list[Operation[Request, Answer]]:
    """Return the history up to the first answer that no order explains, or an empty list.

    Operations that had not returned by then are those with an unknown outcome.
    """
    if is_linearizable(operations, step, initial):
        return []
    for end in sorted(each.returned for each in operations if each.answer is not None):
        begun = [each for each in operations if each.called <= end]
        cut = [_open(each) if each.returned > end else each for each in begun]
        if not is_linearizable(cut, step, initial):
            return cut
    raise AssertionError("a history violates what none of its beginnings violates")


def _open(operation: Operation[Request, Answer]) -> Operation[Request, Answer]:
    return replace(operation, returned=math.inf, answer=None)
