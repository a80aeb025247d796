"""A lease in a file, shared by processes and threads."""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.core.errors import LockError
from reconciler.locks.file import FileStore


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "lock")


def test_it_is_empty_until_something_is_put_there(store: FileStore) -> None:
    assert store.read() is None
    assert store.compare_and_swap(None, "a longer record")
    assert store.compare_and_swap("a longer record", "short")
    assert store.read() == "short"


def test_a_long_record_is_never_half_written(store: FileStore, tmp_path: Path) -> None:
    records = [character * 10_000 for character in "abcd"]
    before: str | None = None
    for record in records:
        assert store.compare_and_swap(before, record)
        assert store.read() == record
        if before is not None:
            # A process that is killed before it has moved the pointer leaves the one before.
            assert before.encode() in (tmp_path / "lock").read_bytes()
        before = record
    assert store.compare_and_swap(before, "short")
    assert store.read() == "short"
    assert store.compare_and_swap("short", records[0])
    assert store.read() == records[0]


def test_only_what_was_expected_is_replaced(store: FileStore) -> None:
    assert store.compare_and_swap(None, "one")
    assert not store.compare_and_swap(None, "two")
    assert not store.compare_and_swap("other", "two")
    assert store.read() == "one"


def test_p11_of_many_at_once_one_gets_it(store: FileStore, tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        swapped = pool.map(
            lambda name: FileStore(tmp_path / "lock").compare_and_swap(None, name), "abcdefgh"
        )
    assert sum(swapped) == 1
    assert store.read() in list("abcdefgh")


def test_the_file_is_private(store: FileStore, tmp_path: Path) -> None:
    store.read()
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600


def test_a_file_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "none" / "lock")
    missing = r"the lock file .*/none/lock cannot be used: there is no directory .*/none; create it"
    with pytest.raises(LockError, match=missing):
        store.read()


def test_a_device_is_no_lock() -> None:
    with pytest.raises(LockError, match="the lock file /dev/null is not a regular file"):
        FileStore(Path("/dev/null")).read()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LockError):
        FileStore(tmp_path / "lock").compare_and_swap(None, "one")
    assert not (tmp_path / "elsewhere").exists()


def test_nobody_waits_for_ever_for_one_that_stopped_in_the_middle(
    store: FileStore, tmp_path: Path
) -> None:
    file = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(file, fcntl.LOCK_EX)
    with pytest.raises(LockError, match="cannot be used"):
        store.read()
    os.close(file)
    assert store.read() is None
