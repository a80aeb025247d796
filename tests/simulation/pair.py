"""Two at work on one service: every order in which their calls can fall, one after the other.

Each works in a thread of its own and waits at every call for its turn, so only one runs at a time
and an order of turns can be repeated. Of two reads in a row, which nobody can tell from the same
two the other way round, only one order is tried.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from simulation.faults import Wire
from simulation.service import Service

Work = Callable[[Wire], object]


@dataclass
class Turns:
    """Whose turn it is: ``plan`` says so while it lasts, then the first who can goes on."""

    plan: Sequence[int]
    taken: list[int] = field(default_factory=list)
    choices: list[tuple[int, ...]] = field(default_factory=list)
    waiting: dict[int, bool] = field(default_factory=dict)
    last_reader: int = -1
    at_work: set[int] = field(default_factory=set)
    current: int | None = None
    changed: threading.Condition = field(default_factory=threading.Condition)

    def await_turn(self, number: int, *, reads: bool) -> None:
        """Wait until it is ``number``'s turn to make a call, which ``reads`` or writes."""
        with self.changed:
            self.waiting[number] = reads
            self.at_work.discard(number)
            self._choose()
            self.changed.wait_for(lambda: self.current == number)
            self.current = None
            del self.waiting[number]
            self.at_work.add(number)
            self.last_reader = number if reads else -1

    def leave(self, number: int) -> None:
        """Make no more calls."""
        with self.changed:
            self.at_work.discard(number)
            self._choose()

    def _choose(self) -> None:
        if self.at_work or not self.waiting:
            return
        everyone = sorted(self.waiting.items())
        able = tuple(
            number for number, reads in everyone if not (reads and number < self.last_reader)
        ) or tuple(self.waiting)
        step = len(self.taken)
        self.current = self.plan[step] if step < len(self.plan) else able[0]
        self.taken.append(self.current)
        self.choices.append(able)
        self.changed.notify_all()


@dataclass(slots=True)
class SharedWire(Wire):
    """One worker's way to a service that others use too."""

    turns: Turns = field(default_factory=lambda: Turns(()))
    number: int = 0

    def begin(self, *, reads: bool) -> int:
        self.turns.await_turn(self.number, reads=reads)
        return Wire.begin(self, reads=reads)  # slots and super() do not go together


def together(service: Service, works: Sequence[Work], plan: Sequence[int]) -> Turns:
    """Run all ``works`` on ``service`` in the order of ``plan``, and return the turns taken."""
    turns = Turns(plan, at_work=set(range(len(works))))
    problems: list[BaseException] = []

    def at_work(number: int, work: Work) -> None:
        try:
            work(SharedWire(service, {}, "a", turns=turns, number=number))
        except BaseException as error:  # noqa: BLE001  # it is raised where the test sees it
            problems.append(error)
        finally:
            turns.leave(number)

    threads = [threading.Thread(target=at_work, args=item) for item in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]
    return turns


def every_order(make: Callable[[], tuple[Service, Sequence[Work]]]) -> Iterator[Service]:
    """Yield the service after every order of calls; ``make`` returns a fresh one and its works."""
    plan: list[int] | None = []
    while plan is not None:
        service, works = make()
        turns = together(service, works, plan)
        yield service
        plan = _following(turns)


def _following(turns: Turns) -> list[int] | None:
    """Return the next order that was not tried, None where there is none."""
    for step in range(len(turns.taken) - 1, -1, -1):
        later = [number for number in turns.choices[step] if number > turns.taken[step]]
        if later:
            return [*turns.taken[:step], later[0]]
    return None
