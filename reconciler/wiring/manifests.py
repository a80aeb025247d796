"""Reads and parses the manifests of a run."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TextIO

from reconciler.manifest.budget import Budget, unlimited
from reconciler.manifest.inputs import Inputs
from reconciler.manifest.loading import LoadResult, load_manifests
from reconciler.manifest.parsing.diagnostics import sort_diagnostics
from reconciler.source.snapshot import no_manifest_diagnostic, read


def read_manifests(
    paths: Sequence[str],
    inputs: Inputs,
    *,
    stdin: TextIO,
    allow_empty: bool,
    exclude: Sequence[str] = (),
    find_revision: bool = False,
    beat: Callable[[], None] = unlimited,
    clock: Callable[[], float] = time.monotonic,
) -> LoadResult:
    """Return the desired state and all diagnostics of the manifests in `paths`.

    Patterns in `exclude` exclude files. `beat` is called about once a second while they are read.
    With `find_revision`, the result has the commit of a directory in a git checkout too.
    """
    budget = Budget(clock, beat)
    snapshot = read(paths, stdin=stdin.buffer, check_time=budget.check, exclude=exclude)
    loaded = load_manifests(
        snapshot.files, inputs, complete=not snapshot.diagnostics, check_time=budget.check
    )
    diagnostics = [*snapshot.diagnostics, *loaded.diagnostics]
    if not loaded.desired and not diagnostics and not allow_empty:
        diagnostics.append(no_manifest_diagnostic(paths))
    result = replace(
        loaded,
        diagnostics=sort_diagnostics(diagnostics),
        ignored_files=snapshot.ignored,
        revision=snapshot.revision,
    )
    if not (find_revision and result.valid) or result.revision is not None:
        return result
    # `validate` does not need it, and its imports take milliseconds.
    from reconciler.source.checkout_revision import checkout_revision  # noqa: PLC0415

    return replace(result, revision=checkout_revision(paths, snapshot.files))
