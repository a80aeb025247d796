"""A log that nobody reads, or that nothing takes in, stops nothing."""

import fcntl
import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from reconciler import limits, parallel
from reconciler.cli.logs import (
    JsonFormatter,
    NonBlockingHandler,
    TextFormatter,
    logging_target,
    recent_records,
    start_logging,
)
from reconciler.known_secrets import remember

SMALLEST_PIPE = 4096


def record(message: str) -> logging.LogRecord:
    return logging.makeLogRecord({"msg": message, "levelname": "INFO", "levelno": logging.INFO})


@pytest.fixture
def pipe() -> Iterator[tuple[int, NonBlockingHandler]]:
    """Return the end to read from, and a handler that writes to the other one."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    with os.fdopen(writing, "w") as stream:
        handler = NonBlockingHandler(stream)
        handler.setFormatter(JsonFormatter())
        yield reading, handler
    os.close(reading)


def test_p20_a_pipe_that_nobody_reads_loses_records_and_says_how_many(
    pipe: tuple[int, NonBlockingHandler],
) -> None:
    reading, handler = pipe
    for _ in range(200):
        handler.emit(record("x" * 100))
    lost = handler.lost
    assert 0 < lost < 200
    before = os.read(reading, 1 << 16)
    assert len(before.splitlines()) == 200 - lost
    handler.emit(record("again"))
    result = [json.loads(line)["message"] for line in os.read(reading, 1 << 16).splitlines()]
    assert result == [f"{lost} log records could not be written", "again"]
    assert handler.lost == 0


def test_records_of_threads_have_the_target_of_their_caller() -> None:
    def call(number: int) -> None:
        logging.getLogger("reconciler.test").warning("call %d", number)

    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    with recent_records() as recent:
        with logging_target("prod"):
            parallel.run(call, range(4), workers=2)
        parallel.run(call, range(4), workers=2)
        assert sorted(item["message"] for item in recent.documents("prod")) == [
            f"call {number}" for number in range(4)
        ]
        assert len(recent.documents()) == 4


def test_p20_a_full_disk_and_a_closed_pipe_stop_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed, Path("/dev/full").open("w") as full:
        for stream in (closed, full):
            handler = NonBlockingHandler(stream)
            handler.setFormatter(TextFormatter())
            handler.emit(record("to nobody"))
            assert handler.lost == 1


def test_a_record_that_is_longer_than_a_pipe_takes_at_once_is_written_whole(tmp_path: Path) -> None:
    with (tmp_path / "log").open("w") as stream:
        handler = NonBlockingHandler(stream)
        handler.setFormatter(TextFormatter("%(message)s"))
        handler.emit(record("x" * 10_000))
    assert (tmp_path / "log").read_text() == "x" * 10_000 + "\n"


def test_e11_a_json_line_has_its_fields_and_steers_no_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    start_logging("info", "json")
    result = {"event": "cycle", "cycle": 43, "attempts": 2, "unknown": "left out"}
    logging.getLogger("reconciler.run").info("a\x9b\u202e\n\u00e9", extra=result)
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.isprintable()
    found = json.loads(line)
    assert found["message"] == "a\x9b\u202e\n\u00e9"
    assert (found["event"], found["cycle"], found["attempts"]) == ("cycle", 43, 2)
    assert "unknown" not in found


@pytest.mark.parametrize("style", ["text", "json"])
def test_e01_e02_no_record_and_no_trace_holds_a_secret(
    style: str, capfd: pytest.CaptureFixture[str]
) -> None:
    start_logging("debug", style)
    answer = {"Error": {"Code": "X", "Message": f"x-amz-security-token:{'canary/' * 9}"}}
    error = RuntimeError("https://me:canary@127.0.0.1")
    error.__cause__ = ClientError(answer, "CreateMesh")
    logging.getLogger("botocore.x").warning("a Bearer canary-canary", exc_info=error)
    large = ValueError("words " * 100_000)
    logging.getLogger("botocore.x").warning("large", exc_info=large)
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    result, large_one = capfd.readouterr().err.split("large")[:2]
    assert "canary" not in result
    assert "127.0.0.1" in result
    assert "RuntimeError: https://[redacted]@127.0.0.1" in result
    assert len(large_one) < 70_000


@pytest.mark.parametrize(("level", "told"), [(None, False), ("info", False), ("debug", True)])
def test_warnings_of_the_sdk_and_their_traces_are_for_debugging(
    level: str | None, told: bool
) -> None:
    start_logging(level)
    for name in ("botocore.credentials", "urllib3.connection"):
        assert logging.getLogger(name).isEnabledFor(logging.WARNING) is told
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)


def test_the_last_records_are_kept_without_secrets() -> None:
    # Another test may have left a handler with a closed stream.
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    remember("a-secret-of-this-test")
    program = logging.getLogger("reconciler.run")
    program.setLevel(logging.INFO)
    with recent_records() as recent:
        for number in range(limits.MAX_RECENT_RECORDS + 1):
            program.info("cycle %d", number)
        program.warning("it is a-secret-of-this-test", extra={"key": "mesh/a"})
    program.warning("later")
    found = recent.documents()
    assert len(found) == limits.MAX_RECENT_RECORDS
    assert found[0]["message"] == "cycle 2"
    assert (
        found[-1].items()
        >= {"level": "warning", "message": "it is [redacted]", "key": "mesh/a"}.items()
    )
    assert found[-1]["at"] == pytest.approx(time.time(), abs=60)


def test_records_of_a_target_of_many_name_it(capfd: pytest.CaptureFixture[str]) -> None:
    program = logging.getLogger("reconciler.run")
    with recent_records() as recent:
        for style in ("text", "json"):
            start_logging("info", style)
            with logging_target("shop"):
                program.info("cycle done")
            program.info("alone")
    text, _, as_json, alone = capfd.readouterr().err.splitlines()
    assert text.endswith("INFO shop: cycle done")
    assert json.loads(as_json)["target"] == "shop"
    assert "target" not in json.loads(alone)
    assert [it["message"] for it in recent.documents("shop")] == ["cycle done"] * 2
    assert [it["message"] for it in recent.documents()] == ["alone"] * 2
