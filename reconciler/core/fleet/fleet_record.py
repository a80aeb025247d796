"""What daemons of one fleet share: their heartbeats, the state of targets, and the rollout."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from reconciler.core.fleet.rollout import Progress, Rollout, TargetReport

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class FleetRecord:
    """The record in the store of ``--members``.

    Attributes:
        beats: Number of heartbeats of each member. Clocks of machines are never compared: a member
            is alive while others see its number change.
        reports: The last report of each target.
        rollout: The rollout; None before the first revision.
        timekeeper: The member that measures the soak.
    """

    beats: Mapping[str, int] = field(default_factory=dict)
    reports: Mapping[str, TargetReport] = field(default_factory=dict)
    rollout: Rollout | None = None
    timekeeper: str = ""

    @classmethod
    def parse(cls, text: str | None) -> "FleetRecord":
        """Return the record in ``text``; None is an empty record.

        Raises:
            ValueError: ``text`` is not a record of this schema.
        """
        if text is None:
            return cls()
        try:
            return _parse(json.loads(text))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(text) from error

    def __str__(self) -> str:
        """Return the text to store."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, sort_keys=True)


def _parse(document: Any) -> FleetRecord:
    if document["schema"] != SCHEMA:
        raise ValueError(document["schema"])
    reports = {
        str(target): TargetReport(str(report["revision"]), Progress(report["progress"]))
        for target, report in document["reports"].items()
    }
    beats = {str(member): int(beats) for member, beats in document["beats"].items()}
    rollout = document["rollout"] and Rollout(
        **document["rollout"] | {"seen": tuple(document["rollout"]["seen"])}
    )
    return FleetRecord(beats, reports, rollout, str(document["timekeeper"]))
