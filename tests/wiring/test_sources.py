"""Which source the paths of a run and the table of its target select."""

import io
from pathlib import Path

import pytest

from reconciler.core.errors import UsageError
from reconciler.core.source_revision import AppliedCommit
from reconciler.settings.target_config import SourceConfig
from reconciler.source.git_cache import default_cache_directory
from reconciler.source.git_settings import GitSettings
from reconciler.source.git_source import GitSource
from reconciler.source.source import DiskSource, Source
from reconciler.wiring.sources import open_source

URL = "git+https://git.example.com/meshes.git"
SINGLE = GitSettings()
ON_DISK = SourceConfig()


def opened(*paths: str, config: SourceConfig = ON_DISK, settings: GitSettings = SINGLE) -> Source:
    stdin = io.TextIOWrapper(io.BytesIO())
    return open_source(paths, config, settings, stdin=stdin, cache_directory="cache")


def test_paths_are_on_disk_and_addresses_are_repositories() -> None:
    assert isinstance(opened("manifests", "-"), DiskSource)
    source = opened(f"{URL}?ref=v1")
    assert isinstance(source, GitSource)
    assert (source.names, source.watched_paths) == ((f"{URL}?ref=v1",), ())


def test_the_settings_beside_the_source_of_a_table_are_part_of_it() -> None:
    config = SourceConfig(URL, "main", "prod")
    assert opened(URL, config=config).names == (f"{URL}?ref=main&path=prod",)
    other = "git+https://git.example.com/other.git"
    assert opened(other, config=config).names == (other,)
    assert opened("manifests", config=config).names == ("manifests",)


@pytest.mark.parametrize(
    ("paths", "config", "settings", "message"),
    [
        ((URL, "manifests"), SourceConfig(), SINGLE, "must be the only PATH"),
        (("m",), SourceConfig("m", ref="main"), SINGLE, "ref in the target's table"),
        (("m",), SourceConfig(path="prod"), SINGLE, "path in the target's table"),
        (("m",), SourceConfig("m", verify="f"), SINGLE, "verify in the target's table"),
        ((URL,), SourceConfig(verify="gone"), SINGLE, "verify .*needs a git repository"),
        ((URL,), SourceConfig(URL, verify="gone"), SINGLE, "gone is not a file"),
        (("m",), SourceConfig(), GitSettings(revision="1"), "--revision needs a git repository"),
        (("m",), SourceConfig("git+ext::sh"), SINGLE, "is not read over this transport"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    paths: tuple[str, ...], config: SourceConfig, settings: GitSettings, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        opened(*paths, config=config, settings=settings)


def test_files_have_no_history() -> None:
    source = opened("manifests")
    source.look_now()
    source.refresh()
    assert source.applied_commit() is None
    source.record_applied(AppliedCommit(URL, "0" * 40, None, may_rewind=True))
    source.pin("user", 0)
    source.release()
    assert source.rewind_reason() is None


def test_the_cache_is_that_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert default_cache_directory() == Path("/xdg/mesh-reconciler")
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", "/home/u")
    assert default_cache_directory() == Path("/home/u/.cache/mesh-reconciler")
    monkeypatch.delenv("HOME")
    with pytest.raises(UsageError, match="pass --cache-dir"):
        default_cache_directory()
