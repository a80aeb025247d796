"""Reads and parses the manifests of a run."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TextIO

from reconciler.manifest.budget import Budget, unlimited
from reconciler.manifest.loading import LoadResult, load_manifests
from reconciler.manifest.parsing.diagnostics import sort_diagnostics
from reconciler.source.snapshot import no_manifest_diagnostic, read


def read_manifests(
    paths: Sequence[str],
    variables: Mapping[str, str],
    *,
    stdin: TextIO,
    allow_empty: bool,
    beat: Callable[[], None] = unlimited,
    clock: Callable[[], float] = time.monotonic,
) -> LoadResult:
    """Return the desired state and all diagnostics of the manifests in `paths`.

    `beat` is called about once a second while they are read.
    """
    budget = Budget(clock, beat)
    snapshot = read(paths, stdin=stdin.buffer, check_time=budget.check)
    loaded = load_manifests(
        snapshot.files, variables, complete=not snapshot.diagnostics, check_time=budget.check
    )
    diagnostics = [*snapshot.diagnostics, *loaded.diagnostics]
    if not loaded.desired and not diagnostics and not allow_empty:
        diagnostics.append(no_manifest_diagnostic(paths))
    return replace(
        loaded, diagnostics=sort_diagnostics(diagnostics), revision=snapshot.revision
    )
