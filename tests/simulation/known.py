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


WEAKNESSES: tuple[Weakness, ...] = (
    Weakness(
        ("comes-to-rest",),
        Schedule("drift-of-tags", "tags-in-pages-lag-long", {}),
        "tags from an index that lags are planned on, and found stale, until it has caught up",
        lambda schedule: schedule.behaviour == "tags-in-pages-lag-long",
    ),
)


def is_known(schedule: Schedule, violation: str) -> bool:
    """Whether a violation is one of the weaknesses above."""
    broken = violation.partition(":")[0]
    return any(broken in weakness.properties and weakness.like(schedule) for weakness in WEAKNESSES)
