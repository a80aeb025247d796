"""Loads manifests: turns the contents of files into desired values and diagnostics.

Takes the bytes of the files from its caller and reads no files itself.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from types import MappingProxyType
from typing import NamedTuple

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.core.kinds import KINDS, Steps
from reconciler.core.resources import Desired, Key, Origin
from reconciler.core.source_revision import SourceRevision
from reconciler.manifest.budget import TooSlowError, unlimited
from reconciler.manifest.cross_checks import cross_check
from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.formats.detect import (
    is_foreign,
    report_unknown_format,
    split_resources,
)
from reconciler.manifest.formats.kubernetes import Cluster, KubernetesResource
from reconciler.manifest.formats.registry import API_VERSIONS, find_format
from reconciler.manifest.models.documents import KEY_KINDS
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.parsing.decoding import decode
from reconciler.manifest.parsing.diagnostics import (
    Code,
    Diagnostic,
    Severity,
    about_file,
    sort_diagnostics,
)
from reconciler.manifest.parsing.json_parser import parse_json
from reconciler.manifest.parsing.nodes import (
    DiagnosticList,
    Document,
    Path,
    SourceText,
    TooManyDiagnosticsError,
    format_path,
    get_text,
)
from reconciler.manifest.parsing.yaml_parser import parse_yaml

_YAML_NAMES = (".yaml", ".yml")
_LOOKS_LIKE_JSON = re.compile(r'\s*[\[{]\s*["\[{\]}]')
# BackendGroup is a kind of the Kubernetes controller only.
_ALL_KINDS = frozenset((*KINDS, "BackendGroup"))
_OWN_NAME = -1
_FORMAT_FIELDS = frozenset({"apiVersion", "kind", "meshName"})


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The desired values, diagnostics and ignored resources of some files.

    Attributes:
        desired: Desired values in the order of their unique keys; complete only if ``valid``.
        diagnostics: All diagnostics by file, line and column.
        ignored: Number of resources of other products, by apiVersion and kind or by type.
        revision: The commit of the files; None outside of git.
        notices: Sentences about the commit: why it is not the newest of its branch.
    """

    desired: tuple[Desired, ...]
    diagnostics: tuple[Diagnostic, ...]
    ignored: Mapping[str, int]
    revision: SourceRevision | None = None
    notices: tuple[str, ...] = ()

    @property
    def valid(self) -> bool:
        """Whether there is no error; warnings do not matter."""
        return not _has_error(self.diagnostics)


def load_manifests(
    files: Iterable[tuple[str, bytes]],
    variables: Mapping[str, str] = MappingProxyType({}),
    *,
    complete: bool = True,
    check_time: Callable[[], None] = unlimited,
) -> LoadResult:
    """Return the resources that ``files`` declare, and all diagnostics.

    The result does not depend on the order of ``files``.

    Args:
        files: Names and contents of files.
        variables: Values of the variables that manifests may use.
        complete: Whether ``files`` are all files of the source, that is, all could be read.
        check_time: Is called often. If it raises TooSlowError, that is the only diagnostic.
    """
    source = _Source(variables, check_time)
    diagnostics: list[Diagnostic] = []
    file = ""
    try:
        for file, content in sorted(files, key=itemgetter(0)):
            check_time()
            text_source = decode(file, content)
            diagnostics += (
                [text_source]
                if isinstance(text_source, Diagnostic)
                else _parse_file(text_source, source)
            )
        hidden = _hidden(diagnostics, source.known) if complete else _ALL_KINDS
        diagnostics += _resolve(source, hidden)
        hidden |= _hidden(diagnostics, source.known)
        declared = sorted(source.declared, key=lambda item: (item.key, item.origin))
        remarks = [*_conflicts(declared), *_cross_check_remarks(declared, hidden, check_time)]
        diagnostics += _with_positions(remarks, source, hidden)
    except TooSlowError as error:
        return LoadResult((), (about_file(Code.LIMIT, file, str(error), error.hint),), {})
    times = Counter(item.key for item in declared)
    desired = tuple(item.desired for item in declared if item.desired and times[item.key] == 1)
    return LoadResult(
        desired, sort_diagnostics(_visible(diagnostics)), dict(sorted(source.ignored.items()))
    )


