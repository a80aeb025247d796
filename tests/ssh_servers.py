"""A real sshd on loopback."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from connections import served_by
from programs import require_program

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
    with served_by(program, "-i", "-e", "-f", str(configuration)) as port:
        yield port
