"""Commands run as a stranger would, in an environment that knows nothing of the tests."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

Shell = Callable[..., str]
_OURS = ("AWS_", "RECONCILER_", "COV", "PYTHON", "VIRTUAL_ENV")


def shell_in(place: Path, *programs: Path) -> Shell:
    """Return ``shell("command", NAME="value")``: bash in ``place``, ``programs`` first on PATH.

    It returns what the command printed, and fails where the command does.
    """

    def shell(command: str, **variables: str) -> str:
        kept = {name: it for name, it in os.environ.items() if not name.startswith(_OURS)}
        path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=place,
            env=kept | {"PATH": path, "AWS_EC2_METADATA_DISABLED": "true"} | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout
        return run.stdout

    return shell