class _Known(NamedTuple):
    """A resource in a document whose kind is known."""

    kind: str
    diagnostics: DiagnosticList
    path: Path
    is_named: bool
    """Whether its name is known too."""


@dataclass(frozen=True, slots=True)
class _Source:
    """Everything read from the files so far.

    Attributes:
        variables: Values of variables.
        check_time: Raises TooSlowError if reading takes too long.
        found: Translated resources.
        ignored: Number of resources of other products.
        cluster: Kubernetes objects, which are translated when all files are read.
        fields_by_key: The fields of each declared resource, recorded if not None.
    """

    variables: Mapping[str, str]
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
    def known(self) -> Iterator[_Known]:
        """The resources whose kind is known."""
        for item in self.found:
            if isinstance(item, DeclaredResource):
                yield _Known(item.key.kind, item.diagnostics, item.path, is_named=True)
            else:
                yield _Known(item.kind, item.diagnostics, item.path, is_named=False)
        for resource in self.cluster.resources:
            kind, context = KEY_KINDS.get(resource.kind, resource.kind), resource.context
            yield _Known(kind, context.diagnostics, context.path, resource.is_named)


class _Remark(NamedTuple):
    """A diagnostic about a field of a resource, whose position is not known yet."""

    declared: DeclaredResource
    code: Code
    at: Steps | int
    message: str
    hint: str = ""


def _hidden(diagnostics: Iterable[Diagnostic], known: Iterable[_Known]) -> frozenset[str]:
    """Return the kinds of resources that the files may declare but that could not be read.

    An error in a resource without a readable name hides a resource of its kind. An error outside
    of the known resources, such as invalid YAML, may hide resources of every kind.
    """
    errors = {item for item in diagnostics if item.severity is Severity.ERROR}
    if not errors:
        return frozenset()
    hidden: set[str] = set()
    explained: set[Diagnostic] = set()
    for kind, diagnostics_of_document, path, is_named in known:
        errors_inside = diagnostics_of_document.errors_in(path)
        explained.update(errors_inside)
        if errors_inside and not is_named:
            hidden.add(kind)
    return _ALL_KINDS if errors - explained else frozenset(hidden)


def _parse_file(text_source: SourceText, source: _Source) -> list[Diagnostic]:
    """Add the resources of ``text_source`` to ``source`` and return its diagnostics."""
    found: list[Diagnostic] = []
    empty = True
    try:
        for document in _documents(text_source):
            empty = False
            _read(document, source)
            found += document.diagnostics.found
            if len(found) > limits.MAX_DIAGNOSTICS:
                break
    except TooManyDiagnosticsError as error:
        found += error.diagnostics
    if len(found) > limits.MAX_DIAGNOSTICS:
        return [*found, _too_many(text_source.file)]
    if empty:
        hint = "delete the file if it is not needed"
        found.append(about_file(Code.NO_DOCUMENT, text_source.file, "contains no document", hint))
    return found


def _resolve(source: _Source, hidden: Collection[str]) -> Iterator[Diagnostic]:
    """Translate the Kubernetes objects of ``source`` and yield their diagnostics."""
    for resource in source.cluster.resources:
        source.check_time()
        diagnostics = resource.context.diagnostics
        before = len(diagnostics.found)
        try:
            source.found.extend(source.cluster.translate(resource, hidden))
        except TooManyDiagnosticsError:
            yield _too_many(diagnostics.source.file)
        yield from diagnostics.found[before:]


def _too_many(file: str) -> Diagnostic:
    message = f"has more than {limits.MAX_DIAGNOSTICS} diagnostics; only the first ones are shown"
    return about_file(Code.TOO_MANY, file, message)


