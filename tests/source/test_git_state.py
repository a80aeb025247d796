"""A checkout that git changes all the time: no scan takes files of two commits for one moment."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pytest
from amounts import amount
from programs import require_program

from reconciler.source.snapshot import read

SCANS = amount("scans of a checkout in a loop", test=60, full=4_000)
# Most of a scan is waiting to see that nothing moves.
SCANS_AT_A_TIME = 16
FILES = 40
FEWEST_ACCEPTED = 20
# git is at work for a moment, then the checkout rests for one: shorter and longer than a scan.
LOOP = """
import itertools, subprocess, sys, time
rests = itertools.cycle((0, 0.02, 0.05, 0, 0.1, 0.01, 0.2))
for branch in itertools.cycle(("one", "two")):
    subprocess.run(["git", "-C", sys.argv[1], "checkout", "--quiet", branch], check=True)
    time.sleep(next(rests))
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Iterator[Path]:
    """Return the work tree of two commits that git switches between without end."""
    program = require_program("git", purpose="scans of a checkout in a loop")
    environment = {
        "PATH": os.environ["PATH"],
        "GIT_CONFIG_NOSYSTEM": "1",
        "HOME": str(tmp_path),
        **{f"GIT_{who}_NAME": "somebody" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "somebody@example.com" for who in ("AUTHOR", "COMMITTER")},
    }
    tree = tmp_path / "tree"

    def git(*arguments: str) -> None:
        subprocess.run([program, *arguments], check=True, env=environment)

    git("init", "--quiet", "--initial-branch", "one", str(tree))
    for branch in ("one", "two"):
        if branch == "two":
            git("-C", str(tree), "checkout", "--quiet", "-b", "two")
        for number in range(FILES):
            # As long in both commits: size tells nothing.
            (tree / f"{number:02}.yaml").write_text(f"commit: {branch}\n")
        git("-C", str(tree), "add", "--all")
        git("-C", str(tree), "commit", "--quiet", "--message", branch)
    switching = subprocess.Popen([sys.executable, "-c", LOOP, str(tree)], env=environment)
    yield tree
    assert switching.poll() is None, "the loop of checkouts ended by itself"
    switching.terminate()
    switching.wait()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_i08_no_scan_mixes_two_commits(
    checkout: Path, record_property: Callable[[str, object], None]
) -> None:
    def scan(_: int) -> str:
        found = read([str(checkout)], stdin=BytesIO())
        if found.diagnostics:
            return "refused"
        contents = {content for _, content in found.files}
        return "whole" if len(contents) == 1 and len(found.files) == FILES else "mixed"

    with ThreadPoolExecutor(SCANS_AT_A_TIME) as pool:
        verdicts = Counter(pool.map(scan, range(SCANS)))
    record_property("figure", f"scans of a checkout in a loop: {dict(sorted(verdicts.items()))}")
    assert verdicts["mixed"] == 0
    assert verdicts["whole"] >= FEWEST_ACCEPTED
