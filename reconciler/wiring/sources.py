"""Opens the source of a run: paths on disk, or a repository."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from reconciler.core.errors import UsageError
from reconciler.core.source_revision import AppliedCommit
from reconciler.settings.config_file import CONFIG_FILE, SOURCE_FIELDS
from reconciler.settings.target_config import SourceConfig
from reconciler.source.git_settings import GitSettings
from reconciler.source.git_url import USAGE, GitAddress, is_git, parse_address
from reconciler.source.source import DiskSource, Source


def git_address(paths: Sequence[str], config: SourceConfig) -> GitAddress | None:
    """Return the repository that `paths` are, or None for paths on disk.

    Raises:
        UsageError: An address is not valid, or a repository is combined with other paths.
    """
    configured = _configured_address(config)
    if not any(map(is_git, paths)):
        return None
    if len(paths) > 1:
        raise UsageError("a git repository must be the only PATH: its commit is one whole source")
    # Without ? the repository of the target's table has the ref and the path of that table.
    if configured is not None and paths[0] == config.source:
        return configured
    return parse_address(paths[0])


def _configured_address(config: SourceConfig) -> GitAddress | None:
    """Return the repository of the target's table, or None if its source is on disk."""
    if config.source is not None and is_git(config.source):
        return parse_address(config.source, config.ref, config.path)
    for field in SOURCE_FIELDS[1:]:
        if getattr(config, field) is not None:
            raise UsageError(
                f"{field} in the target's table of {CONFIG_FILE} needs a git repository as source: "
                f"{USAGE}"
            )
    return None


def open_source(
    paths: Sequence[str],
    config: SourceConfig,
    settings: GitSettings,
    *,
    stdin: TextIO,
    cache_directory: str | None,
) -> Source:
    """Return the source that `paths` are; nothing is read yet.

    Raises:
        UsageError: An address is not valid, or a setting does not fit the source.
    """
    address = git_address(paths, config)
    if address is None:
        if settings.revision is not None:
            raise UsageError(
                f"--revision needs a git repository as source, and {', '.join(paths)} is not one"
            )
        return DiskSource(tuple(paths), stdin.buffer, config.exclude)
    signers = Path(config.verify) if config.verify else None
    if signers is not None and not signers.is_file():
        raise UsageError(f"verify in the target's table: {signers} is not a file")
    settings = replace(
        settings, exclude=config.exclude, allowed_signers=signers and signers.absolute()
    )
    return _open_repository(address, settings, cache_directory)


def open_source_of(
    applied: AppliedCommit | None, settings: GitSettings, *, cache_directory: str | None
) -> Source | None:
    """Return the repository of a saved plan, which is not read, or None if it has none.

    Raises:
        UsageError: Its address is not valid, or there is no directory for the cache.
    """
    if applied is None:
        return None
    return _open_repository(parse_address(applied.address), settings, cache_directory)


def _open_repository(
    address: GitAddress, settings: GitSettings, cache_directory: str | None
) -> Source:
    # Ten modules that a source on disk does not need.
    from reconciler.source.git_cache import default_cache_directory  # noqa: PLC0415
    from reconciler.source.git_mirror import Mirror  # noqa: PLC0415
    from reconciler.source.git_source import GitSource  # noqa: PLC0415

    cache = Path(cache_directory) if cache_directory else default_cache_directory()
    return GitSource(address, Mirror(cache.absolute(), address), settings, time.monotonic)
