"""Paths made into desired values and complaints."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TextIO

from reconciler.manifest.diagnostics import in_order
from reconciler.manifest.loading import Loaded, load
from reconciler.source.snapshot import nothing_found, read

DEFAULT_SOURCE = "manifests"


def read_manifests(
    paths: Sequence[str], variables: Mapping[str, str], *, stdin: TextIO, allow_empty: bool
) -> Loaded:
    """Return what the manifests in ``paths`` say together, with every complaint about them."""
    snapshot = read(paths, stdin=stdin.buffer)
    loaded = load(snapshot.files, variables, complete=not snapshot.complaints)
    complaints = [*snapshot.complaints, *loaded.diagnostics]
    if not loaded.desired and not complaints and not allow_empty:
        complaints.append(nothing_found(paths))
    return replace(loaded, diagnostics=in_order(complaints))
