"""Reads and parses the manifests of a run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from reconciler.manifest.budget import Budget, unlimited
from reconciler.manifest.loading import LoadResult, load_manifests
from reconciler.manifest.parsing.diagnostics import sort_diagnostics
from reconciler.source.snapshot import no_manifest_diagnostic
from reconciler.source.source import Source


def read_manifests(
    source: Source,
    variables: Mapping[str, str],
    *,
    allow_empty: bool,
    beat: Callable[[], None] = unlimited,
    clock: Callable[[], float] = time.monotonic,
) -> LoadResult:
    """Return the desired state and all diagnostics of the manifests in `source`.

    `beat` is called about once a second while they are read.
    """
    # A fetch has its own time-outs, so the time to read begins after it.
    source.refresh(beat)
    budget = Budget(clock, beat)
    snapshot = source.read(budget.check)
    loaded = load_manifests(
        snapshot.files, variables, complete=not snapshot.diagnostics, check_time=budget.check
    )
    diagnostics = [*snapshot.diagnostics, *loaded.diagnostics]
    if not loaded.desired and not diagnostics and not allow_empty:
        diagnostics.append(no_manifest_diagnostic(source.names))
    return replace(
        loaded,
        diagnostics=sort_diagnostics(diagnostics),
        revision=snapshot.revision,
        notices=snapshot.notices,
    )
