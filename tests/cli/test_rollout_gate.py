"""A target takes a revision when its wave may, and keeps the one before until then."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from locks.conftest import MemoryStore

from reconciler.cli.rollout_gate import RolloutGate
from reconciler.core.errors import RepositoryError, RolloutWaitError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.fleet.fleet_record import FleetRecord
from reconciler.core.fleet.rollout import Progress, RolloutRules, TargetReport, start
from reconciler.core.resources import TargetId
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.daemon.fleet_rollout import FleetRollout
from reconciler.locks.lease import Elector
from reconciler.manifest.loading import LoadResult, load_manifests

RULES = RolloutRules((("dev",), ("prod",)), 0.0, frozenset(), 9)
INVALID = load_manifests([("a.yaml", b"kind: Mesh\n")])
STATUS = DaemonStatus(TargetId("prod", "u", None, "r"), "o", "sync", 0.0, 60.0)


@dataclass
class History:
    """A source with the commits of a repository; without any, it is files on disk."""

    newest: LoadResult
    commits: dict[str, LoadResult | Exception] = field(default_factory=dict)
    is_held: bool = False
    age_seconds: float = 0.0

    def at(self, commit: str) -> "History | None":
        if not self.commits:
            return None
        found = self.commits[commit]
        return History(found) if isinstance(found, LoadResult) else Broken(INVALID, error=found)

    def read(self) -> LoadResult:
        return self.newest


@dataclass
class Broken(History):
    """A commit that cannot be read."""

    error: Exception = field(default_factory=Exception)

    def read(self) -> LoadResult:
        raise self.error


@dataclass(frozen=True)
class Context:
    """The part of a run that a gate uses."""

    source: Any

    def read(self, _: Callable[[], None]) -> LoadResult:
        loaded: LoadResult = self.source.read()
        return loaded


def revision(name: str) -> LoadResult:
    return LoadResult((), (), {}, content_id=name)


A, B = revision("a"), revision("b")


class World:
    """A gate of the second wave, and the record that its daemon shares."""

    def __init__(self, source: History, *, taken: str | None = None) -> None:
        self.rollout = FleetRollout(RULES, "me", lambda: 0.0)
        self.gate = RolloutGate(self.rollout, "prod")
        self.context: Any = Context(source)
        reports = {} if taken is None else {"prod": TargetReport(taken, Progress.IN_SYNC)}
        self.record = FleetRecord(reports=reports, rollout=start("b").hold())
        self.beat()

    def beat(self) -> None:
        self.record = self.rollout.change(self.record, 0.0)
        self.rollout.observe(self.record)

    def open(self) -> None:
        self.rollout.report("dev", TargetReport("b", Progress.IN_SYNC))
        self.record = FleetRecord(rollout=start("b"), reports=self.record.reports)
        self.beat()

    def take(self) -> None:
        """Let a heartbeat store that the target takes the newest revision."""
        assert not self.gate.request_newest(), "it is asked for"
        self.beat()
        assert self.gate.request_newest()

    def read(self) -> tuple[Any, LoadResult]:
        return self.gate.read(self.context, lambda: None)


def test_a_target_takes_the_newest_revision_when_its_wave_begins() -> None:
    world = World(History(B))
    assert not world.gate.request_newest()
    assert world.gate.waits_for() is None
    with pytest.raises(RolloutWaitError, match="because it has no earlier revision"):
        world.read()
    assert world.gate.waits_for() == "wave 2 is held; run reconciler rollout resume"
    assert not world.gate.request_newest()
    world.gate.report(STATUS, None)
    world.open()
    assert "prod" not in world.record.reports, "it has no revision to tell of"
    with pytest.raises(RolloutWaitError, match="because it has no earlier revision"):
        world.read()
    world.take()
    assert world.record.reports["prod"] == TargetReport("b", Progress.CHANGING), "before it writes"
    assert world.read() == (world.context, B)
    assert not world.gate.request_newest()
    assert world.gate.waits_for() is None
    world.gate.report(replace(STATUS, exit_code=ExitCode.OK), None)
    world.beat()
    assert world.record.reports["prod"] == TargetReport("b", Progress.IN_SYNC)


def test_files_of_this_process_are_kept_until_then() -> None:
    source = History(B)
    world = World(source)
    world.open()
    with pytest.raises(RolloutWaitError):
        world.read()
    world.take()
    source.newest = revision("c")
    assert world.read() == (world.context, B), "it was read before the files changed"
    source.newest = revision("d")
    assert world.read() == (world.context, B)


def test_a_target_whose_take_is_not_stored_keeps_what_it_has() -> None:
    source = History(B, {"a": A, "b": B})
    world = World(source, taken="a")
    world.open()
    assert world.read()[1] == A
    assert not world.gate.request_newest()
    world.rollout.change(world.record, 0.0)
    assert not world.gate.request_newest(), "no heartbeat could store it"
    assert world.read()[1] == A
    world.record = replace(world.record, rollout=start("b").hold())
    world.beat()
    assert not world.gate.request_newest(), "it was held first"
    assert world.read()[1] == A


def test_the_end_of_a_cycle_does_not_undo_a_take() -> None:
    world = World(History(B, {"a": A, "b": B}), taken="a")
    world.open()
    assert world.read()[1] == A
    world.gate.request_newest()
    world.gate.report(STATUS, None)
    world.beat()
    world.gate.report(STATUS, None)
    world.beat()
    assert world.record.reports["prod"] == TargetReport("b", Progress.CHANGING)
    assert world.read()[1] == B


def test_a_lease_that_another_process_had_needs_the_record_again() -> None:
    now, store = [0.0], MemoryStore()
    mine, other = (Elector(store, it, 4.0, lambda: now[0], lambda: 0.0) for it in ("me", "other"))
    rollout = FleetRollout(RULES, "me", lambda: now[0])
    gate = RolloutGate(rollout, "prod")

    def beat() -> None:
        now[0] += 1
        rollout.observe(rollout.change(FleetRecord(rollout=start("b")), 0.0))

    mine.renew_or_acquire()
    assert not gate.is_known_since(mine.acquired_at), "nothing is known yet"
    beat()
    assert gate.is_known_since(mine.acquired_at)
    sent = rollout.change(FleetRecord(rollout=start("b")), 0.0)
    now[0] += 5
    other.renew_or_acquire()
    now[0] += 5
    other.renew_or_acquire()
    other.release()
    mine.renew_or_acquire()
    assert mine.is_leader()
    assert not gate.is_known_since(mine.acquired_at), "the other one may have changed the target"
    rollout.observe(sent)
    assert not gate.is_known_since(mine.acquired_at), "this heartbeat began before"
    beat()
    assert gate.is_known_since(mine.acquired_at)


@pytest.mark.parametrize("taken", ["a", None])
def test_a_target_whose_earlier_files_are_not_there_is_waiting(taken: str | None) -> None:
    world = World(History(B), taken=taken)
    reason = "its earlier files are not available" if taken else "it has no earlier revision"
    with pytest.raises(RolloutWaitError, match=f"because {reason}"):
        world.read()
    world.gate.report(STATUS, None)
    world.beat()
    waiting = {} if taken is None else {"prod": TargetReport(taken, Progress.WAITING)}
    assert world.record.reports == waiting, "it is not compared with anything"
    world.open()
    world.take()
    assert world.read()[1] == B
    world.gate.report(STATUS, None)
    world.beat()
    assert world.record.reports["prod"] == TargetReport("b", Progress.CHANGING)


def test_after_a_restart_a_target_goes_on_with_the_revision_that_it_has_in_part(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    world = World(History(B), taken="b")
    assert world.read() == (world.context, B), "although the rollout is held"
    assert caplog.messages == ["the rollout of b is held"], "it takes nothing new"


def test_an_earlier_commit_is_read_again_once() -> None:
    source = History(B, {"a": A})
    world = World(source, taken="a")
    context, kept = world.read()
    assert (context.source, kept.content_id) == (History(A), "a")
    again, _ = world.read()
    assert again.source is context.source
    assert world.gate.waits_for() is not None


def test_a_revision_that_another_process_gave_the_target_in_between_is_kept() -> None:
    world = World(History(revision("c"), {"a": A, "b": B}), taken="a")
    assert world.read()[1] == A
    reports = {"prod": TargetReport("b", Progress.IN_SYNC)}
    world.record = FleetRecord(reports=reports, rollout=start("c"))
    world.beat()
    assert world.read()[1] == B, "the earlier one would undo its writes"


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (UsageError("no such commit"), "because a cannot be read: no such commit"),
        (RepositoryError("no repository"), "because a cannot be read: no repository"),
        (INVALID, "because a is not valid any more"),
    ],
)
def test_a_commit_that_cannot_be_used_any_more_is_waited_for(
    found: LoadResult | Exception, message: str
) -> None:
    world = World(History(B, {"a": found}), taken="a")
    with pytest.raises(RolloutWaitError, match=message):
        world.read()


def test_manifests_that_are_not_valid_begin_no_rollout() -> None:
    world = World(History(INVALID))
    assert world.read() == (world.context, INVALID)
    assert world.gate.waits_for() is None


def test_a_target_that_a_person_holds_is_not_part_of_it() -> None:
    world = World(History(A, is_held=True))
    assert world.read() == (world.context, A)
    assert world.gate.waits_for() is None
    world.beat()
    assert world.record.rollout == start("b").hold(), "it begins no rollout"
