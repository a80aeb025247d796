"""A repository that a real sshd serves on loopback, with a key file and known hosts."""

import getpass
import time
from pathlib import Path

import pytest
from repository import publish
from ssh_servers import make_key, ssh_server

from reconciler.core.errors import RepositoryError
from reconciler.source.git_mirror import Mirror
from reconciler.source.git_settings import GitSettings
from reconciler.source.git_source import GitSource
from reconciler.source.git_url import parse_address

pytestmark = pytest.mark.process


def test_over_ssh_with_a_key_file_and_known_hosts(
    tmp_path: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del here
    keys = {name: make_key(tmp_path / name) for name in ("host", "ours", "other")}
    files = tmp_path / "files"
    files.mkdir()
    (files / "a.yaml").write_text("1")
    commit = publish(files, tmp_path / "meshes.git")

    def read(key: str, host: str | None) -> str:
        known = tmp_path / "known_hosts"
        known.write_text(f"[127.0.0.1]:{port} {keys[host]}" if host else "")
        command = f"ssh -F none -o IdentitiesOnly=yes -i {tmp_path / key}"
        monkeypatch.setenv("GIT_SSH_COMMAND", f"{command} -o UserKnownHostsFile={known}")
        address = parse_address(
            f"git+ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/meshes.git"
        )
        mirror = Mirror(tmp_path / "cache", address)
        found = GitSource(address, mirror, GitSettings(), time.monotonic).read()
        assert found.files == (("a.yaml", b"1"),)
        assert found.revision is not None
        return found.revision.commit

    with ssh_server(tmp_path) as port:
        assert read("ours", "host") == commit
        for key, host, message in (
            ("other", "host", "Permission denied"),
            ("ours", None, "Host key verification failed"),
            ("ours", "other", "ls-remote: WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! IT IS"),
        ):
            with pytest.raises(RepositoryError, match=message) as error:
                read(key, host)
            assert "\n" not in str(error.value)
