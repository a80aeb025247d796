"""Selects the targets of a run by names, globs and labels."""

from reconciler.core.errors import UsageError
from reconciler.core.resources import is_glob, matches_glob
from reconciler.settings.config_file import BUILT_IN, CONFIG_FILE, ConfigFile
from reconciler.settings.target_config import (
    OptionValues,
    require_known,
    unknown_target,
    url_or_name,
)
from reconciler.settings.target_labels import select_shard


def select_targets(values: OptionValues, file: ConfigFile) -> tuple[str, ...]:
    """Return the targets that globs, several names or ``all_targets`` select, each once.

    The value of ``target`` is a list of names and globs. The result is empty if it is one name, or
    if a URL or the AWS environment is the target. Globs and ``all_targets`` select no built-in
    target. Each value of ``shard`` leaves only the targets that have its label.

    Raises:
        UsageError: If a name, a glob or a label of several selects nothing, or options contradict
            each other.
    """
    names = _by_name(values, file)
    for shard in values.values.get("shard", ()):
        if not names:
            raise UsageError("--shard is for several targets: pass --all-targets or a glob")
        names = select_shard(shard, names, file.targets)
    return names


def _by_name(values: OptionValues, file: ConfigFile) -> tuple[str, ...]:
    if values.values.get("all_targets"):
        for other in ("target", "endpoint_url"):
            if other in values.flags:
                flag = other.replace("_", "-")
                raise UsageError(f"--all-targets selects the targets: remove --{flag}")
        return _all_targets(file)
    _, is_named, _ = url_or_name(values, file)
    patterns: tuple[str, ...] = values.values["target"] if is_named else ()
    if len(patterns) == 1 and not _is_glob(patterns[0], file):
        # Whether the name is known is checked when the target is chosen.
        return ()
    return tuple(dict.fromkeys(name for pattern in patterns for name in _matches(pattern, file)))


def _is_glob(pattern: str, file: ConfigFile) -> bool:
    return pattern not in file.targets and is_glob(pattern)


def _matches(pattern: str, file: ConfigFile) -> tuple[str, ...]:
    if not _is_glob(pattern, file):
        require_known(pattern, file)
        return (pattern,)
    found = tuple(
        name for name in file.targets if name not in BUILT_IN and matches_glob(name, pattern)
    )
    if not found:
        raise unknown_target(pattern, file)
    return found


def _all_targets(file: ConfigFile) -> tuple[str, ...]:
    names = tuple(name for name in file.targets if name not in BUILT_IN)
    if not names:
        raise UsageError(
            f"--all-targets selects nothing: {file.path or CONFIG_FILE} has no table of a target,"
            " such as [targets.staging]"
        )
    return names
