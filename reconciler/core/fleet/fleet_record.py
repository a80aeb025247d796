"""The record that daemons of a fleet share: heartbeats, reports of targets, and the rollout."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from reconciler import limits
from reconciler.core.fleet.rollout import Progress, Rollout, TargetReport

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class Member:
    """A daemon of the fleet.

    Attributes:
        beats: Number of its heartbeats. Clocks of machines are never compared: a member is alive
            while others see this number change.
        since: When it joined, in seconds since 1970, for people.
        fleet: Digest of the names of all targets that it may take. Members whose settings have
            other targets, as in the middle of a change, divide their own targets.
        targets: The targets whose lease it holds.
        rollout: The summary of its rules of rollouts; empty without the table [rollout].
    """

    beats: int = 0
    since: float = 0.0
    fleet: str = ""
    targets: tuple[str, ...] = ()
    rollout: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FleetRecord:
    """The record in the store of ``--members``.

    Attributes:
        members: The members by their names.
        reports: The last report of each target.
        rollout: The rollout; None before the first revision.
        timekeeper: The member that measures the soak.
        beats: Number of heartbeats of all members. If a member knows more, the store has lost some.
    """

    members: Mapping[str, Member] = field(default_factory=dict)
    reports: Mapping[str, TargetReport] = field(default_factory=dict)
    rollout: Rollout | None = None
    timekeeper: str = ""
    beats: int = 0

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
        except (TypeError, KeyError, AttributeError, ArithmeticError, RecursionError) as error:
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
    members = {str(name): _parse_member(member) for name, member in document["members"].items()}
    rollout = document["rollout"] and _parse_rollout(**document["rollout"])
    timekeeper, beats = str(document["timekeeper"]), int(document.get("beats", 0))
    return FleetRecord(members, reports, rollout, timekeeper, beats)


def _parse_rollout(**document: Any) -> Rollout:
    rollout = Rollout(**document | {"seen": tuple(map(str, document["seen"]))})
    wave, soaked = int(rollout.wave), float(rollout.soaked_seconds)
    if wave < 0 or not 0 <= soaked < math.inf:
        raise ValueError(document)
    return replace(rollout, revision=str(rollout.revision), wave=wave, soaked_seconds=soaked)


def _parse_member(document: Any) -> Member:
    targets = tuple(map(str, document["targets"]))
    beats, since = int(document["beats"]), float(document["since"])
    if not 0 <= since < limits.END_OF_TIME:
        raise ValueError(since)
    rollout = {str(name): str(value) for name, value in document.get("rollout", {}).items()}
    return Member(beats, since, str(document["fleet"]), targets, rollout)
