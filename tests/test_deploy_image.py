"""The instructions of the Dockerfile, followed in a plain directory."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from amounts import amount
from deploy_files import ROOT, instructions
from run_shell import Shell, shell_in
from servers import Answer, scripted

pytestmark = pytest.mark.slow

EXTRAS = amount("extras installed as in the image", test=0, full=2)
MAX_INSTALLED_BYTES = 100 * 1024 * 1024


def make_image(root: Path) -> Shell:
    """Do below ``root`` what the Dockerfile does, and return a shell of the image."""
    first, second = (at for at, (word, _) in enumerate(instructions()) if word == "FROM")
    python = root / "python"
    # The base image has pip.
    options = ("--system-site-packages", "--without-pip")
    subprocess.run([sys.executable, "-m", "venv", *options, python], check=True)
    shell, place = shell_in(root, python / "bin"), root
    for word, rest in instructions()[first + 1 : second]:
        if word == "WORKDIR":
            place = root / rest.lstrip("/")
            place.mkdir()
            shell = shell_in(place, python / "bin")
        elif word == "COPY":
            *sources, _ = rest.split()
            for source in sources:
                path = ROOT / source
                if path.is_dir():
                    ignored = shutil.ignore_patterns("__pycache__")
                    shutil.copytree(path, place / path.name, ignore=ignored)
                else:
                    shutil.copy(path, place)
        else:
            assert word == "RUN"
            command = re.sub(r"(?<= )/(opt|work)", rf"{root}/\1", rest)
            variables: dict[str, str] = {}
            if not EXTRAS and "--require-hashes" in command:
                command = re.sub(r" --requirement (postgresql|xds)\.lock", "", command)
                # To compile all modules of the SDK takes longer than everything else.
                variables = {"PIP_NO_COMPILE": "1"}
            shell(command, **variables)
    return shell_in(root / "work", root / "opt" / "mesh-reconciler" / "bin")


@pytest.mark.timeout(600)
def test_the_wheel_alone_does_the_main_job_in_the_image(tmp_path: Path) -> None:
    shell = make_image(tmp_path)
    installed = tmp_path / "opt" / "mesh-reconciler"
    files = [path for path in installed.rglob("*") if path.is_file() and not path.is_symlink()]
    assert sum(path.stat().st_size for path in files) < MAX_INSTALLED_BYTES
    package = next(installed.rglob("site-packages/reconciler"))
    sources = sorted(path.stem for path in package.rglob("*.py"))
    assert sorted(path.name.split(".")[0] for path in package.rglob("*.pyc")) == sources
    assert list(installed.rglob("site-packages/pip")) == []

    shutil.copytree(ROOT / "manifests", tmp_path / "work" / "manifests")
    assert "Usage: reconciler" in shell("reconciler --help")
    assert "Valid: 0 errors" in shell("reconciler validate manifests")
    assert "18 to create" in shell("reconciler plan manifests --target local")
    result = dict(instructions())
    command = shlex.join([*json.loads(result["ENTRYPOINT"]), *json.loads(result["CMD"])])
    assert "18 changes, exit code 0" in shell(f"{command} --target local --once")
    assert "No changes." in shell("reconciler plan manifests --target local --detailed-exitcode")


def test_the_image_runs_as_nobody_and_has_git_and_ssh_for_it() -> None:
    user = dict(instructions())["USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    last = dict(instructions())["RUN"]
    # ssh ends if its user has no name.
    assert f"useradd --uid {user.partition(':')[0]} --user-group --home-dir /work " in last
    assert "install --yes --no-install-recommends git openssh-client &&" in " ".join(last.split())


def test_the_images_health_is_the_daemons() -> None:
    _, _, command = dict(instructions())["HEALTHCHECK"].partition("CMD ")
    codes = {200: 0, 503: 1}
    for status, code in codes.items():
        with scripted(lambda *_: Answer(status)) as server:  # noqa: B023  # called in this turn
            result = command.replace("http://127.0.0.1:9180", server.url)
            run = subprocess.run(json.loads(result), capture_output=True, check=False)
        assert (run.returncode, server.asked) == (code, [("GET /healthz", b"")])
