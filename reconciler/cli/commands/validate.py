"""The verb that reads manifests and touches no network."""

import sys
from collections import Counter

from reconciler.cli.command import Invocation
from reconciler.cli.output import print_complete_result, wants_color
from reconciler.core.exit_codes import ExitCode
from reconciler.manifest.loading import LoadResult
from reconciler.render import diagnostic_reports
from reconciler.render.terminal import plural
from reconciler.settings.target_config import source_of
from reconciler.wiring.manifests import DEFAULT_SOURCE, read_manifests
from reconciler.wiring.run_variables import read_variables


def run(invocation: Invocation) -> int:
    """Read manifests and print every complaint at once; touch no network.

    PATH is a file, a directory, or - for standard input.
    """
    loaded = read_source(invocation, allow_empty=False)
    match invocation["format"]:
        case "json":
            counts = {"resources": len(loaded.desired), "ignored": sum(loaded.ignored.values())}
            print_complete_result(diagnostic_reports.as_json(loaded.diagnostics, **counts))
        case "sarif":
            print_complete_result(diagnostic_reports.sarif(loaded.diagnostics))
        case "github":
            print_complete_result(diagnostic_reports.github(loaded.diagnostics))
        case _:
            color = wants_color(invocation["color"])
            print_complete_result(
                diagnostic_reports.text(loaded.diagnostics, color=color) + summary(loaded)
            )
    good = not loaded.diagnostics if invocation["strict"] else loaded.valid
    return ExitCode.OK if good else ExitCode.MANIFESTS


def read_source(invocation: Invocation, *, allow_empty: bool) -> LoadResult:
    """Return what the manifests of ``invocation`` say, complaints included."""
    variables = read_variables(invocation.options.values)
    paths = source_paths(invocation)
    return read_manifests(paths, variables, stdin=sys.stdin, allow_empty=allow_empty)


def source_paths(invocation: Invocation) -> tuple[str, ...]:
    """Return where the manifests of ``invocation`` are."""
    source = source_of(invocation.options, invocation.file)
    return invocation.paths or (source or DEFAULT_SOURCE,)


def summary(loaded: LoadResult) -> str:
    """Return one line that says whether the manifests are valid, and counts what they hold."""
    counts = Counter(item.severity.value for item in loaded.diagnostics)
    parts = [plural(counts[severity], severity) for severity in ("error", "warning")]
    parts.append(plural(len(loaded.desired), "resource"))
    if loaded.ignored:
        parts.append(f"{sum(loaded.ignored.values())} ignored")
    return f"{'Valid' if loaded.valid else 'Not valid'}: {', '.join(parts)}.\n"
