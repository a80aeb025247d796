"""The validate command: checks manifests without network access."""

import sys
from collections.abc import Callable
from functools import partial

from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.core.errors import UsageError
from reconciler.core.exit_codes import ExitCode
from reconciler.manifest.loading import FurtherCheck, LoadResult
from reconciler.render import diagnostic_reports
from reconciler.settings.target_config import source_of
from reconciler.source.file_walk import DEFAULT_SOURCE
from reconciler.source.git_settings import GitSettings
from reconciler.wiring.manifest_inputs import read_inputs
from reconciler.wiring.manifests import SharedManifests, read_manifests
from reconciler.wiring.sources import open_source


def run(invocation: Invocation) -> int:
    """Check manifests and print all diagnostics."""
    check = _envoy_check(invocation)
    loaded = read_source(invocation, allow_empty=False, further_check=check)
    code, _, result = _show(invocation, loaded)
    print_complete_result(result)
    return code


def run_many(invocation: Invocation) -> int:
    """Check the manifests of all targets."""
    # A run on one target needs neither threads nor reports of changes.
    from reconciler.cli import fleet  # noqa: PLC0415

    fleet.require_format(invocation)
    check, shared = _envoy_check(invocation), SharedManifests()
    read = partial(read_source, allow_empty=False, read=partial(shared.read, further_check=check))
    ended = fleet.run_each(invocation, fleet.members_of(invocation), read, fleet.name_of)
    fleet.print_messages(ended, has_table=fleet.shows_table(invocation))
    return fleet.print_fleet(invocation, [end.section(partial(_show, invocation)) for end in ended])


def _show(invocation: Invocation, loaded: LoadResult) -> tuple[ExitCode, str, str]:
    """Return the exit code, the summary and the whole output."""
    render = diagnostic_reports.DIAGNOSTIC_FORMATS[invocation["format"]]
    result = render(loaded, layout(invocation["color"]))
    if invocation["verbose"] and invocation["format"] == "text":
        result = diagnostic_reports.ignored(loaded) + result
    is_good = loaded.valid and not (invocation["strict"] and loaded.has_warnings)
    code = ExitCode.OK if is_good else ExitCode.MANIFESTS
    return code, diagnostic_reports.summary(loaded).strip(), result


def _envoy_check(invocation: Invocation) -> FurtherCheck | None:
    """Return the check of --envoy, or None without it."""
    if not invocation["envoy"]:
        if invocation["instances"] is not None:
            raise UsageError("--instances is only for --envoy")
        return None
    # The translation takes longer to import than all other checks together.
    from reconciler.wiring.envoy import find_losses  # noqa: PLC0415

    return partial(find_losses, instances_file=invocation["instances"], acm=invocation.file.acm)


def read_source(
    invocation: Invocation,
    *,
    allow_empty: bool,
    find_revision: bool = False,
    further_check: FurtherCheck | None = None,
    read: Callable[..., LoadResult] = read_manifests,
) -> LoadResult:
    """Load the manifests of ``invocation`` with ``read``, with their diagnostics."""
    inputs = read_inputs(invocation.options, invocation.file)
    source = open_source(
        source_paths(invocation),
        source_of(invocation.options, invocation.file),
        GitSettings(),
        stdin=sys.stdin,
        cache_directory=invocation["cache_dir"],
    )
    options = {} if further_check is None else {"further_check": further_check}
    return read(source, inputs, allow_empty=allow_empty, find_revision=find_revision, **options)


def source_paths(invocation: Invocation) -> tuple[str, ...]:
    """Return the paths of the manifests of ``invocation``."""
    configured = source_of(invocation.options, invocation.file).source
    return invocation.paths or (configured or DEFAULT_SOURCE,)
