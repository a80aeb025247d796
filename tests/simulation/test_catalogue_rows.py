"""Rows of the failure catalogue that one kind of fault, or one behavior, stands for."""

from collections.abc import Iterator

import pytest
from builders import NOW, OWNER

from reconciler.core.report import Applied, Failed
from reconciler.core.resources import OWNER_TAG
from reconciler.engine import propose
from simulation.campaign import singles
from simulation.faults import READS, WRITES
from simulation.properties import violations
from simulation.runs import Run, Schedule, run
from simulation.scenarios import SCENARIOS
from simulation.service import STANDARD, US
from simulation.target import ModelTarget

pytestmark = pytest.mark.slow

TOLD = ["create-several", "there-and-back", "create-delete-create", "tags-and-spec", "all-at-once"]


def every(*kinds: str, behavior: str = STANDARD, names: list[str] = TOLD) -> Iterator[Run]:
    """Yield the runs with one fault of ``kinds``, each of which keeps every property."""
    for name in names:
        for running in singles(name, behavior, {*kinds}):
            assert violations(running) == []
            yield running


def effects(running: Run, *operations: str) -> int:
    return sum(
        effect.actor == US and effect.operation in operations for effect in running.service.effects
    )


def undisturbed(name: str, behavior: str = STANDARD) -> Run:
    return run(Schedule(name, behavior, {}))


def calls_throughout(name: str, kind: str) -> Run:
    """Run ``name`` with every call of its faulty cycles failing."""
    return run(Schedule(name, STANDARD, dict.fromkeys(range(40), kind)))


@pytest.mark.parametrize("kind", ["failed-after", "reply-lost"])
def test_a05_what_took_effect_without_an_answer_is_not_done_again(kind: str) -> None:
    for running in every(kind, names=["create-several", "there-and-back", "tags-and-spec"]):
        usual = undisturbed(running.schedule.scenario)
        assert effects(running, "create", "update") <= effects(usual, "create", "update")


def test_a07_a_request_that_comes_twice_has_one_effect() -> None:
    for running in every("twice"):
        usual = undisturbed(running.schedule.scenario)
        assert effects(running, "create", "update") == effects(usual, "create", "update")


@pytest.mark.parametrize("lateness", [1, 4, 9])
def test_a08_a_request_that_comes_again_late_has_no_effect(lateness: int) -> None:
    for running in every(f"again+{lateness}"):
        assert not any(
            effect.late and effect.operation in ("create", "update")
            for effect in running.service.effects
        )


def test_a16_throttled_throughout_it_asks_no_more_than_usual() -> None:
    running = calls_throughout("all-at-once", "throttled")
    assert len(running.wire.calls) <= 1.2 * len(undisturbed("all-at-once").wire.calls)
    assert effects(running, "delete") == 1


def test_a17_a31_p17_one_that_fails_leaves_the_others_alone() -> None:
    # A refusal may be one that the service remembers, so it is asked for twice.
    for faults in ({2: "throttled"}, {2: "refused", 3: "refused"}):
        running = run(Schedule("create-several", STANDARD, faults))
        report = running.cycles[0].report
        assert report is not None
        kinds = [type(outcome) for outcome in report.outcomes]
        assert kinds == [Applied, Failed, Applied, Applied]


def test_a24_lists_that_move_while_they_are_read_hide_nothing_for_long() -> None:
    assert len(list(every("deleted-by-hand", "replaced-by-twin", "retagged-by-hand"))) > 100


def test_a32_refused_throughout_it_writes_nothing() -> None:
    running = calls_throughout("all-at-once", "refused")
    faulty = running.wire.calls[: running.calls_with_faults]
    assert not any(call.operation in WRITES for call in faulty)
    assert violations(running) == []


def test_a43_p10_days_between_a_look_and_a_write_change_nothing_unseen() -> None:
    assert len(list(every("asleep-for-days", "edited-by-hand"))) > 50


def test_i23_a_renamed_mesh_is_created_before_the_old_one_goes() -> None:
    operations = [effect.operation for effect in undisturbed("renamed").service.effects]
    assert operations == ["create", "delete"]


def test_s07_what_lost_our_mark_is_a_strangers_from_then_on() -> None:
    running = run(Schedule("there-and-back", STANDARD, {0: "mark-lost"}))
    assert effects(running, "create", "update", "tag", "untag", "delete") == 0
    assert OWNER_TAG not in running.service.live["a"].tags


def test_s14_under_another_owner_everything_is_a_strangers() -> None:
    running = undisturbed("all-at-once")
    scenario = SCENARIOS["all-at-once"]
    plan = propose(
        ModelTarget(running.wire),
        scenario.wanted,
        owner="another",
        guards=scenario.restraint,
        now=NOW,
    )
    assert plan.changes == ()
    assert OWNER != "another"


def test_s18_a_plan_only_reads() -> None:
    for name, scenario in SCENARIOS.items():
        running = undisturbed(name, scenario.behaviors[0])
        for cycle in running.cycles:
            looks = running.wire.calls[cycle.first_call : cycle.planned_at]
            assert all(call.operation in READS for call in looks)


@pytest.mark.parametrize("behavior", ["tokens-0s", "tokens-60s", "tokens-8h", "tokens-ignored"])
def test_c01_c02_c03_c05_it_converges_whatever_is_remembered(behavior: str) -> None:
    assert len(list(every("reply-lost", behavior=behavior))) > 10


def test_c13_c14_a_cycle_ends_as_its_plan_or_says_what_did_not() -> None:
    for running in every("conflict", "not-found"):
        for cycle in running.cycles:
            assert cycle.plan is None or cycle.report is not None
