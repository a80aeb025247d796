"""The arguments of each command besides its options, such as keys and paths."""

from pathlib import Path

import click

from reconciler.cli.completion import complete_codes, complete_keys
from reconciler.core.errors import UsageError
from reconciler.core.kinds import KINDS
from reconciler.core.resources import is_glob
from reconciler.settings.options import KEY_COMMANDS, PATH_COMMANDS


def arguments_of(command: str) -> list[click.Parameter]:
    """Return the click arguments of ``command``, in their order."""
    found: list[click.Parameter] = []
    if metavar := KEY_COMMANDS.get(command):
        found.append(
            click.Argument(
                ["keys"],
                # Before paths, only one argument can be a key.
                nargs=1 if command in PATH_COMMANDS else -1,
                required=not metavar.startswith("["),
                metavar=metavar,
                callback=_require_keys,
                shell_complete=complete_keys,
            )
        )
    if command == "envoy export":
        found.append(click.Argument(["directory"], metavar="DIR", type=click.Path()))
    if command in PATH_COMMANDS:
        found.append(click.Argument(["paths"], nargs=-1, metavar="[PATH…]", type=click.Path()))
    elif command == "endpoint":
        found.append(_optional_choice(["copy"]))
    elif command == "rollout":
        # Only this command needs it.
        from reconciler.core.fleet.rollout_news import RolloutCommand  # noqa: PLC0415

        found.append(_optional_choice([command.value for command in RolloutCommand]))
    elif command == "history":
        found.append(click.Argument(["paths"], nargs=-1, metavar="[RUN]"))
    elif command == "show":
        found.append(
            click.Argument(["paths"], metavar="PLANFILE", type=click.Path(), callback=_as_tuple)
        )
    elif command == "explain":
        found.append(
            click.Argument(
                ["paths"], metavar="CODE", callback=_as_tuple, shell_complete=complete_codes
            )
        )
    return found


def _optional_choice(words: list[str]) -> click.Argument:
    """Return an argument that is one of ``words``, or missing."""
    return click.Argument(
        ["paths"],
        required=False,
        metavar=f"[{'|'.join(words)}]",
        type=click.Choice(words),
        callback=_as_tuple,
    )


def _require_keys(
    context: click.Context, _parameter: click.Parameter, given: tuple[str, ...] | str
) -> tuple[str, ...]:
    """Return the patterns, and reject each that cannot match a key, before anything is read."""
    patterns = (given,) if isinstance(given, str) else given
    for pattern in patterns:
        kind, slash, _ = pattern.partition("/")
        if is_glob(kind) or (slash and kind in KINDS):
            continue
        if Path(pattern).exists():
            raise UsageError(
                f"{pattern} is a path, but {context.info_name} takes only keys: to read manifests "
                "outside of manifests/, set source in the target's table of reconciler.toml"
            )
        example = "mesh/payments" if slash else f"mesh/{pattern}"
        raise UsageError(
            f"{pattern} is not a key: a key is kind/name, such as {example}, and the kinds are "
            f"{', '.join(KINDS)}"
        )
    return patterns


def _as_tuple(
    _context: click.Context, _parameter: click.Parameter, path: str | None
) -> tuple[str, ...]:
    return () if path is None else (path,)
