"""Runs a command over many targets: each has a run of its own, and some run at a time.

The targets share manifests, which are read once, and the costly parts of the SDK.
"""

import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from reconciler import parallel
from reconciler.cli.command import Invocation
from reconciler.cli.error_codes import code_of, describe_error
from reconciler.cli.logs import logging_target
from reconciler.cli.output import (
    ERROR_PREFIX,
    captured_messages,
    layout,
    print_complete_result,
    print_error,
    print_message,
)
from reconciler.cli.progress import counter
from reconciler.core.errors import ReconcilerError, UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.core.report import fleet_exit_code
from reconciler.core.resources import shorten_list
from reconciler.render.fleet import FLEET_FORMATS, Section
from reconciler.settings.lock_schemes import LOCK_SCHEMES, TARGET_PLACEHOLDER

Result = TypeVar("Result")
if TYPE_CHECKING:
    from reconciler.core.fleet.rollout import RolloutRules

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ended(Generic[Result]):
    """The end of the run on one target.

    Attributes:
        result: The result of the run; None if it failed.
        code: The exit code of a run that failed.
        error: Why it failed; empty if it did not.
        messages: The messages for stderr.
    """

    target: str
    result: Result | None
    code: ExitCode = ExitCode.OK
    error: str = ""
    messages: tuple[str, ...] = ()

    def section(self, show: Callable[[Result], tuple[ExitCode, str, str]]) -> Section:
        """Return the part of the output; ``show`` returns exit code, summary and whole output."""
        if self.result is None:
            return Section(self.target, self.code, self.error, None)
        return Section(self.target, *show(self.result))


def members_of(invocation: Invocation) -> list[Invocation]:
    """Return the invocation of each target.

    Raises:
        UsageError: If an option cannot be for several targets.
    """
    for option in ("region", "profile", "owner"):
        if invocation.options.is_explicit(option):
            raise UsageError(
                f"--{option} is for one target, and {len(invocation.targets)} are selected: set it"
                " in their tables of reconciler.toml"
            )
    # The fingerprint of a CI job is that of all plans.
    for option in ("out", "plan", *(() if invocation.command == "ci" else ("expect",))):
        if invocation.options.values.get(option) is not None:
            raise UsageError(f"--{option} is for one target: pass --target NAME")
    if "-" in invocation.paths:
        raise UsageError("standard input is for one target: pass a file, or --target NAME")
    lock: str = invocation.options.values.get("lock") or ""
    scheme = LOCK_SCHEMES.get(lock.partition(":")[0])
    if scheme and scheme.is_one_lease and TARGET_PLACEHOLDER not in lock:
        raise UsageError(
            f"--lock {lock} is one lease, but each target needs its own: put {TARGET_PLACEHOLDER}"
            " into it"
        )
    return [invocation.for_target(name) for name in invocation.targets]


def rollout_of(invocation: Invocation) -> "RolloutRules | None":
    """Return the waves of the selected targets; None without [rollout].

    Raises:
        UsageError: If a target is built in, so that it is in no wave.
    """
    rules = invocation.file.rollout
    if rules is None:
        return None
    outside = set(invocation.targets).difference(*rules.waves)
    if outside:
        raise UsageError(
            f"{min(outside)} is in no wave of [rollout]: run it alone, with --target {min(outside)}"
        )
    return rules.of(invocation.targets)


def run_each(
    invocation: Invocation,
    members: Sequence[Invocation],
    call: Callable[[Invocation], Result],
    place: Callable[[Invocation], Hashable],
) -> list[Ended[Result]]:
    """Return the results of ``call`` for all members, in their order.

    Members with one ``place`` never run at the same time. A member that fails stops no other.
    """
    groups: dict[Hashable, list[Invocation]] = {}
    for member in members:
        groups.setdefault(place(member), []).append(member)
    color = invocation.options.values.get("color", "auto")
    ended: dict[str, Ended[Result]] = {}
    with counter(invocation.command, len(members), color=color) as count:

        def run_group(group: list[Invocation]) -> None:
            for member in group:
                ended[member["target"]] = _run(member, call)
                count()

        parallel.run(run_group, groups.values(), workers=invocation["targets_at_once"])
    return [ended[member["target"]] for member in members]


def shows_table(invocation: Invocation) -> bool:
    """Return whether the output has the table of targets, which also shows the errors."""
    # The output of ci is always text.
    output_format: str = invocation.options.values.get("format", "text")
    return output_format == "text"


def print_messages(ended: Iterable[Ended[Result]], *, has_table: bool) -> None:
    """Print the messages of all runs on stderr, each once.

    ``has_table`` is whether a table on stdout shows the errors of the runs that failed.
    """
    runs = list(ended)
    targets: dict[str, list[str]] = {}
    for end in runs:
        error = (f"{ERROR_PREFIX}{end.error}\n",) if end.error and not has_table else ()
        for message in (*end.messages, *error):
            targets.setdefault(message, []).append(end.target)
    for message, names in targets.items():
        if message.startswith(ERROR_PREFIX):
            print_error(f"{shorten_list(names)}: {message.removeprefix(ERROR_PREFIX)}")
        else:
            print_message(message)


def print_fleet(
    invocation: Invocation, sections: Sequence[Section], *, objection: str = ""
) -> ExitCode:
    """Print the summary and all sections, and return the exit code of the whole run.

    ``objection`` is why a guard over all targets stopped the run; it is empty if none did.
    """
    rules = invocation.file.rollout
    if rules is not None and invocation.command in ("plan", "apply"):
        # A plan may also be of a built-in target, which is in no wave.
        waves = {name: number for number, wave in enumerate(rules.waves, 1) for name in wave}
        sections = [replace(section, wave=waves.get(section.target)) for section in sections]
    codes = [section.code for section in sections]
    code = fleet_exit_code([*codes, *([ExitCode.WITHHELD] if objection else [])])
    render = FLEET_FORMATS[invocation["format"]]
    print_complete_result(render(sections, code, objection, layout(invocation["color"])))
    return code


def unmatched_by_all(unmatched: Iterable[frozenset[str]]) -> frozenset[str]:
    """Return the patterns that match no resource on any target."""
    sets = list(unmatched)
    return frozenset.intersection(*sets) if sets else frozenset()


def require_format(invocation: Invocation) -> None:
    """Reject a format that has no form for many targets.

    Raises:
        UsageError: The message has the formats.
    """
    if invocation["format"] not in FLEET_FORMATS:
        raise UsageError(
            f"--format {invocation['format']} is for one target: pass --target NAME, or one of"
            f" {', '.join(FLEET_FORMATS)}"
        )


def name_of(member: Invocation) -> Hashable:
    """Return the name of the target, as the place of runs that may all run at the same time."""
    target: str = member["target"]
    return target


def _run(member: Invocation, call: Callable[[Invocation], Result]) -> Ended[Result]:
    target: str = member["target"]
    with captured_messages() as messages, logging_target(target):
        try:
            return Ended(target, call(member), messages=tuple(messages))
        except ReconcilerError as error:
            return Ended(target, None, code_of(error), str(error), tuple(messages))
        except Exception as error:  # a bug on one target stops no other
            logger.debug("the run has failed", exc_info=error)
            return Ended(target, None, ExitCode.ERROR, describe_error(error), tuple(messages))
