"""Commands and options that users of other tools type, and what to use here instead."""

import difflib
from collections.abc import Collection, Mapping, Sequence

from reconciler.cli.command_table import COMMANDS
from reconciler.known_secrets import shown
from reconciler.settings.options import OPTIONS

_DELETE = "remove the manifest, then run apply --policy sync"
_APPROVE = "pass --auto-approve to apply, adopt or release"
_PATH = "pass the PATH without an option, such as manifests"
_RUN = "run is the daemon"
_VERSION = "use reconciler --version"
_ROLLBACK = (
    "with a git repository as source, use plan and apply --revision COMMIT; otherwise git revert, "
    "then apply"
)
_ROUTES = "use envoy explain KEY for the routes of one proxy in their order, or graph for a mesh"
_STOP = (
    "press Ctrl-C once in apply, or pass --policy observe to run; suspend in a manifest is for one "
    "resource"
)
_OVERVIEW = "get lists live resources, plan shows the changes"

COMMAND_HINTS: Mapping[str, str] = {
    "check": "use validate for manifests, and doctor for settings and credentials",
    "completion": "see deploy/completion of the repository",
    "create": "write a manifest, then run apply",
    "delete": _DELETE,
    "deploy": "use apply",
    "destroy": _DELETE,
    "down": _DELETE,
    "drift": "use plan --drift",
    "edit": "edit the manifest, then run apply",
    "fmt": "manifests may have any layout; validate checks them",
    "help": "use reconciler --help, or --help after a command",
    "import": "use export to write manifests of live resources, then adopt",
    "init": "nothing needs to be initialized: write manifests/, then run plan",
    "lint": "use validate",
    "list": _OVERVIEW,
    "logs": "run and endpoint log on stderr; history lists the runs",
    "ls": _OVERVIEW,
    "pause": _STOP,
    "preview": "use plan",
    "refresh": "use plan --refresh; there is no state to refresh",
    "remove": _DELETE,
    "replace": "edit the manifest, then run apply",
    "rm": _DELETE,
    "rollback": _ROLLBACK,
    "route": _ROUTES,
    "start": _RUN,
    "state": _OVERVIEW,
    "stop": _STOP,
    "sync": "use apply --policy sync, or reconcile for a cycle of a daemon",
    "test": "use validate, plan or doctor",
    "trace": _ROUTES,
    "undo": _ROLLBACK,
    "up": "use apply",
    "update": "edit the manifest, then run apply",
    "version": _VERSION,
    "watch": _RUN,
    "why": "describe KEY shows why a resource differs or is withheld; " + _ROUTES,
}
"""The advice for commands of other tools."""

OPTION_HINTS: Mapping[str, str] = {
    "-A": "all resources are the default",
    "-R": "directories are read with all their subdirectories",
    "-V": _VERSION,
    "-c": "use --target NAME, or --config FILE",
    "-f": _PATH,
    "-l": "use --only KEY",
    "-n": "use --namespace NAME",
    "-o": "use --format",
    "-q": "use --log-level error",
    "-r": "directories are read with all their subdirectories",
    "-t": "use --target NAME",
    "-w": _RUN,
    "-y": _APPROVE,
    "--all": "all resources are the default",
    "--assume-yes": _APPROVE,
    "--chdir": "change the directory before the command",
    "--check": "use plan --detailed-exitcode",
    "--context": "use --target NAME",
    "--debug": "use --log-level debug",
    "--destroy": _DELETE,
    "--dry-run": "use plan, which writes nothing",
    "--dryrun": "use plan, which writes nothing",
    "--env": "use --target NAME",
    "--environment": "use --target NAME",
    "--file": _PATH,
    "--filename": _PATH,
    "--force": "no option overrides a guard as a whole; the plan lists the option of each reason",
    "--json": "use --format json",
    "--no-color": "use --color never",
    "--output": "use --format",
    "--parallel": "use --parallelism N",
    "--prune": "use --policy sync, which deletes",
    "--quiet": "use --log-level error",
    "--recursive": "directories are read with all their subdirectories",
    "--selector": "use --only KEY",
    "--server": "use --endpoint-url URL",
    "--set": "use --var NAME=VALUE",
    "--values": "use --var-file FILE",
    "--wait": "apply waits until each change can be read; --wait-proxies waits for Envoys",
    "--watch": _RUN,
    "--yaml": "get has --format yaml",
    "--yes": _APPROVE,
}
"""The advice for options of other tools."""


def describe_unknown_command(words: Sequence[str]) -> str:
    """Return the message for a command line whose first words are no command."""
    given = words[0]
    groups = [name for name in COMMANDS if name.split(" ")[0] == given]
    two_words = " ".join(words[:2])
    if groups:
        similar = _did_you_mean(two_words, groups) if two_words != given else ""
        given, hint = two_words, similar or f": use one of {', '.join(groups)}"
    elif given in COMMAND_HINTS:
        hint = f": {COMMAND_HINTS[given]}"
    else:
        hint = _did_you_mean(two_words, COMMANDS, 0.8) or _did_you_mean(given, COMMANDS)
    return f'no command "{shown(given)}"{hint}'


def describe_unknown_option(command: str, flag: str, arguments: Sequence[str]) -> str:
    """Return the message for an option that ``command`` does not have.

    Args:
        command: The command; any other name if the option is before the command.
        flag: The option as click split it, such as ``-a`` of ``-auto-approve``.
        arguments: The arguments of the command.
    """
    if command not in COMMANDS:
        return f"{flag} is before the command: pass all options after it"
    offered = {f"--{option.name}" for option in OPTIONS if option.offered_by(command)}
    # Terraform has options with one dash.
    given = next((it for it in arguments if it.startswith(flag)), flag).partition("=")[0]
    long = f"-{given}" if given[:2] != "--" else given
    named = [option for option in OPTIONS if f"--{option.name}" == long]
    others = [name for name in COMMANDS if any(option.offered_by(name) for option in named)]
    if given != long and long not in offered and long not in OPTION_HINTS:
        # A value, such as a password, may follow the letter.
        given = flag
    if long in offered:
        hint = f": use {long}"
    elif advice := OPTION_HINTS.get(given, OPTION_HINTS.get(long)):
        hint = f": {advice}"
    elif others:
        hint = f": it is an option of {', '.join(others)}"
    else:
        hint = _did_you_mean(long, sorted(offered))
    return f"{command} has no option {shown(given)}{hint}"


def _did_you_mean(given: str, known: Collection[str], cutoff: float = 0.6) -> str:
    similar = difflib.get_close_matches(shown(given), known, 1, cutoff)
    return f" (did you mean {similar[0]}?)" if similar else ""
