"""What a cache records for a target: one of its name in another region or account has its own."""

from dataclasses import replace

import pytest
from git_worlds import DAEMON, SINGLE, GitWorld, commit_of
from repository import git, publish

from reconciler.source.git_source import GitSource

pytestmark = pytest.mark.process

HERE, THERE = ("", "111111111111", "eu-west-1"), ("", "111111111111", "eu-central-1")


def opened(world: GitWorld, scope: tuple[str, ...] = ()) -> GitSource:
    """Return a source of a single run that has read the newest commit."""
    source = world.open(settings=SINGLE).with_scope(scope)
    source.read()
    return source


def record(source: GitSource) -> None:
    applied = source.applied_commit()
    assert applied is not None
    source.record_applied(replace(applied, may_rewind=True))


def held_at(world: GitWorld, scope: tuple[str, ...]) -> str:
    return commit_of(world.open(settings=DAEMON).with_scope(scope))


def test_each_region_has_its_own_applied_commit(world: GitWorld) -> None:
    world.commit(a="1")
    record(opened(world, HERE))
    assert opened(world, HERE).rewind_reason() is None
    reason = "the cache holds no commit that was applied to this target before"
    assert opened(world, THERE).rewind_reason() == reason
    # A force push that was allowed for one of them is not allowed for the other.
    record(opened(world, THERE))
    (world.files / "a.yaml").write_text("2")
    publish(world.files, world.repository, amend=True)
    record(opened(world, HERE))
    assert opened(world, HERE).rewind_reason() is None
    assert "does not descend from" in str(opened(world, THERE).rewind_reason())


def test_a_commit_recorded_by_an_earlier_version_belongs_to_the_first_that_records(
    world: GitWorld,
) -> None:
    world.commit(a="1")
    record(opened(world))
    # The branch moved on, so its record is compared, and then replaced.
    world.commit(a="2")
    source = opened(world, HERE)
    assert source.rewind_reason() is None
    record(source)
    assert opened(world, HERE).rewind_reason() is None
    assert "holds no commit" in str(opened(world, THERE).rewind_reason())


def test_a_commit_recorded_by_an_earlier_version_still_refuses_a_rewind(world: GitWorld) -> None:
    world.commit(a="1")
    record(opened(world))
    (world.files / "a.yaml").write_text("2")
    publish(world.files, world.repository, amend=True)
    source = opened(world, HERE)
    assert "does not descend from" in str(source.rewind_reason())
    # A run that may not rewind, such as one with pending deletes, changes nothing.
    applied = source.applied_commit()
    assert applied is not None
    source.record_applied(applied)
    assert "does not descend from" in str(opened(world, HERE).rewind_reason())


def test_each_region_is_held_by_its_own_pin_and_by_that_of_an_earlier_version(
    world: GitWorld,
) -> None:
    first = world.commit(a="1")
    old = opened(world)
    here = opened(world, HERE)
    second = world.commit(a="2")
    here.pin("jane", 0)
    assert (held_at(world, HERE), held_at(world, THERE)) == (first, second)
    old.pin("joe", 0)
    there = opened(world, THERE)
    there.pin("jim", 0)
    world.commit(a="3")
    assert (held_at(world, HERE), held_at(world, THERE)) == (first, second)
    # Whether the old pin was for this region is not known, so release ends it.
    there.release()
    here.release()
    assert (
        held_at(world, HERE) == held_at(world, THERE) == git(world.repository, "rev-parse", "main")
    )


def test_a_pin_of_an_earlier_version_holds_every_region(world: GitWorld) -> None:
    first = world.commit(a="1")
    opened(world).pin("jane", 0)
    world.commit(a="2")
    assert held_at(world, HERE) == held_at(world, THERE) == first
