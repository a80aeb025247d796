"""One writer at a time, whatever happens to it; time is an argument, threads are real."""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, Event, Thread, Timer, current_thread
from time import monotonic, sleep
from typing import TYPE_CHECKING

import pytest
from amounts import amount

from reconciler import limits
from reconciler.cli.logs import logging_target, recent_records
from reconciler.core.errors import LockError, LockHeldError
from reconciler.locks.lease import NO_HOLDER, Elector, LeaseRecord, keep_renewed

if TYPE_CHECKING:
    from locks.conftest import Open

TERM = 15.0
STEP = TERM / limits.RENEWALS_PER_TERM
NO_LEASES = (
    *("# readme", "[]", '{"who": 1}', "3", '{"holder": 1}', '{"number": "a"}'),
    *('{"renewals": true}', '{"term_seconds": "b"}', '{"term_seconds": null}'),
    *('{"term_seconds": 1e400}', '{"term_seconds": NaN}', '{"term_seconds": -1}'),
)


class Slate:
    """A store that can be out of reach and can lose an answer."""

    def __init__(self, open_place: "Open") -> None:
        self.open_place = open_place
        self.unreachable = False
        self.refusals = 0
        self.loses_answers = False
        self.clear()

    def clear(self) -> None:
        """Go to an empty place."""
        self.number = getattr(self, "number", 0) + 1
        self.store = self.open_place(self.number)

    @property
    def name(self) -> str:
        return self.store.name

    def read(self) -> str | None:
        if self.unreachable:
            self.refusals += 1
            raise LockError("the slate cannot be reached")
        return self.store.read()

    def compare_and_swap(self, before: str | None, after: str) -> bool:
        swapped = self.store.compare_and_swap(before, after)
        if swapped and self.loses_answers:
            raise LockError("no answer came")
        return swapped


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class Race:
    """Candidates for one slate, in one time."""

    slate: Slate
    time: Time = field(default_factory=Time)

    def candidate(self, holder: str) -> Elector:
        return Elector(self.slate, holder, TERM, self.time, lambda: 1_000 + self.time.now)


@pytest.fixture
def race(open_any_place: "Open") -> Race:
    return Race(Slate(open_any_place))


@pytest.mark.unmeasured
def test_the_first_one_leads_and_the_second_stands_by(race: Race) -> None:
    item, two = race.candidate("one"), race.candidate("two")
    for _ in range(20):
        item.renew_or_acquire()
        two.renew_or_acquire()
        assert (item.is_leader(), two.is_leader()) == (True, False)
        race.time.pass_by(STEP)


def test_nobody_leads_before_the_first_step(race: Race) -> None:
    item = race.candidate("one")
    assert not item.is_leader()
    assert item.lease().holder == NO_HOLDER


def test_p11_a_standby_takes_over_within_three_terms_and_never_before_the_lease_is_over(
    race: Race,
) -> None:
    item, two = race.candidate("one"), race.candidate("two")
    item.renew_or_acquire()
    for tick in range(3 * int(TERM) * 10):
        race.time.now = tick / 10
        if tick % int(STEP * 10) == 0:
            two.renew_or_acquire()
        assert not (item.is_leader() and two.is_leader())
    assert two.is_leader()


@pytest.mark.unmeasured
@pytest.mark.parametrize("offset", [0.0, 0.1, 1.0, 4.9])
def test_it_takes_less_than_two_terms_whenever_the_standby_looks(race: Race, offset: float) -> None:
    item, two = race.candidate("one"), race.candidate("two")
    item.renew_or_acquire()
    race.time.pass_by(offset)
    two.renew_or_acquire()
    while not two.is_leader():
        race.time.pass_by(STEP)
        two.renew_or_acquire()
    assert TERM <= race.time.now < 2 * TERM


