"""What systemd hears."""

import socket
from pathlib import Path

import pytest

from reconciler.daemon.systemd import ALIVE, READY, notify


@pytest.mark.parametrize("abstract", [False, True])
def test_messages_go_to_the_socket_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, abstract: bool
) -> None:
    path = f"@{tmp_path.name}-{tmp_path.stat().st_ino}" if abstract else str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(path.replace("@", "\0"))
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        notify(READY, ALIVE)
        assert listening.recv(100) == b"READY=1\nWATCHDOG=1"


@pytest.mark.parametrize("name", ["", "vsock:2:1", "/not/there"])
def test_without_a_supervisor_that_listens_nothing_happens(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", name)
    notify(READY)


def test_p15_a_supervisor_that_reads_nothing_does_not_stop_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "socket"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "socket"))
        for _ in range(2_000):
            notify(ALIVE)
        assert listening.recv(100) == b"WATCHDOG=1"
