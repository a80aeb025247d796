"""A daemon killed with SIGKILL while it fetches."""

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from signal import SIGKILL

import pytest
from amounts import amount
from conftest import Start
from daemons import TIMEOUT_SECONDS
from git_servers import GitServer
from journeys.git_world import World

pytestmark = [pytest.mark.process, pytest.mark.unmeasured]


def descendants(process: int) -> list[int]:
    """Return the processes that a process has started, and those that they have started."""
    lists = Path(f"/proc/{process}/task").glob("*/children")
    children = [int(child) for file in lists for child in file.read_text().split()]
    return [*children, *(item for child in children for item in descendants(child))]


class Killer:
    """Kills a daemon at one of the moments of its fetch."""

    def __init__(self, server: GitServer, number: int) -> None:
        self.process: subprocess.Popen[str] | None = None
        self._server, self._number = server, number
        self._moment = (number + 2) % 4
        # At a request for refs, for history or for files, or while one of these arrives.
        self._last = len(server.requests) + 2 + self._moment
        server.on_request, server.on_half_pack = self._on_request, self._on_half_pack

    def rest(self) -> None:
        """Kill nothing any more."""
        self._server.on_request, self._server.on_half_pack = (lambda _: None), (lambda: None)

    def _on_request(self, _path: str) -> None:
        if self._moment != 3 and len(self._server.requests) > self._last:
            self._kill()

    def _on_half_pack(self) -> None:
        if self._moment == 3:
            self._kill()

    def _kill(self) -> None:
        assert self.process is not None
        # Every other git goes on alone.
        alone = (self._number + self._number // 4) % 2 == 0
        git_too = [] if alone else descendants(self.process.pid)
        self.process.kill()
        for process in git_too:
            with suppress(ProcessLookupError):
                os.kill(process, SIGKILL)


def test_a_daemon_killed_during_a_fetch_leaves_no_wrong_cache(
    git_world: World, start: Start
) -> None:
    kills = amount("SIGKILL during a fetch", test=2, full=50)
    for number in range(kills):
        git_world.commit(**{f"m{number}": "DROP_ALL"})
        killer = Killer(git_world.server, number)
        killer.process = start(git_world.address, *git_world.where[4:], "--poll", "3600")
        killer.process.communicate(timeout=TIMEOUT_SECONDS)
        killer.rest()
        assert killer.process.returncode == -SIGKILL
        if number % 5 == 4:
            git_world.commit("amended", x="DROP_ALL")
        result = git_world.run("plan")
        assert (result.code, result.err) == (0, ""), number
        assert f"Plan: {len(list(git_world.files.iterdir()))} to create" in result.out
