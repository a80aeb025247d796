"""Builds click commands from the table of options, and the value of their command line."""

import gc
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from reconciler.cli.arguments import arguments_of
from reconciler.cli.command_table import COMMANDS, write_examples
from reconciler.cli.completion import OPTION_COMPLETERS
from reconciler.cli.logs import start_logging
from reconciler.cli.option_sources import option_values
from reconciler.core.errors import UsageError
from reconciler.core.resources import shorten_list
from reconciler.known_secrets import shown
from reconciler.render.formats import PLAN_FORMATS
from reconciler.settings.config_file import ConfigFile, read_file
from reconciler.settings.lock_schemes import LOCK_USAGE
from reconciler.settings.options import (
    DAEMON_CLIENT_COMMANDS,
    FLEET_COMMANDS,
    OPTIONS,
    Option,
    OptionGroup,
    OptionType,
    is_lock,
)
from reconciler.settings.target_config import OptionValues
from reconciler.settings.target_selection import select_targets

# Column of the flags in --help, the same in each group; a longer flag has a line of its own.
FLAG_WIDTH = 26
KEY_HINT = "; a key is kind/name, such as mesh/payments or 'route/*'"


@dataclass(frozen=True, slots=True)
class Invocation:
    """The parsed command line of one run.

    Attributes:
        options: All options of the command by field name, and how each was set.
        keys: The keys as the user typed them.
        arguments: The command line after the command.
        directory: The directory to write to, if it is an argument.
        targets: The targets of a run over many; each has the invocation of ``for_target``.
        started_at: When the run started, in seconds since 1970.
    """

    command: str
    options: OptionValues
    paths: tuple[str, ...]
    keys: tuple[str, ...]
    file: ConfigFile
    arguments: tuple[str, ...] = ()
    directory: str = ""
    targets: tuple[str, ...] = ()
    started_at: float = field(default_factory=time.time)

    def __getitem__(self, name: str) -> Any:
        """Return the value of the option with that field name."""
        return self.options.values[name]

    @property
    def listen(self) -> tuple[str, int]:
        """The host and port of ``--listen``.

        Raises:
            UsageError: If it is not HOST:PORT.
        """
        host, colon, port = self["listen"].rpartition(":")
        if not (colon and host and port.isdecimal()):
            raise UsageError(f'invalid --listen "{self["listen"]}": use HOST:PORT')
        return host.strip("[]"), int(port)

    def printed_calls(self, calls: Mapping[str, int]) -> Mapping[str, int]:
        """Return ``calls`` if --verbose or --format json prints them, else an empty mapping."""
        values = self.options.values
        return calls if values.get("verbose") or values.get("format") == "json" else {}

    @property
    def shows_plan(self) -> bool:
        """Whether --format shows the plan to a person before it is applied."""
        return PLAN_FORMATS[self["format"]].is_interactive

    def require_confirmation_possible(self) -> None:
        """Reject a run that needs confirmation but cannot ask for it.

        Raises:
            UsageError: If stdin is not a terminal, or if the format does not show the plan.
        """
        # Only apply, adopt and release ask.
        if self.options.values.get("auto_approve", True):
            return
        if not sys.stdin.isatty():
            reason = "stdin is not a terminal"
        elif not self.shows_plan:
            reason = f"--format {self['format']} shows no plan"
        else:
            return
        raise UsageError(f"{self.command} needs confirmation, but {reason}: pass --auto-approve")

    def for_target(self, name: str) -> "Invocation":
        """Return the same command line for one target."""
        options = replace(
            self.options,
            values={**self.options.values, "target": name},
            flags=self.options.flags | {"target"},
        )
        return replace(self, options=options, targets=())

    def reparse(self) -> "Invocation":
        """Return the same command line with the current content of its files.

        Raises:
            UsageError: If it is not valid any more.
        """
        command = make_command(self.command, lambda invocation: invocation)
        try:
            invocation: Invocation = command.main(list(self.arguments), standalone_mode=False)
        except click.ClickException as error:
            raise UsageError(error.format_message()) from error
        # The command line may select many targets; this is one.
        return invocation.for_target(self["target"]) if invocation.targets else invocation


CommandFunction = Callable[[Invocation], object]


class Command(click.Command):
    """A command whose help has groups of options, examples and exit codes."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse ``args``, and keep them for ``Invocation.arguments``."""
        ctx.obj = tuple(args)
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each group under its heading."""
        offered = [option for option in OPTIONS if option.offered_by(self.name or "")]
        groups = {option.field: option.group for option in offered}
        rows: dict[OptionGroup, list[tuple[str, str]]] = {group: [] for group in OptionGroup}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record and isinstance(parameter, click.Option):
                flag, text = record
                group = groups.get(parameter.name or "", OptionGroup.OTHER)
                rows[group].append((flag.ljust(FLAG_WIDTH), text))
        for group, records in rows.items():
            if records:
                with formatter.section(group.value):
                    formatter.write_dl(records, col_max=FLAG_WIDTH)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples and the exit codes."""
        del ctx
        command_help = COMMANDS[self.name or ""]
        write_examples(formatter, command_help.examples)
        with formatter.section("Exit codes"):
            formatter.write_dl(
                [
                    (str(int(code)), command_help.meaning_of(code))
                    for code in sorted(command_help.exit_codes)
                ]
            )


