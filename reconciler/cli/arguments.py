"""The arguments of each command besides its options: keys, paths and others."""

import re
from pathlib import Path
from typing import Any

import click

from reconciler.cli.completion import complete_codes, complete_keys
from reconciler.core.errors import UsageError
from reconciler.core.kinds import KINDS
from reconciler.settings.options import KEY_COMMANDS

_GLOB = re.compile("[*?[]")


def arguments_of(command: str) -> list[click.Parameter]:
    """Return the click arguments of ``command``, in their order."""
    paths: dict[str, Any] = {"nargs": -1, "metavar": "[PATH…]", "type": click.Path()}
    found: list[click.Parameter] = []
    if metavar := KEY_COMMANDS.get(command):
        # With paths after it, only one argument can be the key.
        count = {"nargs": 1} if command == "diff" else {"nargs": -1}
        required = {"required": not metavar.startswith("[")}
        found.append(
            click.Argument(
                ["keys"],
                metavar=metavar,
                callback=_require_keys,
                shell_complete=complete_keys,
                **count,
                **required,
            )
        )
    match command:
        case "diff" | "validate" | "plan" | "apply" | "ci" | "run":
            found.append(click.Argument(["paths"], **paths))
        case "envoy export":
            found.append(click.Argument(["directory"], metavar="DIR", type=click.Path()))
            found.append(click.Argument(["paths"], **paths))
        case "endpoint":
            task = click.Choice(["copy"])
            found.append(click.Argument(["paths"], nargs=-1, metavar="[copy]", type=task))
        case "history":
            found.append(click.Argument(["paths"], nargs=-1, metavar="[RUN]"))
        case "show":
            plan_file = {"metavar": "PLANFILE", "type": click.Path()}
            found.append(click.Argument(["paths"], callback=_as_tuple, **plan_file))
        case "explain":
            code = {"metavar": "CODE", "shell_complete": complete_codes}
            found.append(click.Argument(["paths"], callback=_as_tuple, **code))
    return found


def _require_keys(
    context: click.Context, _parameter: click.Parameter, given: tuple[str, ...] | str
) -> tuple[str, ...]:
    """Return the patterns, and reject each that cannot match a key, before anything is read."""
    patterns = (given,) if isinstance(given, str) else given
    for pattern in patterns:
        kind, slash, _ = pattern.partition("/")
        if _GLOB.search(kind) or (slash and kind in KINDS):
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


def _as_tuple(_context: click.Context, _parameter: click.Parameter, path: str) -> tuple[str]:
    return (path,)
