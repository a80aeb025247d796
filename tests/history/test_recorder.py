"""Which runs a process records, and that no run fails because of its record."""

import logging
from pathlib import Path

import pytest
from builders import SYNC, desired, egress, plan, present

from reconciler import known_secrets
from reconciler.core.exit_codes import ExitCode
from reconciler.core.planning.plan import Plan
from reconciler.core.report import Applied, Failed, Report
from reconciler.history.history_file import HistoryFiles
from reconciler.history.recorder import Author, Recorder, find_runs, list_runs

AUTHOR = Author("run", "ann@host", "staging", "platform")
SMALL = plan(desired("a"), desired("b"))
FOREIGN = plan(desired("theirs"), present("theirs", egress("ALLOW_ALL"), owner="x"), guards=SYNC)
IN_SYNC = plan(desired("same"), present("same", applied=desired("same")))


@pytest.fixture
def files(tmp_path: Path) -> HistoryFiles:
    return HistoryFiles(tmp_path / "history")


@pytest.fixture
def recorder(files: HistoryFiles) -> Recorder:
    return Recorder(files, AUTHOR, now=lambda: 1_007.5)


def applied(made: Plan) -> Report:
    return Report(made, tuple(map(Applied, made.changes)))


def test_a_run_is_one_run_before_and_after_its_end(files: HistoryFiles, recorder: Recorder) -> None:
    run = recorder.start(1_000)
    run.record_start(SMALL)
    (head,) = list_runs(files)
    assert (head.exit_code, head.duration_seconds, head.counts) == (None, None, {"unknown": 2})
    run.record_end(applied(SMALL), ExitCode.OK, {"CreateMesh": 2})
    (head,) = list_runs(files)
    assert (head.run, head.exit_code, head.duration_seconds) == (run.run, 0, 7.5)
    assert (head.counts, head.calls) == ({"applied": 2}, {"CreateMesh": 2})
    assert (head.command, head.actor, head.target, head.owner) == (
        "run", "ann@host", SMALL.target.name, "platform",
    )  # fmt: skip


def test_a_run_without_changes_and_findings_is_not_recorded(
    files: HistoryFiles, recorder: Recorder
) -> None:
    run = recorder.start(1_000)
    run.record_start(IN_SYNC)
    run.record_end(applied(IN_SYNC), ExitCode.OK, {})
    run.record_failure(None, ExitCode.OK)
    assert list(list_runs(files)) == []


def test_a_finding_is_recorded_once_and_again_after_it_was_over(
    files: HistoryFiles, recorder: Recorder
) -> None:
    def cycle(made: Plan) -> int:
        recorder.start(1_000).record_end(applied(made), ExitCode.WITHHELD, {})
        return len(list(list_runs(files)))

    assert [cycle(it) for it in (FOREIGN, FOREIGN, IN_SYNC, FOREIGN)] == [1, 1, 1, 2]


def test_a_problem_is_recorded_once_beside_findings(
    files: HistoryFiles, recorder: Recorder
) -> None:
    def cycle(problem: str | None) -> int:
        run = recorder.start(1_000)
        run.record_end(applied(FOREIGN), ExitCode.WITHHELD, {})
        run.record_failure(problem, ExitCode.ERROR)
        return len(list(list_runs(files)))

    counts = [cycle(it) for it in ("down", "down", "denied", None, "denied")]
    # The finding and the problem of the first cycle are of one run.
    assert counts == [1, 1, 2, 2, 3]
    assert [it.error for it in list_runs(files)] == ["denied", "denied", "down"]


def test_a_problem_whose_times_differ_is_recorded_once(
    files: HistoryFiles, recorder: Recorder
) -> None:
    for second in range(3):
        problem = f"Signature expired: 20261130T08000{second}Z is now earlier than 20261130T081500Z"
        recorder.start(1_000).record_failure(problem, ExitCode.ERROR)
    assert len(list(list_runs(files))) == 1


def test_a_problem_hides_no_change_of_its_run(files: HistoryFiles, recorder: Recorder) -> None:
    run = recorder.start(1_000)
    run.record_start(SMALL)
    run.record_end(applied(SMALL), ExitCode.OK, {})
    run.record_failure("b.yaml is not valid", ExitCode.MANIFESTS, {"CreateMesh": 2})
    (record,) = find_runs(files, run.run)
    assert record.report is not None
    assert record.report.outcomes == applied(record.report.plan).outcomes
    head = record.head
    assert (head.counts, head.calls) == ({"applied": 2}, {"CreateMesh": 2})
    assert (head.error, head.exit_code) == ("b.yaml is not valid", ExitCode.MANIFESTS)
    assert [it.run for it in list_runs(files, keys=["mesh/a"])] == [run.run]


def test_a_failed_change_that_fails_again_is_recorded_with_each_try(
    files: HistoryFiles, recorder: Recorder
) -> None:
    for _ in range(2):
        report = Report(SMALL, tuple(Failed(it, "denied") for it in SMALL.changes))
        recorder.start(1_000).record_end(report, ExitCode.ERROR, {})
    assert len(list(list_runs(files))) == 2


def test_secrets_of_the_process_are_not_recorded(files: HistoryFiles, recorder: Recorder) -> None:
    known_secrets.remember("canary-of-a-record")
    recorder.start(1_000).record_failure("echoed canary-of-a-record", ExitCode.ERROR)
    (record,) = find_runs(files, "")
    assert record.head.error == "echoed [redacted]"


def test_a_history_that_cannot_be_written_is_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    recorder = Recorder(HistoryFiles(tmp_path / "file"), AUTHOR)
    for _ in range(3):
        run = recorder.start(1_000)
        run.record_start(SMALL)
        run.record_end(applied(SMALL), ExitCode.OK, {})
    (warning,) = [it.getMessage() for it in caplog.records if it.levelno == logging.WARNING]
    assert warning.startswith(f"the history in {tmp_path}/file cannot be written: ")


def test_without_a_history_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Recorder(None, AUTHOR).start(1_000).record_failure("down", ExitCode.ERROR)
    assert list(tmp_path.iterdir()) == []


def test_damaged_lines_hide_no_other_run(files: HistoryFiles, recorder: Recorder) -> None:
    recorder.start(1_000).record_failure("first", ExitCode.ERROR)
    files.append(b"\x00\x00\n")
    files.append(b'{"head":{}}\n')
    files.append(next(files.lines())[:-1] + b"\n")
    recorder.start(2_000).record_failure("second", ExitCode.ERROR)
    assert [it.error for it in list_runs(files)] == ["second", "first"]
    assert [it.head.error for it in find_runs(files, "1970")] == ["second", "first"]


def test_runs_are_selected_by_time_and_key(files: HistoryFiles, recorder: Recorder) -> None:
    for started, made in ((1_000, SMALL), (2_000, plan(desired("c")))):
        recorder.start(started).record_end(applied(made), ExitCode.OK, {})
    assert [it.started_at for it in list_runs(files, since=1_500)] == [2_000]
    assert [it.started_at for it in list_runs(files, keys=["mesh/b"])] == [1_000]
    assert [it.started_at for it in list_runs(files, keys=["mesh/?"])] == [2_000, 1_000]
