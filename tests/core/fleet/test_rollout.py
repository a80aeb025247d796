"""A rollout goes from wave to wave, and stops where it must."""

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest
from amounts import amount

from reconciler import limits
from reconciler.core.fleet.rollout import Progress, Rollout, RolloutRules, TargetReport, start

WAVES = (("dev",), ("stage-1", "stage-2"), ("prod-1", "prod-2", "prod-3"))
RULES = RolloutRules(WAVES, 60.0, frozenset({Progress.FAILED, Progress.DRIFT}), 2)
NAMES = tuple(name for wave in WAVES for name in wave)


def reports(
    revision: str, *names: str, progress: Progress = Progress.IN_SYNC
) -> dict[str, TargetReport]:
    return {name: TargetReport(revision, progress) for name in names}


def taking(rollout: Rollout, known: Mapping[str, TargetReport]) -> set[str]:
    return {name for name in NAMES if rollout.may_take(RULES, known, name)}


def test_a_rollout_goes_through_its_waves() -> None:
    old = reports("a", *NAMES)
    rollout = start("b")
    assert taking(rollout, old) == {"dev"}

    in_first = old | reports("b", "dev")
    rollout = rollout.advance(RULES, in_first, 59)
    assert taking(rollout, in_first) == {"dev"}
    assert rollout.waits_for(RULES, in_first) == "waits for the soak (59 of 60 s)"

    rollout = rollout.advance(RULES, in_first, 1)
    assert taking(rollout, in_first) == {"dev", "stage-1", "stage-2"}

    in_second = in_first | reports("b", "stage-1", "stage-2")
    rollout = rollout.advance(RULES, in_second, 60)
    assert taking(rollout, in_second) == {*NAMES} - {"prod-3"}, "two are unavailable at once"

    partly = in_second | reports("b", "prod-1")
    assert taking(rollout, partly) == {*NAMES}
    rollout = rollout.advance(RULES, reports("b", *NAMES), 0)
    assert (rollout.wave, rollout.waits_for(RULES, {})) == (3, "")
    assert rollout.advance(RULES, reports("b", *NAMES, progress=Progress.DRIFT), 9) == rollout


@pytest.mark.parametrize("is_held", [False, True])
def test_the_soak_begins_again_after_a_target_left_sync(*, is_held: bool) -> None:
    known = reports("a", *NAMES) | reports("b", "dev")
    rollout = start("b").advance(RULES, known, 59)
    rollout = rollout.hold() if is_held else rollout
    assert rollout.advance(RULES, known, 0).soaked_seconds == 59
    left = known | reports("b", "dev", progress=Progress.CHANGING)
    rollout = rollout.advance(RULES, left, 0).advance(RULES, known, 0).resume()
    assert rollout.advance(RULES, known, 59).wave == 0
    assert rollout.advance(RULES, known, 60).wave == 1


def test_a_wave_that_an_edit_of_the_waves_moved_to_the_front_still_waits() -> None:
    rollout = start("b").advance(RULES, reports("b", "dev"), 60)
    merged = replace(RULES, waves=(("dev", "stage-1", "stage-2"), WAVES[2]))
    known = reports("a", *NAMES) | reports("b", "dev", "stage-1")
    assert not rollout.may_take(merged, known, "prod-1"), "stage-2 does not have it"
    assert rollout.may_take(merged, known, "stage-2")
    assert rollout.may_take(merged, known | reports("b", "stage-2"), "prod-1")


def test_targets_that_leave_sync_begin_the_soak_again() -> None:
    rollout = start("b").advance(RULES, reports("b", "dev"), 59)
    changing = reports("b", "dev", progress=Progress.CHANGING)

    rollout = rollout.advance(RULES, changing, 1)

    assert rollout.soaked_seconds == 0
    assert rollout.waits_for(RULES, changing) == "waits for dev to be in sync"
    assert rollout.waits_for(RULES, {}) == "waits for dev to be in sync"
    second = rollout.advance(RULES, reports("b", "dev"), 60)
    assert second.waits_for(RULES, {}) == "waits for dev and 2 more to be in sync"


