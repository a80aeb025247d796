"""Reads and parses the manifests of a run."""

import math
import time
from collections.abc import Callable, Hashable
from dataclasses import replace
from threading import Lock
from typing import Any

from reconciler.manifest.budget import Budget, unlimited
from reconciler.manifest.inputs import Inputs
from reconciler.manifest.loading import FurtherCheck, LoadResult, load_manifests
from reconciler.manifest.parsing.diagnostics import sort_diagnostics
from reconciler.source.snapshot import no_manifest_diagnostic
from reconciler.source.source import DiskSource, Source


def read_manifests(
    source: Source,
    inputs: Inputs,
    *,
    allow_empty: bool,
    find_revision: bool = False,
    beat: Callable[[], None] = unlimited,
    clock: Callable[[], float] = time.monotonic,
    further_check: FurtherCheck | None = None,
    load: Callable[..., LoadResult] = load_manifests,
) -> LoadResult:
    """Return the desired state and all diagnostics of the manifests in `source`.

    `beat` is called about once a second while they are read. With `find_revision`, the result has
    the commit of a directory in a git checkout too. `further_check` is called if there is no error.
    `load` parses the files.
    """
    # A fetch has its own time-outs, so the time to read begins after it.
    source.refresh(beat)
    budget = Budget(clock, beat)
    snapshot = source.read(budget.check)
    loaded = load(
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
        content_id=snapshot.content_id if find_revision else "",
    )
    if not (find_revision and result.valid) or result.revision is not None:
        return result
    # `validate` does not need it, and its imports take milliseconds.
    from reconciler.source.checkout_revision import checkout_revision  # noqa: PLC0415

    return replace(result, revision=checkout_revision(source.names, snapshot.files))


class LatestManifests:
    """Reads the manifests of many targets: equal files with equal inputs are parsed once."""

    def __init__(self, count: float) -> None:
        """Keep the results for `count` different contents at most."""
        self._count = count
        self._parsed: dict[Hashable, LoadResult] = {}
        # One thread parses at a time: several would only take turns.
        self._parsing = Lock()

    def read(self, source: Source, inputs: Inputs, **options: Any) -> LoadResult:
        """Return the manifests of `source`, as `read_manifests` does with these `options`."""
        return read_manifests(source, inputs, **options, load=self._load)

    def _load(
        self, files: tuple[tuple[str, bytes], ...], inputs: Inputs, **options: Any
    ) -> LoadResult:
        key = (files, repr(inputs), options["complete"])
        with self._parsing:
            result = self._parsed.pop(key, None) or load_manifests(files, inputs, **options)
            # The last one used is the last one dropped. Errors may be of this moment.
            if result.valid:
                self._parsed[key] = result
            while len(self._parsed) > self._count:
                del self._parsed[next(iter(self._parsed))]
            return result


class SharedManifests:
    """Reads the manifests of one run over many targets: equal directories are also read once."""

    def __init__(self) -> None:
        self._results: dict[Hashable, LoadResult] = {}
        self._reading = Lock()
        self._latest = LatestManifests(math.inf)

    def read(self, source: Source, inputs: Inputs, **options: Any) -> LoadResult:
        """Return the manifests of `source`, as `read_manifests` does with these `options`."""
        if not isinstance(source, DiskSource):
            # A repository has a pin and a last commit for each target.
            return self._latest.read(source, inputs, **options)
        with self._reading:
            key = (source, repr(inputs))
            if key not in self._results:
                self._results[key] = read_manifests(source, inputs, **options)
            return self._results[key]
