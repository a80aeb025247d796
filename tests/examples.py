"""Runs the examples of a page of the manual and compares their output with the page."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from manual import README, ROOT

_STEP = re.compile(r"<!-- (?:run|file: (\S+)) -->\n```\w+\n(.*?)```", re.DOTALL)
# A port, a commit or an age at the end of a line, which differ between runs.
_CHANGING = re.compile(
    r"(?<=127\.0\.0\.1:)\d+|(?<=commit )[0-9a-f]{12}|\d+ (?:s|min)$", re.MULTILINE
)


def check_examples(
    page: Path, directory: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run the examples of `page` in an empty directory, with `programs` first on PATH."""
    if page == README:  # The tour begins with a copy; the tutorial with nothing.
        shutil.copytree(ROOT / "manifests" / "shop", directory / "manifests")
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name)
    for name in ("GIT_AUTHOR", "GIT_COMMITTER"):
        monkeypatch.setenv(f"{name}_NAME", "reader")
        monkeypatch.setenv(f"{name}_EMAIL", "reader@example.com")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    for file, block in _STEP.findall(page.read_text("utf-8")):
        if file:
            (directory / file).parent.mkdir(parents=True, exist_ok=True)
            (directory / file).write_text(block, "utf-8")
            continue
        for command, shown in _commands(block):
            run = subprocess.run(
                ["bash", "-c", command],
                cwd=directory,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            printed, expected = (_CHANGING.sub("…", it) for it in (run.stdout.strip("\n"), shown))
            assert printed == expected, command


def _commands(block: str) -> list[tuple[str, str]]:
    """Return the commands of a console block, each with the output that it shows."""
    steps: list[tuple[list[str], list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            steps.append(([line[2:]], []))
        elif line.startswith("> "):
            steps[-1][0].append(line[2:])
        else:
            steps[-1][1].append(line)
    return [("\n".join(command), "\n".join(output).strip("\n")) for command, output in steps]
