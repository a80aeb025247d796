"""Saved plans in files: whole or not at all, private, and read once."""

import os
import resource
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest
from builders import desired, egress, plan

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.core.planning.plan import Plan
from reconciler.core.planning.plan_file import write_plan_file
from reconciler.wiring.plan_files import read_plan, write_plan

SMALL = plan(desired("a", egress("DROP_ALL")))
OTHER = plan(desired("b"))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_plan_is_private_and_comes_in_place_of_the_one_before(here: Path) -> None:
    for made in (SMALL, OTHER):
        write_plan("p.plan", made)
        assert read_plan("p.plan") == made
        assert (here / "p.plan").stat().st_mode & 0o777 == 0o600
    assert names(here) == ["p.plan"]


def test_a_place_that_cannot_hold_a_plan_is_refused_and_left_as_it_is(here: Path) -> None:
    (here / "folder").mkdir()
    (here / "link").symlink_to("elsewhere")
    os.mkfifo("pipe")
    for name in ("folder", "link", "pipe", "/dev/null"):
        with pytest.raises(
            UsageError, match="is not a regular file: pass another file for the plan"
        ):
            write_plan(name, SMALL)
    with pytest.raises(UsageError, match="nowhere/p: No such file or directory; nothing was saved"):
        write_plan("nowhere/p", SMALL)
    assert names(here) == ["folder", "link", "pipe"]


LIMITED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from reconciler.wiring.plan_files import write_plan
from test_plan_files import SMALL
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
try:
    write_plan("p.plan", SMALL)
except Exception as error:
    print(type(error).__name__, error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


@pytest.mark.process
def test_a_disk_that_is_full_keeps_the_plan_before(here: Path) -> None:
    write_plan("p.plan", OTHER)
    tests = Path(__file__).parents[1]
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tests / "wiring")],
        env={**os.environ, "PYTHONPATH": str(tests)},
        cwd=here, capture_output=True, check=True, text=True,
    )  # fmt: skip
    words = "saving the plan in p.plan: File too large; nothing was saved"
    assert result.stdout == f"ReconcilerError {words}\n"
    assert read_plan("p.plan") == OTHER
    assert names(here) == ["p.plan"]


def test_e09_what_is_no_file_of_its_own_is_not_read(here: Path) -> None:
    write_plan("p.plan", SMALL)
    (here / "link").symlink_to("p.plan")
    (here / "folder").mkdir()
    os.mkfifo("pipe")
    for name, words in {
        "link": "it is a link; pass the plan file itself",
        "folder": "Is a directory",
        "pipe": "not a regular file",
        "/dev/zero": "not a regular file",
        "missing": "No such file or directory",
    }.items():
        with pytest.raises(UsageError, match=words):
            read_plan(name)


def test_e09_a_plan_that_is_swapped_all_the_time_is_one_or_the_other(here: Path) -> None:
    edited = write_plan_file(SMALL).replace(b"DROP_ALL", b"ALLOW_AL")
    done = Event()

    def swap() -> None:
        while not done.is_set():
            write_plan("p.plan", SMALL)
            write_plan("p.plan", OTHER)
            (here / "next").write_bytes(edited)
            (here / "next").replace("p.plan")
            (here / "next").symlink_to("/etc/passwd")
            (here / "next").replace("p.plan")
            (here / "p.plan").unlink()

    swapping = Thread(target=swap)
    write_plan("p.plan", SMALL)
    swapping.start()
    try:
        seen: list[Plan | str] = []
        for _ in range(500):
            try:
                seen.append(read_plan("p.plan"))
            except UsageError as error:
                seen.append(str(error))
    finally:
        done.set()
        swapping.join()
    read = [made for made in seen if isinstance(made, Plan)]
    assert read
    assert all(made in (SMALL, OTHER) for made in read)


def test_e10_a_huge_file_takes_no_memory(here: Path) -> None:
    with (here / "p.plan").open("wb") as huge:
        huge.truncate(1 << 40)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UsageError, match="larger than 16 MiB"):
        read_plan("p.plan")
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
    assert grown < 4 * limits.MAX_PLAN_FILE_BYTES
