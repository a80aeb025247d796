"""The envoy export command: writes the configuration of all proxies as files."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event

from reconciler import limits
from reconciler.cli import live_resources
from reconciler.cli.command import Invocation
from reconciler.cli.commands.validate import read_source, source_paths
from reconciler.cli.output import print_error, print_result, wants_color
from reconciler.cli.run_context import require_valid, resolve_target
from reconciler.cli.signals import stop_on_signals
from reconciler.core.errors import ManifestError, ReconcilerError, TargetError, UsageError
from reconciler.core.escaping import escaped
from reconciler.core.resources import Desired, Key, LiveResource, shorten_list
from reconciler.daemon.watch import PollSchedule, watch
from reconciler.envoy.explain import describe_loss
from reconciler.envoy.files import publish
from reconciler.envoy.losses import Grade, Loss
from reconciler.envoy.proxy import ProxyConfig
from reconciler.envoy.static import certificate_files
from reconciler.envoy.translate import all_losses
from reconciler.render.terminal import Style, plural, styled
from reconciler.settings.target_config import source_of
from reconciler.source.git_url import is_git
from reconciler.source.snapshot import fingerprint
from reconciler.wiring.envoy import (
    files_of,
    find_envoy,
    rejection,
    translate_resources,
)
from reconciler.wiring.envoy_options import parse_address
from reconciler.wiring.targets import open_target


class FilesNotWrittenError(UsageError):
    """A file could not be written; the next export writes the rest."""


_STYLES = {Grade.REFUSE: Style.RED, Grade.WARN: Style.YELLOW, Grade.INFO: Style.DIM}


def run(invocation: Invocation) -> int:
    """Write the files of all proxies below a directory, once or after each change."""
    if invocation["watch"] and "-" in invocation.paths:
        raise UsageError("--watch cannot watch standard input: pass files or directories")
    with stop_on_signals() as stop:
        changes = _changes(invocation, stop.stop_requested)
        # Changes during the first export are not missed.
        next(changes)
        export(invocation, stop.stop_requested, grace=0)
        if invocation["watch"]:
            for _ in changes:
                _export_until_written(invocation, stop.stop_requested)
        return stop.code


def export(invocation: Invocation, stop: Event, *, grace: float) -> None:
    """Translate the resources and write the files of their proxies.

    Args:
        invocation: The command line.
        stop: Ends the grace, and the export with it: the next one finishes the change.
        grace: Seconds between two steps of a change.

    Raises:
        ManifestError: A loss or a rejection by Envoy is an error, so nothing was written.
        FilesNotWrittenError: Not all files could be written.
    """
    configs = read_proxies(invocation)
    losses = all_losses(configs)
    color = wants_color(invocation["color"])
    lines = [styled(escaped(describe_loss(it)), _STYLES[it.grade], on=color) for it in losses]
    print_result("".join(f"{line}\n" for line in lines))
    _require_no_losses(invocation, losses)
    if invocation["check"]:
        _check(configs)
    root = Path(invocation.directory)
    files = files_of(configs, root, parse_address("admin", invocation["admin"]))
    try:
        changed = publish(files, lambda: not stop.wait(grace))
    except OSError as error:
        raise FilesNotWrittenError(f"writing {error.filename}: {error.strerror}") from error
    if stop.is_set():
        print_error("stopped: the next export finishes a change in progress")
    for directory in changed:
        print_result(f"wrote {escaped(str(directory))}\n")
    counts = _counts(losses)
    print_result(
        f"Exported {plural_proxies(len(files))}, {len(changed)} of them changed{counts}.\n"
    )


def read_proxies(invocation: Invocation) -> Mapping[Key, ProxyConfig]:
    """Return the configurations of all proxies, of the manifests or of the live resources."""
    resources = _read_live(invocation) if invocation["live"] else _read_manifests(invocation)
    return translate_resources(resources, invocation["instances"], invocation.file.acm)


def plural_proxies(number: int) -> str:
    """Return a number of proxies as text."""
    return "1 proxy" if number == 1 else f"{number} proxies"


def _read_manifests(invocation: Invocation) -> Sequence[Desired]:
    loaded = read_source(invocation, allow_empty=False)
    return require_valid(loaded, color=invocation["color"], outcome="nothing was translated")


def _read_live(invocation: Invocation) -> Sequence[LiveResource]:
    config = resolve_target(invocation, needs_owner=False)
    workers, color = invocation["parallelism"], invocation["color"]
    with open_target(config, workers=workers) as target:
        found = live_resources.read_live(target, (), config.owner, workers=workers, color=color)
    resources = [resource for resource in found if isinstance(resource, LiveResource)]
    if len(resources) < len(found):
        unreadable = next(it for it in found if not isinstance(it, LiveResource))
        raise TargetError(f"{unreadable.key}: {unreadable.message}; nothing was translated")
    return resources


def _require_no_losses(invocation: Invocation, losses: Sequence[Loss]) -> None:
    errors = [loss for loss in losses if loss.grade is not Grade.INFO]
    if invocation["strict"] and errors:
        raise ManifestError(
            f"--strict: {plural(len(errors), 'field')} refused or changed, so nothing was written"
        )


def _check(configs: Mapping[Key, ProxyConfig]) -> None:
    envoy = find_envoy()
    if envoy is None:
        print_error("--check: there is no envoy on PATH, so the configuration was not validated")
        return
    files = sorted({file for config in configs.values() for file in certificate_files(config)})
    if absent := [file for file in files if not Path(file).is_file()]:
        names = escaped(shorten_list(absent))
        print_error(f"--check: not on this machine, so not validated: {names}")
    rejected = {key: reason for key in configs if (reason := rejection(envoy, configs[key]))}
    for key, reason in rejected.items():
        print_error(f"{key}: {envoy} rejects it: {escaped(reason)}")
    if rejected:
        raise ManifestError(
            f"Envoy rejects {plural_proxies(len(rejected))}, so nothing was written"
        )


def _counts(losses: Sequence[Loss]) -> str:
    counts = Counter(loss.grade for loss in losses)
    words = {
        Grade.REFUSE: f"{counts[Grade.REFUSE]} refused",
        Grade.WARN: f"{counts[Grade.WARN]} with warnings",
        Grade.INFO: plural(counts[Grade.INFO], "note"),
    }
    return "".join(f", {text}" for grade, text in words.items() if counts[grade])


def _changes(invocation: Invocation, stop: Event) -> Iterator[None]:
    """Yield at once, and whenever the resources may have changed until ``stop`` is set."""
    # No event tells of a change of a target or of a git repository.
    if invocation["live"] or any(map(is_git, source_paths(invocation))):
        yield
        while not stop.wait(invocation["interval"]):
            yield
        return
    paths, schedule = source_paths(invocation), PollSchedule()
    watched = [*paths, *filter(None, [invocation["instances"]])]
    exclude = source_of(invocation.options, invocation.file).exclude
    known = fingerprint(watched, exclude)
    yield
    for files_changed in watch(watched, stop):
        if schedule.is_due(files_changed) and fingerprint(watched, exclude) != known:
            known = fingerprint(watched, exclude)
            yield


def _export_until_written(invocation: Invocation, stop: Event) -> None:
    """Export after a change; if files cannot be written, try again until they can."""
    while not _export_or_report(invocation, stop):
        stop.wait(limits.ENVOY_RETRY_SECONDS)


def _export_or_report(invocation: Invocation, stop: Event) -> bool:
    """Export after a change, and return False if files could not be written.

    Any other error leaves the files as they are until the next change.
    """
    try:
        export(invocation, stop, grace=invocation["grace"])
    except FilesNotWrittenError as error:
        print_error(f"{error}; it is tried again in {limits.ENVOY_RETRY_SECONDS:.0f} seconds")
        return stop.is_set()
    except ReconcilerError as error:
        print_error(f"{error}; the files are those of the last valid state")
    return True
