"""The secret is made once, readable only by its user, and rejected if others can read it."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from reconciler.core.errors import UsageError
from reconciler.web.token_file import make_token, read_token


def test_it_is_made_private_once_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "data" / "token"
    token = make_token(path)
    assert len(token) >= 43
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert make_token(path) == read_token(path) == token
    assert [file.name for file in path.parent.iterdir()] == ["token"]


def test_one_that_is_mounted_is_read_as_it_is(tmp_path: Path) -> None:
    # A Secret's file is a link in a directory that nobody may write.
    made = make_token(tmp_path / "data" / "token")
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "token").symlink_to(tmp_path / "data" / "token")
    mounted.chmod(0o500)
    assert make_token(mounted / "token") == made
    mounted.chmod(0o700)
    assert len(list(mounted.iterdir())) == 1


def test_whoever_was_first_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="No such file"):
        make_token(path)
    assert list(tmp_path.iterdir()) == [path]


def test_daemons_that_start_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(make_token, [tmp_path / "token"] * 32))) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_what_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "token"
    make_token(path)
    path.chmod(mode)
    for take in (make_token, read_token):
        with pytest.raises(UsageError, match="chmod 600"):
            take(path)


def test_what_is_no_file_of_a_token_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    with pytest.raises(UsageError, match=r"No such file.*--token-file"):
        read_token(path)
    make_token(path)
    with pytest.raises(UsageError, match="Is a directory"):
        read_token(tmp_path)
    with pytest.raises(UsageError, match="chmod 600"):
        read_token(Path(os.devnull))
    for content in (b"", b" \n", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(UsageError, match="contains no token"):
            read_token(path)