def _visible(diagnostics: list[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield the diagnostics of each file, but only the first ones of a file with an error."""
    of_file: dict[str, list[Diagnostic]] = {}
    for item in diagnostics:
        of_file.setdefault(item.origin.file, []).append(item)
    for file, found in of_file.items():
        if len(found) > limits.MAX_DIAGNOSTICS and _has_error(found):
            others = [item for item in found if item.code is not Code.TOO_MANY]
            yield from (*others[: limits.MAX_DIAGNOSTICS], _too_many(file))
        else:
            yield from found


def _has_error(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(item.severity is Severity.ERROR for item in diagnostics)


def _documents(source: SourceText) -> Iterator[Document]:
    is_json = source.file.endswith(".json") or (
        not source.file.endswith(_YAML_NAMES) and _LOOKS_LIKE_JSON.match(source.text)
    )
    return parse_json(source) if is_json else parse_yaml(source)


def _read(document: Document, source: _Source) -> None:
    if document.root is None:
        return
    for root, path in split_resources(document.root, document.diagnostics):
        source.check_time()
        manifest_format = find_format(root)
        if manifest_format:
            context = DocumentContext(
                root,
                document.diagnostics,
                path,
                source.variables,
                source.ignored,
                source.cluster.add,
                source.fields_by_key,
            )
            source.found.extend(manifest_format.translate(context))
        elif is_foreign(root, document.diagnostics.source.file):
            version_and_kind = [get_text(root, "apiVersion"), get_text(root, "kind")]
            label = " ".join(filter(None, version_and_kind)) or document.diagnostics.source.file
            source.ignored[label] += 1
            if version_and_kind == ["v1", "Namespace"]:
                source.cluster.add_namespace(root)
            if not path:
                _drop_foreign_diagnostics(document.diagnostics)
        else:
            report_unknown_format(root, document.diagnostics, path, API_VERSIONS)


def _drop_foreign_diagnostics(diagnostics: DiagnosticList) -> None:
    """Drop the diagnostics of a foreign document, except those about its format fields."""
    diagnostics.found[:] = [item for item in diagnostics.found if item.path in _FORMAT_FIELDS]


def _conflicts(declared: Iterable[DeclaredResource]) -> Iterator[_Remark]:
    """Yield keys that are declared twice, and names that look alike."""
    first_of_key: dict[Key, DeclaredResource] = {}
    first_lookalike: dict[tuple[str, ...], DeclaredResource] = {}
    for resource in declared:
        first = first_of_key.setdefault(resource.key, resource)
        alike = first_lookalike.setdefault(_lookalike(resource.key), resource)
        if first is not resource:
            message = f"{resource.key} is already declared at {first.origin}"
            yield _Remark(resource, Code.DECLARED_TWICE, _OWN_NAME, message)
        elif alike.key != resource.key:
            message = (
                f"differs from {alike.key} at {alike.origin} only in case or Unicode normal form"
            )
            hint = "App Mesh treats them as two resources"
            yield _Remark(resource, Code.NEARLY_EQUAL, _OWN_NAME, message, hint)


def _cross_check_remarks(
    declared: Iterable[DeclaredResource], hidden: Collection[str], check_time: Callable[[], None]
) -> Iterator[_Remark]:
    """Yield the failures of the rules about all documents."""
    for item, code, (key, at, message, hint) in cross_check(declared, hidden, check_time):
        yield _Remark(item, code, at, f"{key} {message}", hint)


def _with_positions(
    remarks: Iterable[_Remark], source: _Source, hidden: Collection[str]
) -> Iterator[Diagnostic]:
    """Yield ``remarks`` with their positions, for which their files are parsed again.

    Keeping all parsed trees for this would take about fifty bytes for each byte read.
    """
    by_file: defaultdict[str, list[_Remark]] = defaultdict(list)
    for remark in remarks:
        by_file[remark.declared.diagnostics.source.file].append(remark)
    objects: defaultdict[str, list[KubernetesResource]] = defaultdict(list)
    for resource in source.cluster.resources if by_file else ():
        objects[resource.context.diagnostics.source.file].append(resource)
    for file, of_file in by_file.items():
        text_source = of_file[0].declared.diagnostics.source
        fields_by_key: dict[tuple[Key, Origin], Fields] = {}
        _parse_file(
            text_source, _Source(source.variables, source.check_time, fields_by_key=fields_by_key)
        )
        for resource in objects[file]:
            source.cluster.record_fields(resource, fields_by_key, hidden)
        for declared, code, at, message, hint in of_file:
            fields = fields_by_key[declared.key, declared.origin]
            position, path = fields.name(at) if isinstance(at, int) else fields.in_spec(at)
            origin, quote = (
                Origin(file, position.line, position.column),
                text_source.quote(position),
            )
            yield Diagnostic(
                code, origin, escaped(message), format_path(path), escaped(hint), quote
            )


def _lookalike(key: Key) -> tuple[str, ...]:
    return (
        key.kind,
        key.mesh_owner,
        *(unicodedata.normalize("NFKC", name).casefold() for name in key.path),
    )
