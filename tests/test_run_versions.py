"""make versions prints each supported Python with its result, and fails if one of them fails."""

import sys
import tomllib

import pytest
from run_versions import ROOT, TESTS, Run, run_all, runs, supported


def test_the_lowest_supported_python_is_the_one_that_installers_require() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["requires-python"] == f">={supported()[0]}"
    assert all((ROOT / path).exists() for path in TESTS)


@pytest.mark.process
def test_the_python_in_use_is_found_and_an_absent_one_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = "{}.{}".format(*sys.version_info)
    present, absent, *dependencies = runs([here, "3.99"])
    assert present.name.startswith(f"Python {here}.")
    assert present.python
    assert [run.name for run in dependencies] == ["Lowest dependencies", "Newest dependencies"]
    tested, *_ = runs([here], {here})
    assert (tested.python, tested.reason) == (None, "tested by make test")
    assert run_all([absent]) == 0
    assert capsys.readouterr().out == "Python 3.99: not on this machine\n"


@pytest.mark.process
def test_a_python_that_fails_fails_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    broken = Run("Python that fails", "/nowhere/python", (), ())
    assert run_all([broken, Run("Python 3.99", None, (), ())]) == 1
    _, failed, absent = capsys.readouterr().out.splitlines()
    assert failed.startswith("Python that fails: FAILED in ")
    assert absent == "Python 3.99: not on this machine"