def configure_logging(invocation: Invocation) -> None:
    """Set up logging by the options. Without --log-level, the daemon logs its cycles (info)."""
    level = invocation["log_level"] or ("info" if invocation.command == "run" else None)
    start_logging(level, invocation["log_format"])


def load_command(name: str) -> click.Command:
    """Return the click command of ``name``, which imports its module only when it runs."""

    def run(invocation: Invocation) -> object:
        configure_logging(invocation)
        module = import_module(f"reconciler.cli.commands.{name.replace(' ', '_')}")
        if not gc.isenabled():
            # The imported objects stay, so no collection has to look at them.
            gc.freeze()
            gc.enable()
        return module.run_many(invocation) if invocation.targets else module.run(invocation)

    return make_command(name, run)


def make_command(command: str, run: CommandFunction) -> click.Command:
    """Return a click command that parses the options of ``command`` and calls ``run``."""

    def callback(**parameters: Any) -> object:
        context = click.get_current_context()
        file: ConfigFile = parameters.pop("config", None) or read_file(None)
        paths, keys = parameters.pop("paths", ()), parameters.pop("keys", ())
        directory = parameters.pop("directory", "")
        options = option_values(context, parameters)
        options, targets = _select_targets(command, options, file)
        return run(Invocation(command, options, paths, keys, file, context.obj, directory, targets))

    click_options = [_option(option) for option in OPTIONS if option.offered_by(command)]
    command_help = COMMANDS[command]
    return Command(
        command,
        callback=callback,
        params=[*arguments_of(command), _config_option(command), *click_options],
        help=f"{command_help.summary}\n\n{command_help.details}",
    )


def _select_targets(
    command: str, options: OptionValues, file: ConfigFile
) -> tuple[OptionValues, tuple[str, ...]]:
    """Return ``options`` with the name of one target, or the names of several.

    Raises:
        UsageError: If the command cannot run over the targets that the options select.
    """
    if "target" not in options.values or command in DAEMON_CLIENT_COMMANDS:
        return options, ()
    targets = select_targets(options, file)
    names: tuple[str, ...] = options.values["target"]
    if targets and command not in FLEET_COMMANDS:
        if len(targets) > 1:
            raise UsageError(
                f"{command} runs on one target, but the options select {len(targets)}:"
                f" {shorten_list(targets)}; pass --target NAME"
            )
        names, targets = targets, ()
    # A run over many keeps the names and globs.
    target = names if targets else next(iter(names), None)
    return replace(options, values={**options.values, "target": target}), targets


class Count(click.IntRange):
    """A whole number."""

    name = "whole number"


class Seconds(click.FloatRange):
    """A finite number of seconds."""

    name = "number of seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the number, or fail if it is not finite or out of range."""
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is not a number of seconds", param, ctx)
        return number


class Repeatable(click.types.StringParamType):
    """A text that can be given several times; a variable sets one, even if it has spaces."""

    def split_envvar_value(self, rv: str) -> list[str]:
        """Return the whole value."""
        return [rv]


class Lock(click.ParamType[str]):
    """The value of --lock, such as file:PATH; checked before any read. It must not be empty."""

    name = "lock"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return ``value``, or fail if it is not the location of a lease."""
        if not is_lock(value):
            # It may be a URL with a password.
            self.fail(f'"{shown(value)}" is not a lock: use {LOCK_USAGE}', param, ctx)
        return value


def _option(option: Option) -> click.Option:
    is_flag = option.type is OptionType.FLAG
    return click.Option(
        [*([f"-{option.letter}"] if option.letter else []), f"--{option.name}", option.field],
        type=_type(option),
        default=False if is_flag else option.default,
        show_default=True,
        is_flag=is_flag,
        multiple=option.type is OptionType.TEXT_LIST or option.is_repeatable,
        envvar=option.environment_variable,
        metavar=option.metavar,
        help=option.help,
        shell_complete=OPTION_COMPLETERS.get(option.name),
    )


def _type(option: Option) -> click.ParamType[Any] | None:
    match option.type:
        case OptionType.FLAG:
            return None
        case OptionType.COUNT:
            return Count(min=option.minimum, max=option.maximum)
        case OptionType.SECONDS:
            return Seconds(min=option.minimum)
        case OptionType.LOCK:
            return Lock()
        case OptionType.TEXT | OptionType.TEXT_LIST if option.choices:
            return click.Choice(option.choices)
        case OptionType.TEXT | OptionType.TEXT_LIST:
            # With this type, the shell completes file names.
            text = Repeatable() if option.is_repeatable else click.STRING
            return click.Path() if option.metavar in ("FILE", "DIR") else text


def _config_option(command: str) -> click.Option:
    return click.Option(
        ["--config"],
        type=click.Path(path_type=Path),
        metavar="FILE",
        envvar="RECONCILER_CONFIG",
        is_eager=True,
        callback=lambda context, _, path: _load_defaults(context, command, path),
        help="Settings file. Default: reconciler.toml, if it exists.",
    )


def _load_defaults(context: click.Context, command: str, path: Path | None) -> ConfigFile:
    file = read_file(path)
    values = {**file.common, **file.commands.get(command, {})}
    context.default_map = {
        option.field: (values[option.field],) if option.is_repeatable else values[option.field]
        for option in OPTIONS
        if option.field in values and option.configurable and option.offered_by(command)
    }
    return file
