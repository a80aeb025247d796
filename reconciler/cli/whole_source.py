"""Whether a run covers the whole source of its target; only then may it delete."""

from collections.abc import Sequence
from pathlib import Path

from reconciler.cli.command import Invocation
from reconciler.settings.target_config import TargetConfig
from reconciler.source.file_walk import DEFAULT_SOURCE
from reconciler.wiring.sources import git_address


def find_incomplete_reason(
    invocation: Invocation, config: TargetConfig, paths: Sequence[str]
) -> str | None:
    """Return why the run does not cover the whole source, or None if it does."""
    for name in ("only", "except"):
        if invocation[name]:
            return f"--{name} was given"
    if "-" in paths:
        return "the manifests came from standard input"
    configured, address = config.source.source, git_address(paths, config.source)
    if address is not None:
        is_whole = configured is None or address == git_address((configured,), config.source)
        return None if is_whole else f"{address} is not the source {configured}"
    given = {Path(path).resolve() for path in paths}
    if configured is not None:
        # A parent directory does not count: files that its walk excludes would look removed.
        is_whole = Path(configured).resolve() in given
        return None if is_whole else f"{', '.join(paths)} is not the source {configured}"
    default = Path(DEFAULT_SOURCE).resolve()
    for path in given:
        if path != default and (default in path.parents or not path.is_dir()):
            return f"{path.name} may be only a part of the source; set the source of the target"
    return None
