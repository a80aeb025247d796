"""Several processes append records; what they kept is read after any of them was killed."""

import fcntl
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import limits, parallel
from reconciler.history.history_file import HistoryFiles

BLOCK = limits.HISTORY_BLOCK_BYTES


def lines(directory: Path) -> list[bytes]:
    return list(HistoryFiles(directory).lines())


def test_the_newest_line_comes_first(tmp_path: Path) -> None:
    files = HistoryFiles(tmp_path / "a" / "history")
    assert list(files.lines()) == []
    for number in range(3):
        files.append(b"%d\n" % number)
    assert list(files.lines()) == [b"2", b"1", b"0"]


def test_only_the_owner_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        HistoryFiles(tmp_path / "history").append(b"1\n")
    finally:
        os.umask(before)
    modes = {it.name: stat.S_IMODE(it.stat().st_mode) for it in (tmp_path / "history").iterdir()}
    assert modes == {"lock": 0o600, "runs.jsonl": 0o600}
    assert stat.S_IMODE((tmp_path / "history").stat().st_mode) == 0o700


@pytest.mark.unmeasured
def test_rotation_removes_only_the_oldest_lines(tmp_path: Path) -> None:
    files = HistoryFiles(tmp_path, max_bytes=50)
    for number in range(200):
        files.append(b"%09d\n" % number)
        kept = list(files.lines())
        expected = [b"%09d" % it for it in range(number, -1, -1)]
        assert kept == expected[: len(kept)]
        # All files but the newest are full.
        assert len(kept) >= min(number + 1, 5 * (limits.HISTORY_FILES - 1))
    assert len(list(tmp_path.glob("*.jsonl"))) == limits.HISTORY_FILES
    assert all(it.stat().st_size <= 50 for it in tmp_path.glob("*.jsonl"))


def test_a_line_that_is_longer_than_a_file_is_kept(tmp_path: Path) -> None:
    files = HistoryFiles(tmp_path, max_bytes=50)
    for text in (b"a\n", b"b" * 100 + b"\n", b"c\n"):
        files.append(text)
    assert list(files.lines()) == [b"c", b"b" * 100, b"a"]


@pytest.mark.parametrize("whole", [b"", b"1\n", b"1\n2\n"])
def test_a_torn_last_line_is_not_read_and_the_next_one_replaces_it(
    tmp_path: Path, whole: bytes
) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "runs.jsonl").write_bytes(whole + b'{"head":{"run"')
    expected = whole.split(b"\n")[-2::-1]
    assert lines(tmp_path) == expected
    HistoryFiles(tmp_path).append(b"3\n")
    assert lines(tmp_path) == [b"3", *expected]


@pytest.mark.parametrize("torn", [0, 1, BLOCK, 2 * BLOCK + 1])
@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [0, 1],
        [BLOCK - 1],
        [BLOCK],
        [1, 3 * BLOCK, 1],
        [BLOCK - 2, BLOCK - 1, 0],
        [1000] * (3 * BLOCK // 1000),
    ],
)
def test_lines_of_any_length_are_read_from_the_end(
    tmp_path: Path, sizes: list[int], torn: int
) -> None:
    whole = [(b"%d " % number).ljust(size, b"x")[:size] for number, size in enumerate(sizes)]
    (tmp_path / "runs.jsonl").write_bytes(b"\n".join([*whole, b"t" * torn]))
    assert lines(tmp_path) == whole[::-1]


@pytest.mark.process
def test_several_processes_append_and_rotate_at_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from reconciler.history.history_file import HistoryFiles\n"
        "files = HistoryFiles(Path(sys.argv[1]), max_bytes=2000)\n"
        "def append(record):\n"
        "    try: files.append(record)\n"
        # Another one kept the lock, as long as a run waits for it: then nothing is written.
        "    except BlockingIOError: append(record)\n"
        "for number in range(50): append(f'{sys.argv[2]}-{number:04}\\n'.encode())\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, tmp_path, name]) for name in "abcd"]
    assert [it.wait() for it in writers] == [0] * 4
    kept = lines(tmp_path)
    assert sorted(kept) == sorted(b"%c-%04d" % (n, i) for n in b"abcd" for i in range(50))
    for name in b"abcd":
        assert [it for it in kept if it[0] == name] == [
            b"%c-%04d" % (name, number) for number in range(49, -1, -1)
        ]


def test_a_process_that_keeps_the_lock_delays_a_run_by_a_second_at_most(tmp_path: Path) -> None:
    files = HistoryFiles(tmp_path)
    files.append(b"1\n")
    with (tmp_path / "lock").open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError):
            files.append(b"2\n")
        with pytest.raises(BlockingIOError, match="another process keeps it locked"):
            list(files.lines())
    files.append(b"3\n")
    assert list(files.lines()) == [b"3", b"1"]


def test_records_without_their_lock_are_read(tmp_path: Path) -> None:
    HistoryFiles(tmp_path).append(b"1\n")
    (tmp_path / "lock").unlink()
    assert lines(tmp_path) == [b"1"]


@pytest.mark.parametrize("name", ["lock", "runs.jsonl"])
def test_a_pipe_is_no_hang(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    files = HistoryFiles(tmp_path)
    assert list(files.lines()) == []
    if name == "runs.jsonl":
        with pytest.raises(OSError, match="seek"):
            files.append(b"1\n")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("keep me")
    (tmp_path / "runs.jsonl").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        HistoryFiles(tmp_path).append(b"1\n")
    with pytest.raises(OSError, match="symbolic links"):
        lines(tmp_path)
    assert (tmp_path / "victim").read_text() == "keep me"


def test_many_threads_append_at_once(tmp_path: Path) -> None:
    """The runs on many targets end together; each waits for its turn."""
    lines = [f"{number}\n".encode() for number in range(100)]
    parallel.run(lambda line: HistoryFiles(tmp_path).append(line), lines, workers=20)
    assert {line + b"\n" for line in HistoryFiles(tmp_path).lines()} == set(lines)
