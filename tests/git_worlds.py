"""A repository, its server and its cache, for tests of sources that read it."""

from collections.abc import Callable
from pathlib import Path

from git_servers import GitServer
from repository import publish

from reconciler.source.git_mirror import Mirror
from reconciler.source.git_settings import GitSettings
from reconciler.source.git_source import GitSource
from reconciler.source.git_url import parse_address

SINGLE = GitSettings(("t", "o"))
DAEMON = GitSettings(("t", "o"), follows_pin=True, poll_seconds=10)


class GitWorld:
    """A repository, its files, its server, and sources that read it."""

    def __init__(
        self,
        root: Path,
        server: GitServer,
        clock: Callable[[], float] = lambda: 0.0,
        settings: GitSettings = SINGLE,
    ) -> None:
        """Serve a repository at `server`; sources have `clock`, and `settings` unless others."""
        self.root, self.server, self.clock, self.settings = root, server, clock, settings
        self.files = root / "files"
        self.files.mkdir()
        self.repository = root / "served/meshes.git"
        self.address = f"git+{server.url}/meshes.git"

    def commit(self, **files: str) -> str:
        """Commit the files and return the commit."""
        for name, content in files.items():
            (self.files / f"{name}.yaml").write_text(content)
        return publish(self.files, self.repository, " ".join(files) or "nothing")

    def open(
        self, query: str = "?ref=main", settings: GitSettings | None = None, cache: str = "cache"
    ) -> GitSource:
        """Return a source that has read nothing yet."""
        address = parse_address(self.address + query)
        mirror = Mirror(self.root / cache, address)
        return GitSource(address, mirror, settings or self.settings, self.clock, jitter=lambda: 0.5)

    def read(self, query: str = "?ref=main", settings: GitSettings | None = None) -> str:
        """Return the commit that a new source reads."""
        return commit_of(self.open(query, settings))

    @property
    def mirror(self) -> Path:
        """The mirror of the repository in the cache."""
        (found,) = (self.root / "cache/git").glob("*.git")
        return found


def commit_of(source: GitSource) -> str:
    """Refresh the source and return the commit that it reads."""
    source.refresh()
    revision = source.read().revision
    assert revision is not None
    return revision.commit
