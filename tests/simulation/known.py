"""Weaknesses that the schedules have shown and nobody has mended, each with its smallest case.

A row goes when its case passes: the test of the rows is strict.
"""

from collections.abc import Callable
from dataclasses import dataclass

from simulation.runs import Schedule


@dataclass(frozen=True)
class Weakness:
    """Which property breaks in ``smallest``, why, and which other schedules break it likewise."""

    properties: tuple[str, ...]
    smallest: Schedule
    why: str
    like: Callable[[Schedule], bool]


MANY = "many-updates"


def kinds(schedule: Schedule) -> set[str]:
    """Return the faults of a schedule."""
    return set(schedule.faults.values())


WEAKNESSES = (
    Weakness(
        ("converges", "comes-to-rest"),
        Schedule("create-delete-create", "dead-tokens-conflict", {}),
        "where the token of a mesh that is gone is refused, the chain of creates does not go on",
        lambda schedule: schedule.behaviour == "dead-tokens-conflict",
    ),
    Weakness(
        ("says-what-is-true",),
        Schedule("there-and-back", "tokens-36h", {5: "replaced-by-stranger"}),
        "an update that met another mesh of the name is not told by the uid of its answer",
        lambda schedule: bool(kinds(schedule) & {"replaced-by-stranger", "replaced-by-twin"}),
    ),
    Weakness(
        ("says-what-is-true",),
        Schedule("there-and-back", "tokens-36h", {2: "retagged-by-hand"}),
        "tags that moved since the plan are seen right before an update, and not compared",
        lambda schedule: schedule.scenario != MANY and "retagged-by-hand" in kinds(schedule),
    ),
    Weakness(
        ("says-what-is-true",),
        Schedule(MANY, "tags-in-pages", {2: "retagged-by-hand"}),
        "of many updates only the owners are compared, and not the tags, which the pages have too",
        lambda schedule: schedule.scenario == MANY and "retagged-by-hand" in kinds(schedule),
    ),
    Weakness(
        ("says-what-is-true",),
        Schedule("create-delete-create", "all-in-one-second", {13: "replaced-by-stranger"}),
        "a replayed create is taken for a stranger's of the same second, which lists cannot tell",
        lambda schedule: (
            schedule.behaviour == "all-in-one-second" and "replaced-by-stranger" in kinds(schedule)
        ),
    ),
    Weakness(
        ("stands-still-when-blind",),
        Schedule("deletes-over-budget", "tokens-36h", {1: "not-found"}),
        "a mesh that was listed and then not found leaves no gap, so it does not count as owned",
        lambda schedule: "not-found" in kinds(schedule),
    ),
    Weakness(
        ("comes-to-rest",),
        Schedule("drift-of-tags", "tags-in-pages-lag-long", {}),
        "an update is planned on tags from an index that lags, and the tags seen right before it "
        "are not compared",
        lambda schedule: schedule.behaviour == "tags-in-pages-lag-long",
    ),
)


def is_known(schedule: Schedule, violation: str) -> bool:
    """Whether a violation is one of the weaknesses above."""
    broken = violation.partition(":")[0]
    return any(broken in weakness.properties and weakness.like(schedule) for weakness in WEAKNESSES)
