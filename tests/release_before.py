"""The release before this one, from the history of this repository."""

import subprocess
import tarfile
from pathlib import Path

import pytest
from programs import ROOT
from repository import git

# The last commit whose records attest no version.
COMMIT = "cef5674c746e2662e349cd5c3cbdf11782d6a230"


def unpack_release_before(directory: Path) -> Path:
    """Unpack the package of `COMMIT` into ``directory``, for PYTHONPATH.

    The test is skipped if the history does not have the commit.
    """
    archive = directory / "release.tar"
    try:
        git(ROOT, "archive", "--output", str(archive), COMMIT, "reconciler")
    except subprocess.CalledProcessError as error:
        reason = (error.stderr.strip().splitlines() or ["git archive failed"])[-1]
        pytest.skip(f"there is no release before this one to run: {reason}")
    with tarfile.open(archive) as packed:
        packed.extractall(directory, filter="data")
    return directory
