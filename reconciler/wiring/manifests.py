"""Reads and parses the manifests of a run."""

import time
from collections.abc import Callable
from dataclasses import replace

from reconciler.manifest.budget import Budget, unlimited
from reconciler.manifest.inputs import Inputs
from reconciler.manifest.loading import FurtherCheck, LoadResult, load_manifests
from reconciler.manifest.parsing.diagnostics import sort_diagnostics
from reconciler.source.snapshot import no_manifest_diagnostic
from reconciler.source.source import Source


def read_manifests(
    source: Source,
    inputs: Inputs,
    *,
    allow_empty: bool,
    find_revision: bool = False,
    beat: Callable[[], None] = unlimited,
    clock: Callable[[], float] = time.monotonic,
    further_check: FurtherCheck | None = None,
) -> LoadResult:
    """Return the desired state and all diagnostics of the manifests in `source`.

    `beat` is called about once a second while they are read. With `find_revision`, the result has
    the commit of a directory in a git checkout too. `further_check` is called if there is no error.
    """
    # A fetch has its own time-outs, so the time to read begins after it.
    source.refresh(beat)
    budget = Budget(clock, beat)
    snapshot = source.read(budget.check)
    loaded = load_manifests(
        snapshot.files,
        inputs,
        complete=not snapshot.diagnostics,
        check_time=budget.check,
        further_check=further_check,
    )
    diagnostics = [*snapshot.diagnostics, *loaded.diagnostics]
    if not loaded.desired and not diagnostics and not allow_empty:
        diagnostics.append(no_manifest_diagnostic(source.names))
    result = replace(
        loaded,
        diagnostics=sort_diagnostics(diagnostics),
        ignored_files=snapshot.ignored,
        revision=snapshot.revision,
        notices=snapshot.notices,
    )
    if not (find_revision and result.valid) or result.revision is not None:
        return result
    # `validate` does not need it, and its imports take milliseconds.
    from reconciler.source.checkout_revision import checkout_revision  # noqa: PLC0415

    return replace(result, revision=checkout_revision(source.names, snapshot.files))
