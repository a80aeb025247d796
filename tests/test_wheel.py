"""The wheel, installed as users install it in a clean environment, runs the tour of the README."""

import sys
from pathlib import Path

import pytest
from build_release import ROOT, build_wheel
from examples import check_examples
from manual import README
from programs import find_program, install_tool

WAYS = {
    "uv": ("install", "--python", sys.executable),
    "pipx": ("run", "pipx", "install", "--python", sys.executable),
}


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("way", WAYS)
def test_the_installed_wheel_runs_the_tour(
    way: str, here: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path_factory.mktemp("installed")
    wheel = build_wheel(ROOT, elsewhere / "dist")
    programs = install_tool(elsewhere, *WAYS[way], str(wheel))
    check_examples(README, here, programs, monkeypatch)
    assert find_program("reconciler") == str(programs / "reconciler")
