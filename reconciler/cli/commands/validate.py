"""The validate command: checks manifests without network access."""

import sys

from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.core.exit_codes import ExitCode
from reconciler.manifest.loading import LoadResult
from reconciler.render import diagnostic_reports
from reconciler.settings.target_config import source_of
from reconciler.source.file_walk import DEFAULT_SOURCE
from reconciler.source.git_source import GitSettings
from reconciler.wiring.manifest_inputs import read_inputs
from reconciler.wiring.manifests import read_manifests
from reconciler.wiring.sources import open_source


def run(invocation: Invocation) -> int:
    """Check manifests and print all diagnostics."""
    loaded = read_source(invocation, allow_empty=False)
    render = diagnostic_reports.DIAGNOSTIC_FORMATS[invocation["format"]]
    result = render(loaded, layout(invocation["color"]))
    if invocation["verbose"] and invocation["format"] == "text":
        result = diagnostic_reports.ignored(loaded) + result
    print_complete_result(result)
    good = not loaded.diagnostics if invocation["strict"] else loaded.valid
    return ExitCode.OK if good else ExitCode.MANIFESTS


def read_source(
    invocation: Invocation, *, allow_empty: bool, find_revision: bool = False
) -> LoadResult:
    """Load the manifests of ``invocation``, with their diagnostics."""
    inputs = read_inputs(invocation.options, invocation.file)
    source = open_source(
        source_paths(invocation),
        source_of(invocation.options, invocation.file),
        GitSettings(),
        stdin=sys.stdin,
        cache_directory=invocation["cache_dir"],
    )
    return read_manifests(source, inputs, allow_empty=allow_empty, find_revision=find_revision)


def source_paths(invocation: Invocation) -> tuple[str, ...]:
    """Return the paths of the manifests of ``invocation``."""
    configured = source_of(invocation.options, invocation.file).source
    return invocation.paths or (configured or DEFAULT_SOURCE,)
