"""Waiting until files can be read, also with more descriptors than select takes."""

import os
import resource
import socket
from fcntl import F_DUPFD, fcntl
from pathlib import Path

import pytest

from reconciler.sockets import wait_readable

ABOVE_SELECT = 1100


@pytest.fixture
def allowed() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft <= ABOVE_SELECT:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 2 * ABOVE_SELECT), hard))
    return ABOVE_SELECT


def test_a_high_descriptor_is_waited_for(allowed: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.socket(fileno=fcntl(ours.fileno(), F_DUPFD, allowed)) as high:
        assert not wait_readable([high], 0.0)
        theirs.send(b"x")
        assert wait_readable([high])


def test_a_file_that_has_ended_can_be_read(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as pipe, (tmp_path / "file").open("w+") as file:
        assert not wait_readable([pipe], 0.0)
        assert wait_readable([pipe, file], 0.0)
        os.close(writing)
        assert wait_readable([pipe], 0.0)
