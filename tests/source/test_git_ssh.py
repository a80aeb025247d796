"""A repository that a real sshd serves on loopback, with a key file and known hosts."""

import getpass
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from programs import require_program
from repository import publish

from reconciler.core.errors import RepositoryError
from reconciler.source.git_mirror import Mirror
from reconciler.source.git_source import GitSettings, GitSource
from reconciler.source.git_url import parse_address

pytestmark = pytest.mark.process

CONFIGURATION = """
HostKey {root}/host
AuthorizedKeysFile {root}/ours.pub
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
PidFile none
AcceptEnv GIT_PROTOCOL
SetEnv PATH={path}
"""


def make_key(file: Path) -> str:
    """Make a key without a passphrase, and return its public part."""
    program = require_program("ssh-keygen", purpose="a repository over SSH")
    subprocess.run([program, "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
    return file.with_suffix(".pub").read_text()


@contextmanager
def ssh_server(root: Path) -> Iterator[int]:
    """Serve this user over SSH to the key ``ours`` in ``root``, and yield the port."""
    program = require_program("sshd", purpose="a repository over SSH")
    if os.geteuid() == 0:
        # The service of the system makes it at its start.
        Path("/run/sshd").mkdir(exist_ok=True)
    configuration = root / "sshd_config"
    configuration.write_text(CONFIGURATION.format(root=root, path=os.environ["PATH"]))
    # One sshd for each connection, so that the port is free for sure.
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                subprocess.run(
                    [program, "-i", "-e", "-f", configuration], stdin=connection,
                    stdout=connection, stderr=subprocess.DEVNULL, check=False,
                )  # fmt: skip

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


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
