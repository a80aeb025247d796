"""The validate command: checks manifests without network access."""

import sys

from reconciler.cli.command import Invocation
from reconciler.cli.output import layout, print_complete_result
from reconciler.core.exit_codes import ExitCode
from reconciler.manifest.loading import LoadResult
from reconciler.render import diagnostic_reports
from reconciler.settings.target_config import source_config
from reconciler.source.file_walk import DEFAULT_SOURCE
from reconciler.wiring.manifest_inputs import read_inputs
from reconciler.wiring.manifests import read_manifests


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
    source = source_config(invocation.options, invocation.file)
    return read_manifests(
        source_paths(invocation),
        inputs,
        stdin=sys.stdin,
        allow_empty=allow_empty,
        exclude=source.exclude,
        find_revision=find_revision,
    )


def source_paths(invocation: Invocation) -> tuple[str, ...]:
    """Return the paths of the manifests of ``invocation``."""
    source = source_config(invocation.options, invocation.file)
    return invocation.paths or (source.path or DEFAULT_SOURCE,)
