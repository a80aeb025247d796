"""The history command: lists the runs of the history, or shows one."""

import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from reconciler.cli.command import Invocation
from reconciler.cli.fleet import print_fleet
from reconciler.cli.output import layout, print_complete_result
from reconciler.core.errors import ReconcilerError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.run_record import RunHead, RunRecord
from reconciler.history.history_file import HistoryFiles
from reconciler.history.recorder import find_runs, list_runs
from reconciler.render import history
from reconciler.render.fleet import Section
from reconciler.settings.options import HISTORY_DIRECTORY
from reconciler.wiring.history import NO_HISTORY, open_history

_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
_DURATION = re.compile(rf"(\d{{1,6}})({'|'.join(_UNITS)})")


def run(invocation: Invocation) -> int:
    """List the runs, or show the one whose id starts with RUN."""
    files = _open(invocation)
    as_json, terminal = invocation["format"] == "json", layout(invocation["color"])
    with _read_errors(files):
        if invocation.paths:
            record = _find_run(files, invocation)
            text = history.run_as_json(record) if as_json else history.run_as_text(record, terminal)
        else:
            text = _list_as_text(invocation, _list(files, invocation))
    print_complete_result(text)
    return ExitCode.OK


def run_many(invocation: Invocation) -> int:
    """List the runs of each target."""
    if invocation.paths:
        raise UsageError("history RUN shows one run: remove --target and --all-targets")
    files = _open(invocation)
    with _read_errors(files):
        runs = list(_list(files, invocation))
    sections = []
    for target in invocation.targets:
        found = [run for run in runs if run.target == target]
        output = _list_as_text(invocation, found)
        sections.append(Section(target, ExitCode.OK, history.summary(found), output))
    return print_fleet(invocation, sections)


def _open(invocation: Invocation) -> HistoryFiles:
    files = open_history(invocation["history"])
    if files is None:
        raise UsageError(f"--history {NO_HISTORY} has no records: pass the directory of a history")
    # Without a run, the default directory does not exist.
    if invocation["history"] != HISTORY_DIRECTORY and not files.directory.exists():
        raise UsageError(
            f"there is no history in {files.directory}: pass the --history of the recorded runs"
        )
    return files


@contextmanager
def _read_errors(files: HistoryFiles) -> Iterator[None]:
    """Raise ReconcilerError if the history cannot be read."""
    try:
        yield
    except OSError as error:
        raise ReconcilerError(
            f"reading the history in {files.directory}: {error.strerror or error}"
        ) from error


def _list(files: HistoryFiles, invocation: Invocation) -> Iterator[RunHead]:
    since = _parse_since(invocation["since"], time.time())
    target = None if invocation.targets else invocation["target"]
    for run in list_runs(files, since=since, keys=invocation["key"]):
        if target in (None, run.target):
            yield run


def _list_as_text(invocation: Invocation, runs: Iterable[RunHead]) -> str:
    if invocation["format"] == "json":
        return history.list_as_json(runs)
    return history.list_as_text(runs, layout(invocation["color"]))


def _find_run(files: HistoryFiles, invocation: Invocation) -> RunRecord:
    """Return the record of the run.

    Raises:
        UsageError: More than one RUN is given, or not exactly one run has such an id.
    """
    for name in ("key", "since", "target"):
        if name in invocation.options.flags:
            raise UsageError(f"history RUN shows one run: remove --{name}")
    if len(invocation.paths) > 1:
        raise UsageError("history shows one run at a time: pass one RUN")
    (run_id,) = invocation.paths
    if not run_id:
        raise UsageError("RUN is empty: pass the id of a run, or no RUN to list all")
    found = find_runs(files, run_id)
    if len(found) > 1:
        examples = " and ".join(record.head.run for record in found[:2])
        raise UsageError(
            f"{len(found)} runs start with {run_id}, such as {examples}: pass more characters"
        )
    if not found:
        raise UsageError(
            f"no run {run_id} in {files.directory}: run history without RUN to list the runs"
        )
    return found[0]


def _parse_since(text: str | None, now: float) -> float:
    """Return the time of --since, in seconds since 1970.

    Raises:
        UsageError: It is neither a duration nor a time.
    """
    if text is None:
        return 0.0
    if match := _DURATION.fullmatch(text):
        return now - int(match[1]) * _UNITS[match[2]]
    try:
        since = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f'invalid --since "{text}": use a duration such as 12h or 7d, or a time such as '
            "2026-11-30T08:00"
        ) from None
    return (since if since.tzinfo else since.replace(tzinfo=UTC)).timestamp()
