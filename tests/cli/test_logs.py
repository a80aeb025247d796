"""What the log looks like to machines."""

import json
import logging

import pytest

from reconciler.cli.logs import start_logging


def test_e11_a_json_line_has_its_fields_and_steers_no_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    start_logging("info", "json")
    told = {"event": "cycle", "cycle": 43, "attempts": 2, "unknown": "left out"}
    logging.getLogger("reconciler.run").info("a\x9b\u202e\n\u00e9", extra=told)
    logging.basicConfig(handlers=[logging.NullHandler()], force=True)
    (line,) = capfd.readouterr().err.splitlines()
    assert line.isprintable()
    found = json.loads(line)
    assert found["message"] == "a\x9b\u202e\n\u00e9"
    assert (found["event"], found["cycle"], found["attempts"]) == ("cycle", 43, 2)
    assert "unknown" not in found