def test_p10_one_that_was_paused_sees_that_its_lease_is_over_before_it_asks(race: Race) -> None:
    item, two = race.candidate("one"), race.candidate("two")
    item.renew_or_acquire()
    two.renew_or_acquire()
    race.time.pass_by(TERM)
    assert not item.is_leader()
    two.renew_or_acquire()
    assert two.is_leader()
    item.renew_or_acquire()
    assert not item.is_leader()
    assert item.lease().holder == "two"


def test_one_that_is_cut_off_leads_until_its_term_is_over_and_again_when_nobody_took_it(
    race: Race,
) -> None:
    item = race.candidate("one")
    item.renew_or_acquire()
    race.slate.unreachable = True
    race.time.pass_by(TERM - 0.1)
    with pytest.raises(LockError):
        item.renew_or_acquire()
    assert item.is_leader()
    race.time.pass_by(0.1)
    assert not item.is_leader()
    race.slate.unreachable = False
    item.renew_or_acquire()
    assert item.is_leader()


def test_a_lost_answer_to_a_renewal_is_found_out_at_the_next_step(race: Race) -> None:
    item = race.candidate("one")
    item.renew_or_acquire()
    race.slate.loses_answers = True
    with pytest.raises(LockError):
        item.renew_or_acquire()
    race.slate.loses_answers = False
    item.renew_or_acquire()
    assert item.is_leader()


def test_the_time_of_an_unbroken_lease_is_known(race: Race) -> None:
    item, two = race.candidate("one"), race.candidate("two")
    race.time.pass_by(1)
    item.renew_or_acquire()
    assert item.acquired_at == 1
    race.time.pass_by(TERM / 2)
    item.renew_or_acquire()
    assert item.acquired_at == 1, "renewed"
    race.time.pass_by(TERM)
    item.renew_or_acquire()
    assert item.acquired_at == 1 + TERM * 1.5, "a process that was paused cannot know of a break"
    item.release()
    two.renew_or_acquire()
    two.release()
    race.time.pass_by(1)
    item.renew_or_acquire()
    assert item.acquired_at == 2 + TERM * 1.5


def test_who_resigns_is_followed_at_once(race: Race) -> None:
    item, two = race.candidate("one"), race.candidate("two")
    item.renew_or_acquire()
    two.release()
    assert item.is_leader()
    item.release()
    assert not item.is_leader()
    two.renew_or_acquire()
    assert two.is_leader()
    assert two.lease().holder == "two"


def test_who_resigns_too_late_takes_nothing_away(race: Race) -> None:
    item, two = race.candidate("one"), race.candidate("two")
    item.renew_or_acquire()
    race.slate.clear()
    two.renew_or_acquire()
    item.release()
    assert two.is_leader()
    two.renew_or_acquire()
    assert two.is_leader()


def test_a_lease_is_shown_with_its_holder_and_its_end(race: Race) -> None:
    item, two = race.candidate("one"), race.candidate("two")
    item.renew_or_acquire()
    two.renew_or_acquire()
    race.time.pass_by(5)
    for lease in (item.lease(), two.lease()):
        assert (lease.holder, lease.term_seconds, lease.expires_at) == ("one", TERM, 1_000 + TERM)


def test_what_is_no_lease_is_refused_and_left_as_it_is(race: Race) -> None:
    for text in NO_LEASES:
        race.slate.clear()
        assert race.slate.compare_and_swap(None, text)
        with pytest.raises(LockError, match="does not contain a lease"):
            race.candidate("one").renew_or_acquire()
        assert race.slate.read() == text


def test_p18_who_contends_with_a_holder_that_lives_is_told_who_it_is(race: Race) -> None:
    item, two = race.candidate("one"), race.candidate("two")
    item.renew_or_acquire()

    def pause(seconds: float) -> None:
        race.time.pass_by(seconds)
        item.renew_or_acquire()

    with pytest.raises(LockHeldError, match=f"one holds {re.escape(race.slate.name)}"):
        two.acquire(pause)
    assert race.time.now <= TERM


