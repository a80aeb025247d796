"""Days of a daemon on ten meshes in virtual time; prints what happened as JSON."""

import gc
import json
import logging
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from amounts import amount
from builders import TARGET, desired, egress, mesh
from fake_cycle_target import FakeCycleTarget

from reconciler.core.errors import RejectedError, UnavailableError
from reconciler.core.resources import Key
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.daemon.cycle import CycleRunner
from reconciler.daemon.loop import Daemon, LoopInputs

DAY, HOUR, MINUTE = 86_400, 3_600, 60
DAYS = amount("days of a daemon in virtual time", test=4, full=30)
CYCLES = DAYS * DAY // MINUTE
WAKE_SECONDS = 6
NAMES = tuple(f"m{number}" for number in range(10))
DROP, ALLOW = egress("DROP_ALL"), egress("ALLOW_ALL")
# From 06:00 to 06:20 nobody answers; on the last three days, one mesh is over a quota.
OUTAGE = range(6 * HOUR, 6 * HOUR + 20 * MINUTE)
QUOTA_FROM = (DAYS - 3) * DAY


@dataclass
class Month:
    """What happens to ten meshes: a clock that somebody sets, outages, hands, edits, a quota."""

    means: FakeCycleTarget = field(default_factory=FakeCycleTarget)
    now: int = 0
    attempts: list[int] = field(default_factory=list)
    repaired_within: list[int] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    drifted_at: int | None = None
    edits: int = 0

    def meddle(self, operation: str, key: Key) -> None:
        if self.now % DAY in OUTAGE:
            raise UnavailableError("no answer")
        if operation == "create" and key == mesh("late"):
            # A refusal may be one that the service remembers, so it is asked for twice.
            if self.now not in self.attempts[-1:]:
                self.attempts.append(self.now)
            raise RejectedError("a quota is used up")
        if operation == "update" and self.drifted_at is not None:
            hidden = max(self.drifted_at, self.now // DAY * DAY + OUTAGE.stop)
            since = hidden if self.drifted_at % DAY in OUTAGE else self.drifted_at
            self.repaired_within.append(self.now - since)
            self.drifted_at = None

    def wakes(self) -> Iterator[bool]:
        while self.now < DAYS * DAY:
            self.now += WAKE_SECONDS
            hint = False
            if self.now % (6 * HOUR) == 9 * MINUTE:
                self.by_hand()
            if self.now % DAY == 12 * HOUR:
                hint = self.edit()
            if self.now % DAY == 0:
                # The service forgets tokens in a while, and so must its stand-in.
                self.means.target.answers.clear()
                gc.collect()
                self.blocks.append(sys.getallocatedblocks())
            yield hint

    def by_hand(self) -> None:
        key = mesh(NAMES[self.now // HOUR % len(NAMES)])
        live = self.means.target.resources[key]
        self.means.target.resources[key] = replace(live, spec={}, version=live.version + 1)
        self.drifted_at = self.now

    def edit(self) -> bool:
        self.edits += 1
        spec = DROP if self.edits % 2 else ALLOW
        late = (desired("late"),) if self.now >= QUOTA_FROM else ()
        self.means.desired = tuple(desired(name, spec) for name in NAMES) + late
        return True

    def wall(self) -> float:
        """Return what a clock shows that is set back and forth by a year, each day."""
        return 1.8e9 + self.now + (365 * DAY if self.now // DAY % 2 else 0)


def main() -> None:
    logging.disable()
    month = Month()
    month.edit()
    month.means.target.before = month.meddle
    daemon = Daemon(
        CycleRunner(month.means, lambda: float(month.now), month.wall),
        LoopInputs(
            fingerprint=lambda: str(month.edits),
            monotonic=lambda: float(month.now),
            now=month.wall,
            jitter=random.Random(8).random,  # noqa: S311  # a fixed course of chances
        ),
        DaemonStatus(TARGET, "o", "sync", started_at=0, interval_seconds=MINUTE),
    )
    daemon.run(month.wakes())
    late = next(item for item in daemon.status().resources if item.key == mesh("late"))
    happened = {
        "cycles": daemon.status().cycle,
        "calls": month.means.made,
        "edits": month.edits,
        "attempts": month.attempts,
        "repaired_within": month.repaired_within,
        "blocks": month.blocks,
        "late": [late.state, late.attempts],
        "seconds": time.process_time(),
    }
    sys.stdout.write(json.dumps(happened))


if __name__ == "__main__":
    main()
