"""Writes the records of runs, and reads them back."""

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Failed, Report
from reconciler.core.run_record import (
    RunHead,
    RunRecord,
    finished_record,
    has_key,
    parse_head,
    parse_record,
    unfinished_record,
    write_record,
)
from reconciler.core.state.findings import without_numbers
from reconciler.history.history_file import HistoryFiles
from reconciler.known_secrets import redacted

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Author:
    """The facts that all runs of one process share."""

    command: str
    actor: str
    target: str
    owner: str


@dataclass(slots=True)
class Recorder:
    """Writes the runs of one process. A failure is a warning, once, and never an error."""

    files: HistoryFiles | None
    """None writes nothing."""
    author: Author
    now: Callable[[], float] = time.time
    """Returns the time, in seconds since 1970."""
    _has_failed: bool = False
    _findings: object = None
    _problem: str | None = None

    def start(self, started_at: float) -> "RecordedRun":
        """Return the record of a run that started at ``started_at``, in seconds since 1970."""
        return RecordedRun(self, started_at)

    def remember_problem(self, problem: str | None) -> bool:
        """Remember ``problem``, and return whether the run before did not have it."""
        # A rejected signature, for example, is described with the time of its request.
        mark = None if problem is None else without_numbers(problem)
        is_new, self._problem = mark != self._problem, mark
        return is_new and problem is not None

    def remember_findings(self, report: Report) -> bool:
        """Remember the findings of ``report``, and return whether they are new."""
        failed = [outcome for outcome in report.outcomes if isinstance(outcome, Failed)]
        failures = [(outcome.change.key, outcome.reason) for outcome in failed]
        withheld = [(item.key, item.reason) for item in report.plan.withheld]
        before, findings = self._findings, (withheld, report.plan.unlisted, failures)
        self._findings = findings
        return findings != before and any(findings)

    def write(self, record: RunRecord) -> None:
        """Append ``record``."""
        if self.files is None:
            return
        try:
            self.files.append(write_record(record, redacted))
        except OSError as error:
            if not self._has_failed:
                logger.warning(
                    "the history in %s cannot be written: %s; runs go on without it, or pass "
                    "another --history",
                    self.files.directory,
                    error.strerror or error,
                )
            self._has_failed = True
        else:
            self._has_failed = False


@dataclass(slots=True)
class RecordedRun:
    """One run of a command, or one cycle of a daemon."""

    recorder: Recorder
    started_at: float
    run: str = field(init=False)
    _written: RunRecord | None = None

    def __post_init__(self) -> None:
        """Choose the id of the run."""
        started = datetime.fromtimestamp(self.started_at, UTC)
        self.run = f"{started:%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"

    def record_start(self, plan: Plan) -> None:
        """Record the changes that will be made, so that a killed process leaves them as unknown."""
        if plan.changes or plan.renewals:
            self._write(unfinished_record(self._head(), plan))

    def record_end(self, report: Report, code: ExitCode, calls: Mapping[str, int]) -> None:
        """Record the end of a run that had something to write, or whose findings are new.

        Args:
            report: The changes of the run.
            code: The exit code of the run.
            calls: Number of API calls by operation.
        """
        plan = report.plan
        if self.recorder.remember_findings(report) or plan.changes or plan.renewals:
            self._write(finished_record(self._head(calls), report, code))

    def record_failure(
        self, problem: str | None, code: ExitCode, calls: Mapping[str, int] = {}
    ) -> None:
        """Record a problem of the whole run, unless the run before had it.

        The changes of the run, if it made some, stay in its record.

        Args:
            problem: Why the run failed as a whole; None if it did not.
            code: The exit code of the run.
            calls: Number of API calls by operation.
        """
        if self.recorder.remember_problem(problem):
            now = self._head(calls)
            record = self._written or RunRecord(now)
            head = replace(
                record.head,
                duration_seconds=now.duration_seconds,
                calls=now.calls,
                error=problem,
                exit_code=int(code),
            )
            self._write(replace(record, head=head))

    def _write(self, record: RunRecord) -> None:
        self._written = record
        self.recorder.write(record)

    def _head(self, calls: Mapping[str, int] | None = None) -> RunHead:
        """Return the head of the record; ``calls`` are None before the end of the run."""
        author = self.recorder.author
        duration = max(0.0, self.recorder.now() - self.started_at)
        return RunHead(
            run=self.run,
            started_at=self.started_at,
            duration_seconds=None if calls is None else duration,
            command=author.command,
            actor=author.actor,
            target=author.target,
            owner=author.owner,
            commit=None,
            dirty=False,
            fingerprint=None,
            exit_code=None,
            error=None,
            counts={},
            calls=dict(calls or {}),
        )


def list_runs(
    files: HistoryFiles, *, since: float = 0.0, keys: Sequence[str] = ()
) -> Iterator[RunHead]:
    """Yield the runs, the latest first.

    Args:
        files: The history.
        since: Runs that started before are left out, in seconds since 1970.
        keys: If not empty, only runs that changed a resource whose key matches one of them.

    Raises:
        OSError: The history cannot be read.
    """
    seen: set[str] = set()
    for line in files.lines():
        head = parse_head(line)
        if head is None or head.run in seen:
            continue
        seen.add(head.run)
        if head.started_at >= since and (not keys or has_key(line, keys)):
            yield head


def find_runs(files: HistoryFiles, run: str) -> list[RunRecord]:
    """Return the records of the runs whose ids start with ``run``.

    Raises:
        OSError: The history cannot be read.
    """
    found: dict[str, RunRecord] = {}
    for line in files.lines():
        head = parse_head(line)
        if head is None or head.run in found or not head.run.startswith(run):
            continue
        if record := parse_record(line):
            found[head.run] = record
    return list(found.values())
