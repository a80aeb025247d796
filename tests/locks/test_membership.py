"""Members of a fleet see who is alive, on every store, without comparing clocks."""

import threading
from dataclasses import replace

import pytest
from clocks import Clock
from locks.conftest import MemoryStore, Open

from reconciler.core.errors import LockError
from reconciler.core.fleet.fleet_record import FleetRecord, Member
from reconciler.locks.lease import LeaseStore
from reconciler.locks.membership import Membership

TERM = 15.0


def keep(record: FleetRecord, _: float) -> FleetRecord:
    return record


def member(store: LeaseStore, name: str, clock: Clock) -> Membership:
    return Membership(store, name, TERM, clock)


def test_members_see_each_other_until_one_is_silent() -> None:
    store, first_clock, second_clock = MemoryStore(), Clock(0), Clock(1e9)
    first, second = member(store, "first", first_clock), member(store, "second", second_clock)
    first.beat(keep)
    second.beat(keep)
    first.beat(keep)
    assert first.alive == second.alive == {"first", "second"}

    first_clock.now += TERM
    first.beat(keep)

    assert first.alive == {"first"}
    assert first.record.members.keys() == {"first"}


def test_a_member_that_was_suspended_comes_back() -> None:
    store, clock = MemoryStore(), Clock(0)
    first, second = member(store, "first", clock), member(store, "second", clock)
    for _ in range(3):
        second.beat(keep)
        first.beat(keep)
        clock.now += TERM
        first.beat(keep)
        assert first.alive == {"first"}

    second.beat(keep)
    first.beat(keep)

    assert first.alive == {"first", "second"}


def test_a_member_that_leaves_is_gone_at_once() -> None:
    store, clock = MemoryStore(), Clock(0)
    first, second = member(store, "first", clock), member(store, "second", clock)
    second.beat(keep)
    first.beat(keep)

    second.leave()
    first.beat(keep)

    assert first.alive == {"first"}


def test_one_member_measures_the_soak_and_another_goes_on_after_its_end() -> None:
    store, clock = MemoryStore(), Clock(0)
    measured: dict[str, float] = {"first": 0.0, "second": 0.0}
    members = {name: member(store, name, clock) for name in measured}

    def beat(name: str) -> None:
        def measure(record: FleetRecord, seconds: float) -> FleetRecord:
            measured[name] += seconds
            return record

        members[name].beat(measure)

    for _ in range(4):
        beat("first")
        beat("second")
        clock.now += 5
    assert measured == {"first": 15, "second": 0}

    for _ in range(6):
        beat("second")
        clock.now += 5

    # Two terms at most are lost: one until the end is seen, and one until the next heartbeat.
    assert measured["second"] >= 10


def test_a_suspended_member_measures_one_term_at_most() -> None:
    clock = Clock(0)
    measured: list[float] = []
    alone = member(MemoryStore(), "alone", clock)
    alone.beat(keep)
    clock.now += 3600

    def measure(record: FleetRecord, seconds: float) -> FleetRecord:
        measured.append(seconds)
        return record

    alone.beat(measure)

    assert measured == [TERM]


def test_no_change_is_lost_between_members_that_write_at_once(open_place: Open) -> None:
    names = ["first", "second", "third"]
    members = [Membership(open_place(0), name, TERM, Clock(0)) for name in names]

    def write(one: Membership) -> None:
        for _ in range(3):
            one.beat(
                lambda record, _: replace(record, members={**record.members, one.name: Member(1)})
            )

    threads = [threading.Thread(target=write, args=(one,)) for one in members]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    members[0].beat(keep)
    assert members[0].record.members.keys() == set(names)


def test_a_store_of_something_else_is_named() -> None:
    store = MemoryStore('{"holder": "someone"}')

    with pytest.raises(LockError, match="the slate does not contain the members of a fleet"):
        member(store, "first", Clock(0)).beat(keep)


def test_a_store_that_always_changes_is_an_error() -> None:
    contended = MemoryStore()
    contended.compare_and_swap = lambda *_: False  # type: ignore[method-assign]  # others win

    with pytest.raises(LockError, match="too many processes at once"):
        member(contended, "first", Clock(0)).beat(keep)
    with pytest.raises(LockError, match="too many processes at once"):
        member(contended, "first", Clock(0)).leave()