def test_a_stop_lasts_until_it_is_resumed() -> None:
    failed = reports("b", "dev", progress=Progress.FAILED)
    stopped = start("b").advance(RULES, failed, 60)

    assert stopped.stopped_by == "dev (failed)"
    assert stopped.waits_for(RULES, failed).startswith("is stopped by dev (failed); ")
    assert stopped.advance(RULES, reports("b", "dev"), 60) == stopped
    assert taking(stopped, reports("a", *NAMES)) == set()
    assert taking(stopped, failed) == {"dev"}, "it is repaired towards what it has"
    assert stopped.resume().advance(RULES, reports("b", "dev"), 60).wave == 1
    assert stopped.resume().advance(RULES, failed, 60) == stopped


def test_what_does_not_stop_only_delays() -> None:
    withheld = reports("b", "dev", progress=Progress.WITHHELD)
    rollout = start("b").advance(RULES, withheld, 60)

    assert (rollout.stopped_by, rollout.wave) == ("", 0)


def test_the_state_of_an_earlier_revision_stops_nothing() -> None:
    rollout = start("b").advance(RULES, reports("a", "dev", progress=Progress.FAILED), 60)

    assert rollout.stopped_by == ""


def test_a_held_rollout_keeps_its_place() -> None:
    held = start("b").hold()

    assert held.advance(RULES, reports("b", "dev"), 60) == held
    assert taking(held, reports("a", *NAMES)) == set()
    assert held.waits_for(RULES, {}) == "is held; run reconciler rollout resume"
    assert held.follow("b", "c").is_held, "a new revision does not end it"
    assert held.resume() == start("b")


def test_a_new_revision_begins_at_the_first_wave() -> None:
    rollout = start("a").follow(None, "b").advance(RULES, reports("b", "dev"), 60)
    assert rollout.wave == 1

    after = rollout.follow("b", "c")

    assert (after.revision, after.wave, after.soaked_seconds) == ("c", 0, 0)


def test_a_daemon_that_fetches_late_brings_no_revision_back() -> None:
    rollout = start("a").follow("a", "b")

    assert rollout.follow(None, "a") == rollout
    assert rollout.follow("a", "b") == rollout
    assert rollout.follow("b", "a").revision == "a", "the branch was set back"


def test_the_number_of_kept_revisions_is_bounded() -> None:
    rollout = start("0")
    for number in range(1, 50):
        rollout = rollout.follow(rollout.revision, str(number))

    assert rollout.seen[-1] == "49"
    assert len(rollout.seen) == limits.MAX_SEEN_REVISIONS


@pytest.mark.parametrize("seed", range(amount("random rollouts", test=50, full=2_000)))
def test_no_wave_begins_before_the_ones_before_it_are_in_sync(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311  # repeatable, not secret
    known = reports("0", *NAMES)
    rollout, newest, synced = start("0"), 0, 0.0
    for _ in range(200):
        elapsed = draw.choice([0.0, 10.0, 40.0])
        before, rollout = rollout, rollout.advance(RULES, known, elapsed)
        begun = [name for wave in WAVES[: before.wave + 1] for name in wave]
        in_sync = all(
            known[name] == TargetReport(before.revision, Progress.IN_SYNC) for name in begun
        )
        synced = synced + elapsed if in_sync else 0.0
        if before.wave < rollout.wave < len(WAVES):
            assert in_sync
            assert synced >= RULES.soak_seconds
            synced = 0.0
        name = draw.choice(NAMES)
        match draw.randrange(10):
            case 0:
                newest += 1
                rollout, synced = rollout.follow(rollout.revision, str(newest)), 0.0
            case 1:
                rollout = draw.choice([rollout.hold, rollout.resume])()
            case 2:
                progress = draw.choice(list(Progress))
                known[name] = TargetReport(known[name].revision, progress)
            case _:
                if rollout.may_take(RULES, known, name):
                    is_new = known[name].revision != rollout.revision
                    assert not (is_new and (rollout.is_held or rollout.stopped_by)) or (
                        RULES.wave_of(name) < rollout.wave
                    )
                    known[name] = TargetReport(rollout.revision, Progress.IN_SYNC)


def test_a_single_run_takes_the_targets_of_a_wave_in_steps() -> None:
    assert RULES.steps == (
        (1, ("dev",)),
        (2, ("stage-1", "stage-2")),
        (3, ("prod-1", "prod-2")),
        (3, ("prod-3",)),
    )
    some = RULES.of({"prod-3", "prod-1", "stage-2"})
    assert some.steps == ((2, ("stage-2",)), (3, ("prod-1", "prod-3")))
