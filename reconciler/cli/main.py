"""Runs a command, and turns every error into one line and an exit code."""

import errno
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from reconciler.cli.command_table import COMMANDS, EXAMPLES, GROUPS, write_examples
from reconciler.cli.error_codes import code_of, describe_error
from reconciler.cli.logs import start_logging
from reconciler.cli.output import print_error, print_message, stop_printing
from reconciler.core.errors import ReconcilerError, UsageError
from reconciler.core.exit_codes import ExitCode

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

UNWRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class Commands(click.Group):
    """All commands; a command is imported when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands in the order of the help."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command ``cmd_name``, or None if there is none."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        # The help of the group needs no options.
        from reconciler.cli.command import load_command  # noqa: PLC0415

        return load_command(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command of ``args``, with its name and the rest of ``args``.

        Raises:
            UsageError: If there is no such command.
        """
        # A command may have two words.
        if " ".join(args[:2]) in COMMANDS:
            args = [" ".join(args[:2]), *args[2:]]
        if ctx.resilient_parsing:
            # The completion of a shell asks about words that are not yet a command.
            ctx.obj = tuple(args)
        elif args[0] not in COMMANDS:
            # The tables of options are not needed to run a command.
            from reconciler.cli.hints import describe_unknown_command  # noqa: PLC0415

            raise UsageError(f"{describe_unknown_command(args)} (see {ctx.command_path} --help)")
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        """Return the next words of the commands, or the options, that begin with ``incomplete``."""
        # No other command needs this module.
        from click.shell_completion import CompletionItem  # noqa: PLC0415

        before = "".join(f"{word} " for word in ctx.obj or ())
        summaries: dict[str, str | None] = {}
        for name, command in COMMANDS.items():
            if name.startswith(before + incomplete):
                word, _, more = name.removeprefix(before).partition(" ")
                summaries.setdefault(word, None if more else command.summary)
        words = [CompletionItem(word, help=summary) for word, summary in summaries.items()]
        return [*words, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each group under its heading, and then the options."""
        for group in GROUPS:
            width = max(len(name) for name in COMMANDS if COMMANDS[name].group == group)
            with formatter.section(group):
                formatter.write_dl(
                    [
                        (name.ljust(width), command.summary)
                        for name, command in COMMANDS.items()
                        if command.group == group
                    ]
                )
        click.Command.format_options(self, ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples."""
        del ctx
        write_examples(formatter, EXAMPLES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    start_logging()
    try:
        return int(
            command_group().main(arguments, prog_name="reconciler", standalone_mode=False) or 0
        )
    except click.ClickException as error:
        _print_usage_error(error)
        return ExitCode.USAGE
    except ReconcilerError as error:
        print_error(str(error))
        return code_of(error)
    except (KeyboardInterrupt, click.Abort) as error:
        # The terminal has just printed ^C in the middle of a line.
        print_message("\n" if sys.stderr.isatty() else "")
        print_error(str(error) or "interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        stop_printing()
        return ExitCode.ERROR
    except Exception as error:  # a bug ends in one line too
        logging.getLogger(__name__).debug("the run has failed", exc_info=error)
        print_error(_describe_error(error))
        return ExitCode.ERROR


def _describe_error(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno in UNWRITTEN and error.filename is None:
        # An error without a file name comes from the output of click, such as --help.
        stop_printing()
        return f"writing results: {error.strerror}; the output is incomplete"
    return describe_error(error)


def _print_usage_error(error: click.ClickException) -> None:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        print_message(f"{error.format_message()}\n")
    elif isinstance(error, click.UsageError) and error.ctx is not None:
        message = error.format_message()
        if isinstance(error, click.NoSuchOption):
            # As in resolve_command.
            from reconciler.cli.hints import describe_unknown_option  # noqa: PLC0415

            name = error.ctx.command.name or ""
            message = describe_unknown_option(name, error.option_name, error.ctx.obj or ())
        print_error(f"{message} (see {error.ctx.command_path} --help)")
    else:
        print_error(error.format_message())


def command_group() -> Commands:
    """Return the top of the command line."""
    group = Commands(
        help="Reconcile AWS App Mesh with declarative manifests.",
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    return click.version_option(package_name="mesh-reconciler", prog_name="reconciler")(group)
