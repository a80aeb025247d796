"""Reads files of manifests one by one: documents, their formats, and the resources in them.

Only Kubernetes objects wait until all files are read, because they refer to each other by labels.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from reconciler import limits
from reconciler.core.resources import Key, Origin
from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.formats.detect import is_foreign, report_unknown_format, split_resources
from reconciler.manifest.formats.kubernetes.cluster import Cluster
from reconciler.manifest.formats.neighbors import is_deployment, is_neighbor
from reconciler.manifest.formats.registry import API_VERSIONS, find_format
from reconciler.manifest.inputs import Inputs
from reconciler.manifest.models.documents import KEY_KINDS
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, about_file
from reconciler.manifest.parsing.json_parser import parse_json
from reconciler.manifest.parsing.nodes import (
    DiagnosticList,
    Document,
    ListNode,
    Path,
    SourceText,
    TooManyDiagnosticsError,
    get_text,
)
from reconciler.manifest.parsing.variables import quote_items
from reconciler.manifest.parsing.yaml_parser import parse_yaml

_YAML_NAMES = (".yaml", ".yml")
_LOOKS_LIKE_JSON = re.compile(r'\s*[\[{]\s*["\[{\]}]')
_FORMAT_FIELDS = frozenset({"apiVersion", "kind", "meshName"})


class KnownResource(NamedTuple):
    """A resource in a document whose kind is known."""

    kind: str
    diagnostics: DiagnosticList
    path: Path
    is_named: bool
    """Whether its name is known too."""


@dataclass(frozen=True, slots=True)
class SourceResources:
    """Everything read from the files so far.

    Attributes:
        inputs: Values from outside of the files.
        check_time: Raises TooSlowError if reading takes too long.
        found: Translated resources.
        ignored: Number of resources of other products.
        cluster: Kubernetes objects, which are translated when all files are read.
        fields_by_key: The fields of each declared resource, recorded if not None.
    """

    inputs: Inputs
    check_time: Callable[[], None]
    found: list[DeclaredResource | Unnamed] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    cluster: Cluster = field(default_factory=Cluster)
    fields_by_key: dict[tuple[Key, Origin], Fields] | None = None

    @property
    def declared(self) -> Iterator[DeclaredResource]:
        """The declared resources, valid or not."""
        return (item for item in self.found if isinstance(item, DeclaredResource))

    @property
    def known(self) -> Iterator[KnownResource]:
        """The resources whose kind is known."""
        for item in self.found:
            if isinstance(item, DeclaredResource):
                yield KnownResource(item.key.kind, item.diagnostics, item.path, is_named=True)
            else:
                yield KnownResource(item.kind, item.diagnostics, item.path, is_named=False)
        for resource in self.cluster.resources:
            kind, context = KEY_KINDS.get(resource.kind, resource.kind), resource.context
            yield KnownResource(kind, context.diagnostics, context.path, resource.is_named)


def parse_file(text_source: SourceText, source: SourceResources) -> list[Diagnostic]:
    """Add the resources of ``text_source`` to ``source`` and return its diagnostics."""
    found: list[Diagnostic] = []
    empty = True
    try:
        for document in _documents(text_source, source.inputs):
            empty = False
            _read(document, source)
            found += document.diagnostics.found
            if len(found) > limits.MAX_DIAGNOSTICS:
                break
    except TooManyDiagnosticsError as error:
        found += error.diagnostics
    if len(found) > limits.MAX_DIAGNOSTICS:
        return [*found, too_many(text_source.file)]
    if empty:
        hint = "delete the file if it is not needed"
        found.append(about_file(Code.NO_DOCUMENT, text_source.file, "contains no document", hint))
    return found


def translate_objects(source: SourceResources, hidden: Collection[str]) -> Iterator[Diagnostic]:
    """Translate the Kubernetes objects of ``source`` and yield their diagnostics."""
    for resource in source.cluster.resources:
        source.check_time()
        diagnostics = resource.context.diagnostics
        before = len(diagnostics.found)
        try:
            source.found.extend(source.cluster.translate(resource, hidden))
        except TooManyDiagnosticsError:
            yield too_many(diagnostics.source.file)
        yield from diagnostics.found[before:]


def too_many(file: str) -> Diagnostic:
    """Return the diagnostic for a file with more diagnostics than are shown."""
    message = f"has more than {limits.MAX_DIAGNOSTICS} diagnostics; only the first ones are shown"
    return about_file(Code.TOO_MANY, file, message)


def _documents(source: SourceText, inputs: Inputs) -> Iterator[Document]:
    is_json = source.file.endswith(".json") or (
        not source.file.endswith(_YAML_NAMES) and _LOOKS_LIKE_JSON.match(source.text)
    )
    return parse_json(source) if is_json else parse_yaml(quote_items(source, inputs.yaml_variables))


def _read(document: Document, source: SourceResources) -> None:
    if document.root is None:
        return
    if isinstance(document.root, ListNode) and is_neighbor(document.root):
        _ignore(document, source)
        return
    file = document.diagnostics.source.file
    names = source.inputs.names_for(file)
    for root, path in split_resources(document.root, document.diagnostics):
        source.check_time()
        manifest_format = None if is_deployment(root) else find_format(root, names)
        if manifest_format:
            context = DocumentContext(
                root,
                document.diagnostics,
                path,
                source.inputs,
                source.ignored,
                source.cluster.add,
                source.fields_by_key,
            )
            source.found.extend(manifest_format.translate(context))
        elif is_foreign(root, file):
            version_and_kind = [get_text(root, "apiVersion"), get_text(root, "kind")]
            if version_and_kind == ["v1", "Namespace"]:
                source.cluster.add_namespace(root, source.inputs)
            _ignore(document, source, " ".join(filter(None, version_and_kind)), path)
        elif not path and is_neighbor(root):
            _ignore(document, source)
        else:
            report_unknown_format(root, document.diagnostics, path, API_VERSIONS)


def _ignore(document: Document, source: SourceResources, label: str = "", path: Path = ()) -> None:
    """Count a document of another product, or an item of a list in ``document``."""
    source.ignored[label or document.diagnostics.source.file] += 1
    if not path:
        _drop_foreign_diagnostics(document.diagnostics)


def _drop_foreign_diagnostics(diagnostics: DiagnosticList) -> None:
    """Drop the diagnostics of a foreign document, except those about its format fields."""
    diagnostics.found[:] = [item for item in diagnostics.found if item.path in _FORMAT_FIELDS]
