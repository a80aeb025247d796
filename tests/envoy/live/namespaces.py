"""Tasks as network namespaces on one bridge, with the redirect that App Mesh sets up in a task.

The processes that hold the namespaces end with the test process, and the namespaces with them.
"""

import ctypes
import socket
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from programs import ROOT

ENVOY_USER = 1337
NAMESERVER = "10.77.0.1"
# A name needs any address outside of the task; no host has this one.
UNUSED_ADDRESS = "10.77.0.250"
CONNECT_TIMEOUT = 60.0
_NEW_NETWORK = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)
_UNSHARE = ("unshare", "--net", "--mount", "--propagation", "private")
_HOLD = """
set -e
ip link set lo up
mount --bind "$1/resolv.conf" /etc/resolv.conf
mount --bind "$2" "$1/envoy"
mount --bind "$1/run" /run
echo ready
exec cat
"""


def reason_against() -> str:
    """Return why this user cannot make namespaces; empty if it can."""
    done = subprocess.run([*_UNSHARE, "true"], capture_output=True, text=True, check=False)
    return done.stderr.strip()


class Namespace:
    """A network namespace with mounts of its own: its resolver, /run, and an Envoy."""

    def __init__(self, directory: Path, envoy: Path) -> None:
        self._holder = subprocess.Popen(
            [*_UNSHARE, "sh", "-c", _HOLD, "sh", directory, envoy],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        self.process_id = self._holder.pid

    def command(self, *words: str | Path) -> list[str]:
        """Return the command that runs ``words`` in the namespace."""
        return ["nsenter", "-t", str(self.process_id), "-n", "-m", *map(str, words)]

    def run(self, script: str) -> None:
        """Run a shell script in the namespace."""
        done = subprocess.run(
            self.command("sh", "-ec", script), capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (script, done.stderr)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Move this thread into the namespace; its sockets stay there."""
        with (
            Path("/proc/thread-self/ns/net").open("rb") as before,
            Path(f"/proc/{self.process_id}/ns/net").open("rb") as after,
        ):
            _set_namespace(after.fileno())
            try:
                yield
            finally:
                _set_namespace(before.fileno())

    def connect(self, host: str, port: int) -> socket.socket:
        """Return a connection from a process of the namespace."""
        with self.entered():
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            connection = socket.socket(family)
        connection.settimeout(CONNECT_TIMEOUT)
        try:
            connection.connect((host, port))
        except OSError:
            connection.close()
            raise
        return connection

    def listen(self, host: str, port: int) -> socket.socket:
        """Return a listening socket of the namespace."""
        with self.entered():
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listening = socket.socket(family)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
        return listening

    def datagrams(self, host: str, port: int) -> socket.socket:
        """Return a bound socket for UDP."""
        with self.entered():
            bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind((host, port))
        return bound

    def close(self) -> None:
        """End the process that holds the namespace."""
        self._holder.communicate(timeout=60)


def _set_namespace(descriptor: int) -> None:
    if _LIBC.setns(descriptor, _NEW_NETWORK):
        raise OSError(ctypes.get_errno(), "setns")


class Bridge(Namespace):
    """The network between tasks; it has the name server's address."""

    def __init__(self, directory: Path, envoy: Path) -> None:
        super().__init__(directory, envoy)
        self.run(
            f"ip link add bridge type bridge; ip link set bridge up;"
            f"ip addr add {NAMESERVER}/24 dev bridge"
        )

    def attach(self, task: Namespace, hosts: Iterable[int]) -> None:
        """Connect a task, which gets an address 10.77.0.x and fd77::x for each x of ``hosts``."""
        end = f"to-{task.process_id}"
        self.run(
            f"ip link add {end} type veth peer name eth0 netns {task.process_id};"
            f"ip link set {end} master bridge up"
        )
        addresses = "".join(
            f"ip addr add 10.77.0.{host}/24 dev eth0; ip addr add fd77::{host}/64 dev eth0 nodad;"
            for host in hosts
        )
        task.run(f"ip link set eth0 up; {addresses}")


def redirect(task: Namespace, ports: Iterable[int]) -> None:
    """Set up the rules of App Mesh: ``ports`` lead to 15000, connections of others to 15001."""
    listed = ",".join(map(str, ports))
    task.run(f"sh {ROOT}/deploy/envoy/redirect.sh {listed}")
