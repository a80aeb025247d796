"""The file of access keys: what it may hold, who may read it, and what a change does."""

import logging
import os
from pathlib import Path

import pytest
from access_keys import ACCOUNT, READER, SECRET, TEMPORARY, TOKEN, WRITER, write_keys

from reconciler import limits
from reconciler.endpoint.http.credentials import open_credentials
from reconciler.serving.reloaded_file import InvalidFileError

GOOD = f'secret = "{SECRET}"\naccount = "{ACCOUNT}"\nallow = ["read"]'
GOOD_KEY = f"[AKID]\n{GOOD}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_keys(tmp_path / "credentials.toml")


@pytest.mark.unmeasured
def test_each_table_is_a_key(path: Path) -> None:
    keys = open_credentials(path).current()
    assert (keys[WRITER].account, keys[WRITER].secret) == (ACCOUNT, SECRET)
    assert keys[WRITER].permissions == {"read", "write"}
    assert keys[TEMPORARY].session_token == TOKEN
    assert SECRET not in repr(keys)
    assert TOKEN not in repr(keys)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"has no access key: add a table \[KEY\] with secret, account, allow, and"),
        (f"{GOOD_KEY}\nsecret = 1", "is not TOML in UTF-8"),
        ("[" * 2000, "is not TOML in UTF-8"),
        (f'["a/b"]\n{GOOD}', "an access key id must have up to 128 letters"),
        ("AKID = 3", r"\[AKID\] must be a table with secret"),
        (f"{GOOD_KEY}\nregion = 3", r"\[AKID\] must be a table with secret"),
        (GOOD_KEY.replace(SECRET, "a-secret"), r"\[AKID\] secret must be a string of at"),
        (GOOD_KEY.replace(f'"{SECRET}"', "3"), r"\[AKID\] secret must be a string"),
        (GOOD_KEY.replace(ACCOUNT, "1"), r"\[AKID\] account must be a string of 12"),
        (f"{GOOD_KEY}\nsession_token = 1", r"\[AKID\] session_token must be a string"),
        (GOOD_KEY.replace("read", "reed"), r"\[AKID\] allow must be a list of read, wr"),
        (GOOD_KEY.replace('["read"]', '"read"'), r"\[AKID\] allow must be a list"),
        ("#" * (limits.MAX_CREDENTIALS_FILE_BYTES + 1), "must not exceed 1048576 bytes"),
    ],
)
def test_what_is_wrong_is_said_without_a_secret(path: Path, text: str, message: str) -> None:
    path.write_text(text)
    with pytest.raises(InvalidFileError, match=message) as error:
        open_credentials(path)
    assert str(path) in str(error.value)
    assert SECRET not in str(error.value)
    assert "a-secret" not in str(error.value)


def test_a_file_that_others_can_read_is_refused(path: Path) -> None:
    path.chmod(0o604)
    with pytest.raises(InvalidFileError, match=f"run chmod 600 {path}"):
        open_credentials(path)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
def test_the_group_may_read_what_belongs_to_root(path: Path) -> None:
    path.chmod(0o640)
    assert open_credentials(path).current()
    os.chown(path, 65532, -1)
    with pytest.raises(InvalidFileError, match="only its user can read"):
        open_credentials(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="No such file"):
        open_credentials(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(InvalidFileError, match="must be a file"):
        open_credentials(tmp_path / "pipe")


def test_a_change_counts_at_once(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    keys = open_credentials(path)
    write_keys(path, READER)
    assert set(keys.current()) == {READER}
    assert caplog.messages == [f"read {path} again after a change"]


def test_a_broken_change_is_reported_once_and_the_keys_stay(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keys = open_credentials(path)
    path.write_text("[")
    assert WRITER in keys.current()
    assert WRITER in keys.current()
    path.unlink()
    assert WRITER in keys.current()
    assert [message.partition(";")[2] for message in caplog.messages] == [
        " the content that was read before stays in use"
    ] * 2
    write_keys(path, READER)
    assert set(keys.current()) == {READER}
