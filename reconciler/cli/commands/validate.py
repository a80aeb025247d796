"""The validate command: checks manifests without network access."""

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
    """Check manifests and print all diagnostics."""
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
    is_valid = not loaded.diagnostics if invocation["strict"] else loaded.valid
    return ExitCode.OK if is_valid else ExitCode.MANIFESTS


def read_source(invocation: Invocation, *, allow_empty: bool) -> LoadResult:
    """Load the manifests of ``invocation``, with their diagnostics."""
    variables = read_variables(invocation.options.values)
    paths = source_paths(invocation)
    return read_manifests(paths, variables, stdin=sys.stdin, allow_empty=allow_empty)


def source_paths(invocation: Invocation) -> tuple[str, ...]:
    """Return the paths of the manifests of ``invocation``."""
    source = source_of(invocation.options, invocation.file)
    return invocation.paths or (source or DEFAULT_SOURCE,)


def summary(loaded: LoadResult) -> str:
    """Return one line with the validity of the manifests and the number of their items."""
    counts = Counter(diagnostic.severity.value for diagnostic in loaded.diagnostics)
    parts = [plural(counts[severity], severity) for severity in ("error", "warning")]
    parts.append(plural(len(loaded.desired), "resource"))
    if loaded.ignored:
        parts.append(f"{sum(loaded.ignored.values())} ignored")
    return f"{'Valid' if loaded.valid else 'Not valid'}: {', '.join(parts)}.\n"
