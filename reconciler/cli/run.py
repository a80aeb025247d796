"""The verb that keeps it so: the daemon."""

import logging
import time

from reconciler import daemon, engine
from reconciler.cli.logs import start_logging
from reconciler.cli.options import Invocation, make_command
from reconciler.cli.signals import Stop, stop_on_signals
from reconciler.cli.work import Work, insist, open_work
from reconciler.core.contests import Contests
from reconciler.core.errors import TargetError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.report import Applied, Outcome, Report, exit_code
from reconciler.core.resources import Desired
from reconciler.core.schedule import Schedule
from reconciler.render import diagnostics, text
from reconciler.source.snapshot import fingerprint
from reconciler.wiring.targets import DAEMON_UPDATES

logger = logging.getLogger("reconciler.run")


def run(invocation: Invocation) -> int:
    """Reconcile on change and on an interval, until SIGTERM or SIGINT.

    PATH is a file or a directory.
    """
    start_logging(invocation["log_level"] or "info", invocation["log_format"])
    if "-" in invocation.paths:
        raise UsageError("run watches files and directories; standard input is read once: apply -")
    with (
        stop_on_signals() as stop,
        open_work(invocation, max_updates=DAEMON_UPDATES) as work,
    ):
        place = text.place(work.target.id)
        logger.info("%s, owner %s, policy %s", place, work.choice.owner, work.choice.policy)
        cycles = Cycles(work, stop)
        if invocation["once"]:
            return cycles.once()
        daemon.run(
            cycles.survive,
            daemon.watch(work.paths, stop.wished),
            lambda: fingerprint(work.paths),
            Schedule(invocation["interval"]),
            time.monotonic,
        )
    return ExitCode.OK


class Cycles:
    """Cycle after cycle over one target.

    Between two it remembers the last good manifests, and what it repaired lately, nothing else.
    """

    def __init__(self, work: Work, stop: Stop) -> None:
        self._work = work
        self._stop = stop
        self._good: tuple[Desired, ...] | None = None
        self._contests = Contests()

    def once(self) -> ExitCode:
        """Run one cycle and return its exit code; errors go on as they are."""
        self._good = insist(self._work.read(), color=self._work.invocation["color"])
        report = self._cycle(self._good)
        self._work.refuse_idle_patterns(report.plan, self._good)
        return exit_code(report)

    def survive(self) -> None:
        """Run one cycle; what goes wrong is logged, and the next one tries again."""
        partial = self._read()
        if self._good is None:
            logger.error("no cycle: the manifests were never valid since the start")
            return
        try:
            self._cycle(self._good, partial)
        except TargetError as error:
            logger.error("cycle failed, nothing was changed: %s", error)  # noqa: TRY400

    def _read(self) -> str | None:
        """Take the manifests where they are valid; say why not all of them count otherwise."""
        try:
            loaded = self._work.read()
        except UsageError as error:
            logger.error("%s", error)  # noqa: TRY400
            return "the manifests are not there now"
        if loaded.valid:
            self._good = loaded.desired
            return None
        for complaint in loaded.diagnostics:
            code, told = complaint.code.number, diagnostics.sentence(complaint)
            logger.error("%s: %s[%s] %s", complaint.origin, complaint.severity, code, told)
        return "the manifests are not valid now"

    def _cycle(self, desired: tuple[Desired, ...], partial: str | None = None) -> Report:
        plan = self._contests.restrain(self._work.propose(desired, partial=partial))
        for change in plan.changes:
            logger.info("%s", text.render_intent(change), extra={"key": str(change.key)})
        for held in plan.withheld:
            logger.warning("%s left alone: %s", held.key, held.why, extra={"key": str(held.key)})
        conduct = engine.Conduct(
            workers=self._work.invocation["parallelism"],
            stopping=self._stop.wished.is_set,
            pause=self._stop.wished.wait,
            progress=_log,
        )
        report = engine.carry_out(plan, self._work.target, conduct)
        self._contests = self._contests.after(report)
        code = exit_code(report)
        logger.info(
            "cycle done: %d changes, exit code %d",
            len(report.outcomes),
            code,
            extra={"event": "cycle", "changes": len(report.outcomes), "exit_code": int(code)},
        )
        return report


def _log(outcome: Outcome) -> None:
    level = logging.INFO if isinstance(outcome, Applied) else logging.ERROR
    key = str(outcome.change.key)
    logger.log(level, text.render_outcome(outcome, color=False), extra={"key": key})


command = make_command("run", run)
