"""Completes keys from the manifests on disk, targets, and codes for shells.

Nothing is read from a network, and a source that takes long to read completes nothing.
"""

import shlex
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import click

from reconciler import limits
from reconciler.cli.option_sources import option_values
from reconciler.core.errors import ReconcilerError
from reconciler.core.kinds import KINDS, PROXY_KINDS
from reconciler.core.resources import Key
from reconciler.settings.config_file import BUILT_IN, ConfigFile, read_file
from reconciler.settings.target_config import source_of

Completer = Callable[[click.Context, click.Parameter, str], list[str]]

# These commands take the key of a virtual node or gateway.
_PROXY_COMMANDS = ("envoy explain", "envoy bootstrap")
# Options of a source that only some commands with keys have, with their default values.
_NO_VARIABLES = {"var": (), "var_yaml": (), "var_file": (), "stack_outputs": (), "var_env": False}


def complete_targets(context: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
    """Return the names of targets that begin with ``start``."""
    with suppress(ReconcilerError):
        return _starting_with(start, dict.fromkeys((*BUILT_IN, *_file_of(context).targets)))
    return []


def complete_keys(context: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
    """Return the keys of the manifests that begin with ``start``."""
    arguments = context.obj or ()
    if arguments and arguments[-1].startswith("-"):
        # click parses no arguments if an option at the end lacks the value that is completed.
        context = context.command.make_context(
            context.info_name, [*arguments[:-1]], context.parent, resilient_parsing=True
        )
    with suppress(ReconcilerError, OSError):
        kinds = PROXY_KINDS if context.info_name in _PROXY_COMMANDS else KINDS
        return _starting_with(start, (str(key) for key in _keys(context) if key.kind in kinds))
    return []


def complete_codes(_context: click.Context, _parameter: click.Parameter, start: str) -> list[str]:
    """Return the codes of diagnostics and of exits that begin with ``start``."""
    from reconciler.core.exit_codes import ExitCode  # noqa: PLC0415
    from reconciler.manifest.parsing.diagnostics import Code  # noqa: PLC0415

    return _starting_with(
        start, [*(code.number for code in Code), *(code.word for code in ExitCode)]
    )


OPTION_COMPLETERS: Mapping[str, Completer] = {
    "target": complete_targets,
    "only": complete_keys,
    "except": complete_keys,
    "key": complete_keys,
}
"""The completion of options by name; choices and files are completed by their types."""


def _starting_with(start: str, words: Iterable[str]) -> list[str]:
    """Return the words that begin with ``start`` and that a shell reads as they are.

    A shell inserts them without quotation marks, so the name ``a;b`` would run the command b.
    """
    return [word for word in words if word.startswith(start) and shlex.quote(word) == word]


def _file_of(context: click.Context) -> ConfigFile:
    file: ConfigFile | None = context.params.get("config")
    return file or read_file(None)


def _keys(context: click.Context) -> list[Key]:
    """Return the keys of the manifests, sorted."""
    # These imports take longer than all other completions.
    from reconciler.manifest.budget import TooSlowError  # noqa: PLC0415
    from reconciler.manifest.loading import load_manifests  # noqa: PLC0415
    from reconciler.source.file_walk import DEFAULT_SOURCE, STANDARD_INPUT  # noqa: PLC0415
    from reconciler.source.git_url import is_git  # noqa: PLC0415
    from reconciler.source.snapshot import read  # noqa: PLC0415
    from reconciler.wiring.manifest_inputs import read_inputs  # noqa: PLC0415

    end = time.process_time() + limits.COMPLETION_CPU_SECONDS

    def check_time() -> None:
        if time.process_time() > end:
            raise TooSlowError

    given = {name: value for name, value in context.params.items() if value is not None}
    if targets := given.get("target"):
        given["target"] = targets[0]
    options, file = option_values(context, {**_NO_VARIABLES, **given}), _file_of(context)
    config = source_of(options, file)
    paths = context.params.get("paths") or (config.source or DEFAULT_SOURCE,)
    if STANDARD_INPUT in paths or any(map(is_git, paths)):
        return []
    snapshot = read(paths, stdin=sys.stdin.buffer, exclude=config.exclude, check_time=check_time)
    loaded = load_manifests(snapshot.files, read_inputs(options, file), check_time=check_time)
    return [resource.key for resource in loaded.desired]
