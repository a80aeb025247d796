"""The data folder is held by one, and everybody else learns where."""

import threading
from pathlib import Path

import pytest

from reconciler.endpoint.endpoint_errors import DataDirectoryLockedError, DataDirectoryUnusableError
from reconciler.endpoint.state.data_directory import DataDirectoryLock

URL = "http://127.0.0.1:8473"


def test_a_second_opener_learns_the_url(tmp_path: Path) -> None:
    holder = DataDirectoryLock(tmp_path)
    holder.announce(URL)
    with pytest.raises(DataDirectoryLockedError) as caught:
        DataDirectoryLock(tmp_path)
    assert (caught.value.directory, caught.value.url) == (tmp_path, URL)
    assert str(caught.value) == f"another process serves the data directory {tmp_path} at {URL}"
    holder.close()


def test_a_second_opener_waits_for_a_holder_that_is_starting(tmp_path: Path) -> None:
    holder = DataDirectoryLock(tmp_path)
    announcing = threading.Timer(0.05, holder.announce, [URL])
    announcing.start()
    with pytest.raises(DataDirectoryLockedError) as caught:
        DataDirectoryLock(tmp_path)
    assert caught.value.url == URL
    announcing.join()
    holder.close()


def test_a_holder_that_says_nothing_is_not_waited_for_in_vain(tmp_path: Path) -> None:
    holder = DataDirectoryLock(tmp_path)
    with pytest.raises(DataDirectoryLockedError, match="its URL is not known yet") as caught:
        DataDirectoryLock(tmp_path, timeout_seconds=0)
    assert caught.value.url is None
    holder.close()


def test_an_old_url_is_never_handed_out(tmp_path: Path) -> None:
    (tmp_path / "endpoint.lock").write_text(f"{URL}\n")
    holder = DataDirectoryLock(tmp_path)
    with pytest.raises(DataDirectoryLockedError) as caught:
        DataDirectoryLock(tmp_path, timeout_seconds=0)
    assert caught.value.url is None
    holder.close()


def test_a_folder_that_was_let_go_can_be_held_again(tmp_path: Path) -> None:
    holder = DataDirectoryLock(tmp_path)
    holder.announce(URL)
    holder.close()
    assert (tmp_path / "endpoint.lock").read_text() == ""
    DataDirectoryLock(tmp_path).close()


def test_the_folder_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    DataDirectoryLock(path).close()
    assert path.stat().st_mode & 0o777 == 0o700
    assert (path / "endpoint.lock").stat().st_mode & 0o777 == 0o600


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    with pytest.raises(DataDirectoryUnusableError, match="cannot be used"):
        DataDirectoryLock(path)


def test_a_link_is_not_followed_to_the_lock(tmp_path: Path) -> None:
    (tmp_path / "endpoint.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataDirectoryUnusableError):
        DataDirectoryLock(tmp_path)
    assert not (tmp_path / "elsewhere").exists()