def test_who_contends_with_a_holder_that_died_waits_for_a_term(race: Race) -> None:
    race.candidate("one").renew_or_acquire()
    two = race.candidate("two")
    two.acquire(race.time.pass_by)
    assert two.is_leader()
    assert race.time.now == pytest.approx(TERM)


def test_who_loses_a_race_while_contending_hears_of_the_winner(race: Race) -> None:
    two, three = race.candidate("two"), race.candidate("three")
    race.candidate("one").renew_or_acquire()
    three.renew_or_acquire()

    def pause(seconds: float) -> None:
        race.time.pass_by(seconds)
        three.renew_or_acquire()

    with pytest.raises(LockHeldError, match=f"three holds {re.escape(race.slate.name)}"):
        two.acquire(pause)


@pytest.mark.unmeasured
def test_p11_of_many_at_once_one_leads(race: Race) -> None:
    for _ in range(amount("races for a lease", test=3, full=50)):
        candidates = [race.candidate(str(number)) for number in range(8)]
        ready = Barrier(len(candidates))

        def step(elector: Elector, ready: Barrier = ready) -> bool:
            ready.wait()
            elector.renew_or_acquire()
            return elector.is_leader()

        with ThreadPoolExecutor(len(candidates)) as pool:
            assert sum(pool.map(step, candidates)) == 1
        race.slate.clear()


def test_a_keeper_steps_at_once_and_lets_go_at_the_end(race: Race) -> None:
    item, two = race.candidate("one"), race.candidate("two")
    with keep_renewed(item) as leads:
        assert leads()
    two.renew_or_acquire()
    assert two.is_leader()


def quick(slate: Slate, time: Time) -> Elector:
    return Elector(slate, "quick", 0.03, time, lambda: 0.0)


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = monotonic() + 20
    while not holds():
        assert monotonic() < deadline, "it never came true"
        sleep(0.005)


@pytest.mark.unmeasured
def test_a_keeper_renews_what_it_holds(race: Race) -> None:
    with keep_renewed(quick(race.slate, race.time)):
        wait_until(lambda: '"renewals": 3' in str(race.slate.read()))


def test_a_renewal_in_progress_does_not_take_a_released_lease(race: Race) -> None:
    gate, read = Event(), race.slate.read
    renewing: list[Thread] = []

    def read_late() -> str | None:
        if current_thread().name == "lease":
            renewing.append(current_thread())
            gate.wait(20)
        return read()

    race.slate.read = read_late  # type: ignore[method-assign]
    with keep_renewed(quick(race.slate, race.time)) as leads:
        assert leads()
        wait_until(lambda: bool(renewing))
        Timer(0.1, gate.set).start()
    renewing[0].join(20)
    assert LeaseRecord.parse(read()).holder == NO_HOLDER


def test_a_keeper_goes_on_when_the_store_is_back_and_complains_once(
    race: Race, caplog: pytest.LogCaptureFixture
) -> None:
    race.slate.unreachable = True
    with keep_renewed(quick(race.slate, race.time)) as leads:
        wait_until(lambda: race.slate.refusals >= 3)
        assert not leads()
        race.slate.unreachable = False
        wait_until(leads)
    assert len([item for item in caplog.records if "cannot be reached" in item.message]) == 1


def test_the_records_of_a_keeper_have_its_target(race: Race) -> None:
    with (
        recent_records() as recent,
        logging_target("prod"),
        keep_renewed(quick(race.slate, race.time)),
    ):
        # From here, only its thread renews.
        race.slate.unreachable = True
        wait_until(lambda: recent.documents("prod") != [])
    assert "cannot be reached" in recent.documents("prod")[0]["message"]


def test_p15_what_ends_the_thread_of_a_keeper_is_heard_in_the_loop(race: Race) -> None:
    with keep_renewed(quick(race.slate, race.time)) as leads:
        race.slate.read = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]

        def fails() -> bool:
            try:
                leads()
            except ZeroDivisionError:
                return True
            return False

        wait_until(fails)
        race.slate.unreachable = True
        del race.slate.read
