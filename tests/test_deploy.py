"""What is shipped for deployment names files, verbs and options that exist."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from reconciler.cli.main import VERBS
from reconciler.settings.knobs import KNOBS

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
_COMMAND = re.compile(r"(?:bin/|run: )reconciler (\w+)([^\n]*)")


@pytest.mark.parametrize("name", ["mesh-reconciler.service", "github-workflow.yml"])
def test_every_command_is_one_that_the_command_line_takes(name: str) -> None:
    found = _COMMAND.findall((DEPLOY / name).read_text())
    assert found
    for verb, rest in found:
        assert verb in VERBS
        offered = {f"--{knob.name}" for knob in KNOBS if knob.offered_by(verb)}
        assert set(re.findall(r"--[a-z-]+", rest)) <= offered


def test_the_image_copies_what_there_is_and_runs_a_verb() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert "reconciler" in copied
    assert all((ROOT / source).exists() for source in copied)
    assert 'CMD ["run", "manifests"]' in text
    assert re.search(r"^USER \d+:\d+$", text, re.MULTILINE)


def test_the_workflow_gives_no_credentials_to_a_fork() -> None:
    jobs = yaml.safe_load((DEPLOY / "github-workflow.yml").read_text())["jobs"]
    assert "head.repo.full_name == github.repository" in jobs["plan"]["if"]
    assert jobs["apply"]["if"] == "github.event_name == 'push'"
    assert all(job.get("needs") == "validate" for name, job in jobs.items() if name != "validate")
    assert "aws-actions" not in str(jobs["validate"])


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed: the unit is unchecked here")
    unit = (DEPLOY / "mesh-reconciler.service").read_text()
    program = tmp_path / "reconciler"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "mesh-reconciler.service"
    copy.write_text(unit.replace("/opt/mesh-reconciler/bin/reconciler", str(program)))
    checked = subprocess.run(
        [analyze, "verify", str(copy)], capture_output=True, text=True, check=False
    )
    assert "mesh-reconciler.service:" not in checked.stderr
    assert checked.returncode == 0, checked.stderr
