"""Knobs as click options, and what was said of them as one value."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from reconciler.cli.logs import start_logging
from reconciler.core.errors import UsageError
from reconciler.settings.config_file import ConfigFile, read_file
from reconciler.settings.options import (
    KEY_COMMANDS,
    OPTIONS,
    SOURCE_COMMANDS,
    Option,
    OptionType,
    is_lock,
)
from reconciler.settings.target_config import OptionValues

HOW_KEYS_READ = "; a key reads kind/name, such as mesh/payments or 'route/*'"


@dataclass(frozen=True, slots=True)
class Invocation:
    """What one run was asked to do.

    ``options`` holds every option of the verb by field name, and how it was set. ``keys`` are what
    it is about, as the user typed them. ``arguments`` is the command line after the verb.
    """

    command: str
    options: OptionValues
    paths: tuple[str, ...]
    keys: tuple[str, ...]
    file: ConfigFile
    arguments: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Any:
        """Return the value of the option with that field name."""
        return self.options.values[name]

    @property
    def listen(self) -> tuple[str, int]:
        """The host and port of ``--listen``; UsageError where it names none."""
        host, colon, port = self["listen"].rpartition(":")
        if not (colon and host and port.isdecimal()):
            raise UsageError(f'--listen takes HOST:PORT, not "{self["listen"]}"')
        return host.strip("[]"), int(port)

    def printed_calls(self, calls: Mapping[str, int]) -> Mapping[str, int]:
        """Return ``calls`` if --verbose or JSON asks to print them; else none."""
        values = self.options.values
        return calls if values.get("verbose") or values.get("format") == "json" else {}

    def reparse(self) -> "Invocation":
        """Return what the same command line means now that its files may say something else.

        UsageError where it means nothing any more.
        """
        again = make_command(self.command, lambda invocation: invocation)
        try:
            invocation: Invocation = again.main(list(self.arguments), standalone_mode=False)
        except click.ClickException as error:
            raise UsageError(error.format_message()) from error
        return invocation


CommandFunction = Callable[[Invocation], object]


class Command(click.Command):
    """A verb that remembers the words after it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take ``args`` in, and keep them."""
        ctx.obj = tuple(args)
        return super().parse_args(ctx, args)


def configure_logging(invocation: Invocation) -> None:
    """Log as the run was asked to; a daemon tells of its cycles unless it is told not to."""
    level = invocation["log_level"] or ("info" if invocation.command == "run" else None)
    start_logging(level, invocation["log_format"])


def load_command(name: str) -> click.Command:
    """Return the command that imports ``name``, logs as it was asked to, and runs it."""
    run: CommandFunction = import_module(f"reconciler.cli.commands.{name}").run

    @wraps(run)
    def logged(invocation: Invocation) -> object:
        configure_logging(invocation)
        return run(invocation)

    return make_command(name, logged)


def make_command(command: str, run: CommandFunction) -> click.Command:
    """Return the click command of ``command``; its docstring is its help."""

    def callback(**parameters: Any) -> object:
        context = click.get_current_context()
        flags, variables = (
            frozenset(name for name in parameters if context.get_parameter_source(name) is source)
            for source in (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
        )
        file: ConfigFile = parameters.pop("config", None) or read_file(None)
        paths, keys = parameters.pop("paths", ()), parameters.pop("keys", ())
        options = OptionValues(parameters, flags, variables)
        return run(Invocation(command, options, paths, keys, file, context.obj))

    click_options: list[click.Parameter] = [
        _option(option) for option in OPTIONS if option.offered_by(command)
    ]
    arguments: list[click.Parameter] = []
    if metavar := KEY_COMMANDS.get(command):
        required = not metavar.startswith("[")
        arguments.append(click.Argument(["keys"], nargs=-1, required=required, metavar=metavar))
    elif command in SOURCE_COMMANDS:
        arguments.append(click.Argument(["paths"], nargs=-1, metavar="[PATH…]", type=click.Path()))
    elif command == "show":
        arguments.append(
            click.Argument(["paths"], metavar="PLANFILE", type=click.Path(), callback=_give_alone)
        )
    return Command(
        command,
        callback=callback,
        params=[*arguments, _config_option(command), *click_options],
        help=run.__doc__,
    )


class Seconds(click.FloatRange):
    """A number of seconds, which ``nan`` and ``inf`` are not."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or fail with what is allowed."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number of seconds", param, ctx)
        return number


class Lock(click.ParamType[str]):
    """The place of a lease, checked before anything is read; an empty one is an error, not none."""

    name = "lock"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return ``value``, or fail with what is allowed."""
        if not is_lock(value):
            self.fail(f'it takes file:PATH or dynamodb:TABLE, not "{value}"', param, ctx)
        return value


def _give_alone(_context: click.Context, _parameter: click.Parameter, path: str) -> tuple[str]:
    return (path,)


def _option(option: Option) -> click.Option:
    text = option.help
    if option.default is not None and option.type is not OptionType.FLAG:
        text = (
            f"{text}  [{option.default:g}]"
            if isinstance(option.default, float)
            else f"{text}  [{option.default}]"
        )
    return click.Option(
        [*([f"-{option.letter}"] if option.letter else []), f"--{option.name}", option.field],
        type=_type(option),
        default=False if option.type is OptionType.FLAG else option.default,
        is_flag=option.type is OptionType.FLAG,
        multiple=option.type is OptionType.TEXT_LIST,
        envvar=option.environment_variable,
        metavar=option.metavar,
        help=text,
    )


def _type(option: Option) -> click.ParamType[Any] | None:
    match option.type:
        case OptionType.FLAG:
            return None
        case OptionType.COUNT:
            return click.IntRange(min=option.minimum, max=option.maximum)
        case OptionType.SECONDS:
            return Seconds(min=option.minimum)
        case OptionType.LOCK:
            return Lock()
        case OptionType.TEXT | OptionType.TEXT_LIST if option.choices:
            return click.Choice(option.choices)
        case OptionType.TEXT | OptionType.TEXT_LIST:
            # The shell completes the names of files.
            return click.Path() if option.metavar in ("FILE", "DIR") else click.STRING


def _config_option(command: str) -> click.Option:
    return click.Option(
        ["--config"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        envvar="RECONCILER_CONFIG",
        is_eager=True,
        callback=lambda context, _, path: _load_defaults(context, command, path),
        help="Settings file.  [reconciler.toml]",
    )


def _load_defaults(context: click.Context, command: str, path: Path | None) -> ConfigFile:
    file = read_file(path)
    own = file.commands.get(command, {})
    context.default_map = {**file.common, **own}
    return file
