"""Network namespaces: one for the demo, and in it one for each virtual node with its redirect."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from demo.processes import DemoError, Processes

# A user who is not root becomes root of a namespace of users, if the machine allows it.
_WAYS = (("--net",), ("--user", "--map-root-user", "--net"))
# The lock of iptables is for its users on the whole machine, and only root can write it.
_NO_LOCK = "export XTABLES_LOCKFILE=/dev/null; "
_ENTER = _NO_LOCK + 'ip link set lo up && exec "$@"'
_TRY = (
    "ip link add v0 type veth peer name v1 &&"
    " iptables -w -t nat -A PREROUTING -p tcp -m addrtype ! --src-type LOCAL"
    " -j REDIRECT --to-ports 15000"
)
_TASK = 'ip link set lo up && echo ready && exec "$@"'
_CONNECT = """
ip link add {name} type veth peer name eth0 netns {process}
ip addr add {network}.1/24 dev {name}
ip link set {name} up
nsenter -t {process} -n sh -ec '
ip addr add {network}.2/24 dev eth0
ip link set eth0 up
iptables -w -t nat -A PREROUTING -p tcp --dport {port} -m addrtype ! --src-type LOCAL \
 -j REDIRECT --to-ports 15000'
"""


def isolation() -> list[str]:
    """Return the command that runs another one in a namespace of its own; empty if none may."""
    if not all(shutil.which(name) for name in ("unshare", "nsenter", "ip", "iptables")):
        return []
    for options in _WAYS[0 if os.geteuid() == 0 else 1 :]:
        command = ["unshare", *options, "sh", "-c", _ENTER, "sh"]
        done = subprocess.run(
            [*command, "sh", "-c", _TRY], capture_output=True, check=False, timeout=30
        )
        if done.returncode == 0:
            return command
    return []


class Task:
    """The namespace of one virtual node, which has its application and its Envoy.

    Attributes:
        name: The version of the application.
        address: Its address; connections from outside lead to its Envoy.
    """

    def __init__(self, processes: Processes, name: str, number: int) -> None:
        self._processes, self.name = processes, name
        self._network = f"10.99.{number}"
        self.address = f"{self._network}.2"
        self._process = 0

    def start(self, port: int, *application: str | Path) -> None:
        """Start an application that listens on a port of loopback, and redirect this port."""
        name = f"service {self.name}"
        self._processes.start(name, "unshare", "--net", "sh", "-c", _TASK, "sh", *application)
        self._processes.wait_until(lambda: self._processes.last(name) == "ready", name, 30)
        self._process = self._processes.process_id(name)
        script = _CONNECT.format(
            name=self.name, network=self._network, process=self._process, port=port
        )
        done = subprocess.run(
            ["sh", "-ec", script], capture_output=True, text=True, check=False, timeout=30
        )
        if done.returncode:
            raise DemoError(f"connecting the namespace of {self.name}: {done.stderr.strip()}")

    def command(self, *command: str | Path) -> Sequence[str | Path]:
        """Return the command that runs another one in the namespace."""
        return ("nsenter", "-t", str(self._process), "-n", *command)
