"""Reading a source has a budget of time, and shows that it goes on meanwhile."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from clocks import SteppingClock
from manifest_text import mesh_yaml
from repository import commit_all

from reconciler import limits
from reconciler.manifest.inputs import Inputs
from reconciler.manifest.loading import LoadResult
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.settings.target_config import SourceConfig
from reconciler.source.git_settings import GitSettings
from reconciler.source.source import DiskSource
from reconciler.wiring.manifests import LatestManifests, SharedManifests, read_manifests
from reconciler.wiring.sources import open_source

STEP = 10.0


def read(path: Path, clock: Callable[[], float], beats: list[float]) -> LoadResult:
    return read_manifests(
        DiskSource((str(path),), io.BytesIO()),
        Inputs(),
        allow_empty=False,
        beat=lambda: beats.append(0),
        clock=clock,
    )


def directory(path: Path, files: int) -> Path:
    for number in range(files):
        (path / f"{number}.yaml").write_text(mesh_yaml(f"m{number}"), "utf-8")
    return path


def test_a_source_is_read_within_its_time_and_beats_meanwhile(tmp_path: Path) -> None:
    beats: list[float] = []
    source = directory(tmp_path, 3)
    assert read(source, SteppingClock(STEP), beats).valid
    assert len(beats) > 10
    assert read(source, time.monotonic, []).valid


@pytest.mark.parametrize("files", [12, 40])
def test_e29_a_source_that_takes_too_long_is_refused_whole(files: int, tmp_path: Path) -> None:
    # With 40 files the time is over while they are read, with 12 while they are understood.
    beats: list[float] = []
    source = directory(tmp_path, files)
    found = read(source, SteppingClock(STEP), beats)
    assert (found.desired, found.valid) == ((), False)
    (over,) = found.diagnostics
    assert over.code is Code.LIMIT
    assert (
        over.message == f"reading the source takes longer than {limits.READING_TIMEOUT_SECONDS} s"
    )
    assert over.origin.file.startswith(str(source))
    assert (over.origin.file == str(source)) == (files == 40)
    assert len(beats) <= limits.READING_TIMEOUT_SECONDS / STEP


@pytest.mark.process
@pytest.mark.parametrize("kind", ["disk", "git"])
def test_many_targets_with_equal_sources_and_inputs_parse_once(
    kind: str, here: Path, write: Callable[[str, str], Path]
) -> None:
    write("manifests/a.yaml", mesh_yaml("a"))
    commit_all(here)
    place = "manifests" if kind == "disk" else f"git+file://{here}?path=manifests"
    shared = SharedManifests()

    def read(target: str, **variables: str) -> LoadResult:
        source = open_source(
            (place,),
            SourceConfig(),
            GitSettings(target=(target,)),
            stdin=stdin,
            cache_directory=str(here / "cache"),
        )
        inputs = Inputs(variables)
        return shared.read(source, inputs, allow_empty=False, find_revision=False)

    stdin = io.TextIOWrapper(io.BytesIO())
    first, second, third = read("a"), read("b"), read("c", STAGE="dev")
    assert str(first.desired[0].key) == "mesh/a"
    assert first.desired is second.desired
    assert first.desired is not third.desired
    assert first.desired == third.desired


def test_daemons_with_equal_manifests_parse_them_once_and_see_each_edit(
    write: Callable[[str, str], Path],
) -> None:
    path = write("manifests/a.yaml", mesh_yaml("a"))
    latest = LatestManifests(2)

    def read(**variables: str) -> LoadResult:
        source = DiskSource((str(path.parent),), io.BytesIO())
        return latest.read(source, Inputs(variables), allow_empty=False, find_revision=False)

    first = read()
    assert read().desired is first.desired
    path.write_text(mesh_yaml("b"))
    assert str(read().desired[0].key) == "mesh/b"
    path.write_text("kind: [")
    assert not read().valid
    path.write_text(mesh_yaml("a"))
    # The result of the invalid manifests is not kept.
    assert read().desired is first.desired
    # Only the two that were used last are kept.
    read(STAGE="dev")
    read(STAGE="prod")
    assert read().desired is not first.desired
