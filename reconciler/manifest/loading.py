"""Files to desired values and complaints: the whole way, and what only all files together show.

Takes bytes that somebody else has read, and reads nothing.
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
from reconciler.manifest.budget import TooSlowError, unlimited
from reconciler.manifest.cross_checks import cross_check
from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.formats.detect import Format, detect_format, split_resources
from reconciler.manifest.formats.kubernetes import Cluster, KubernetesResource
from reconciler.manifest.formats.registry import translate
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
# The controller has one kind more than App Mesh.
_ALL_KINDS = frozenset((*KINDS, "BackendGroup"))
_OWN_NAME = -1
_FORMAT_FIELDS = frozenset({"apiVersion", "kind", "meshName"})


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What some files say together.

    ``desired`` is ordered by key and holds no key twice; it is all there is only where the
    files are ``valid``. ``ignored`` counts the resources that are somebody else's, by
    apiVersion and kind or by type.
    """

    desired: tuple[Desired, ...]
    diagnostics: tuple[Diagnostic, ...]
    ignored: Mapping[str, int]

    @property
    def valid(self) -> bool:
        """Whether there is no error; warnings do not count."""
        return not _has_error(self.diagnostics)


def load_manifests(
    files: Iterable[tuple[str, bytes]],
    variables: Mapping[str, str] = MappingProxyType({}),
    *,
    complete: bool = True,
    check_time: Callable[[], None] = unlimited,
) -> LoadResult:
    """Return everything that ``files``, names with contents, declare, and every complaint.

    ``variables`` are what manifests may ask for by name. The answer does not depend on the order
    of ``files``. They are not ``complete`` if there are others that could not be read. If
    ``check_time`` raises TooSlowError, that is the one complaint.
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
        remarks = [*_conflicts(declared), *_misfits(declared, hidden, check_time)]
        diagnostics += _placed(remarks, source, hidden)
    except TooSlowError as error:
        return LoadResult((), (about_file(Code.LIMIT, file, str(error), error.hint),), {})
    times = Counter(item.key for item in declared)
    desired = tuple(item.desired for item in declared if item.desired and times[item.key] == 1)
    return LoadResult(
        desired, sort_diagnostics(_visible(diagnostics)), dict(sorted(source.ignored.items()))
    )


class _Known(NamedTuple):
    """A resource of which a document tells the kind; ``named`` is whether it tells the name too."""

    kind: str
    complaints: DiagnosticList
    path: Path
    named: bool


@dataclass(frozen=True, slots=True)
class _Source:
    """What has been read so far: what is declared, what is ignored, and what waits for the rest.

    ``kept`` are the fields of what was declared, if they are asked for.
    """

    variables: Mapping[str, str]
    check_time: Callable[[], None]
    found: list[DeclaredResource | Unnamed] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    cluster: Cluster = field(default_factory=Cluster)
    kept: dict[tuple[Key, Origin], Fields] | None = None

    @property
    def declared(self) -> Iterator[DeclaredResource]:
        """What is declared, valid or not."""
        return (item for item in self.found if isinstance(item, DeclaredResource))

    @property
    def known(self) -> Iterator[_Known]:
        """Every resource of which something is known."""
        for item in self.found:
            if isinstance(item, DeclaredResource):
                yield _Known(item.key.kind, item.complaints, item.path, named=True)
            else:
                yield _Known(item.kind, item.complaints, item.path, named=False)
        for resource in self.cluster.resources:
            kind, context = KEY_KINDS.get(resource.kind, resource.kind), resource.context
            yield _Known(kind, context.diagnostics, context.path, resource.is_named)


class _Remark(NamedTuple):
    """A complaint about a resource, ``at`` a place that is still to be found."""

    declared: DeclaredResource
    code: Code
    at: Steps | int
    message: str
    hint: str = ""


def _hidden(diagnostics: Iterable[Diagnostic], known: Iterable[_Known]) -> frozenset[str]:
    """Return the kinds of which there may be more resources than those whose names are known.

    An error hides the name of a resource if that cannot be read. An error that is about no
    resource that is known, such as invalid YAML, may hide resources of every kind.
    """
    errors = {item for item in diagnostics if item.severity is Severity.ERROR}
    if not errors:
        return frozenset()
    hidden: set[str] = set()
    explained: set[Diagnostic] = set()
    for kind, complaints, path, named in known:
        about = complaints.errors_in(path)
        explained.update(about)
        if about and not named:
            hidden.add(kind)
    return _ALL_KINDS if errors - explained else frozenset(hidden)


def _parse_file(text_source: SourceText, source: _Source) -> list[Diagnostic]:
    """Add what ``text_source`` declares and what is ignored of it, and return the complaints about it."""
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
        hint = "delete the file if nothing is wanted of it"
        found.append(about_file(Code.NO_DOCUMENT, text_source.file, "holds no document", hint))
    return found


def _resolve(source: _Source, hidden: Collection[str]) -> Iterator[Diagnostic]:
    """Add what waited for all of the source, and yield the complaints about it."""
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
    message = f"has more than {limits.MAX_DIAGNOSTICS} faults, of which the rest is not shown"
    return about_file(Code.TOO_MANY, file, message)


def _visible(diagnostics: list[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield the complaints about each file, of those that hold an error only the first ones."""
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
        shape = detect_format(root, document.diagnostics, path)
        context = DocumentContext(
            root, document.diagnostics, path, source.variables, source.ignored, source.kept
        )
        if shape is Format.FOREIGN:
            named = [get_text(root, "apiVersion"), get_text(root, "kind")]
            source.ignored[" ".join(filter(None, named)) or document.diagnostics.source.file] += 1
            if named == ["v1", "Namespace"]:
                source.cluster.add_namespace(root)
            if not path:
                _ignore_foreign(document.diagnostics)
        elif shape is Format.KUBERNETES:
            source.cluster.add(context)
        elif shape:
            source.found.extend(translate(shape, context))


def _ignore_foreign(diagnostics: DiagnosticList) -> None:
    """Keep, of what is wrong with somebody else's document, what made it look like theirs."""
    diagnostics.found[:] = [item for item in diagnostics.found if item.path in _FORMAT_FIELDS]


def _conflicts(declared: Iterable[DeclaredResource]) -> Iterator[_Remark]:
    """Complain of keys declared twice, and of names that a reader cannot tell apart."""
    first_of_key: dict[Key, DeclaredResource] = {}
    first_of_look: dict[tuple[str, ...], DeclaredResource] = {}
    for resource in declared:
        first = first_of_key.setdefault(resource.key, resource)
        alike = first_of_look.setdefault(_lookalike(resource.key), resource)
        if first is not resource:
            message = f"{resource.key} is declared at {first.origin} too"
            yield _Remark(resource, Code.DECLARED_TWICE, _OWN_NAME, message)
        elif alike.key != resource.key:
            message = f"differs from {alike.key} at {alike.origin} in case or normal form only"
            hint = "App Mesh takes them for two"
            yield _Remark(resource, Code.NEARLY_EQUAL, _OWN_NAME, message, hint)


def _misfits(
    declared: Iterable[DeclaredResource], hidden: Collection[str], check_time: Callable[[], None]
) -> Iterator[_Remark]:
    """Complain of documents that do not fit each other."""
    for item, code, (key, at, message, hint) in cross_check(declared, hidden, check_time):
        yield _Remark(item, code, at, f"{key} {message}", hint)


def _placed(
    remarks: Iterable[_Remark], source: _Source, hidden: Collection[str]
) -> Iterator[Diagnostic]:
    """Yield ``remarks`` with their places, for which their files are read again.

    Keeping all trees in case there is a remark would take some fifty bytes for each byte read.
    """
    by_file: defaultdict[str, list[_Remark]] = defaultdict(list)
    for remark in remarks:
        by_file[remark.declared.complaints.source.file].append(remark)
    objects: defaultdict[str, list[KubernetesResource]] = defaultdict(list)
    for resource in source.cluster.resources if by_file else ():
        objects[resource.context.diagnostics.source.file].append(resource)
    for file, of_file in by_file.items():
        text_source = of_file[0].declared.complaints.source
        kept: dict[tuple[Key, Origin], Fields] = {}
        _parse_file(text_source, _Source(source.variables, source.check_time, kept=kept))
        for resource in objects[file]:
            source.cluster.keep(resource, kept, hidden)
        for declared, code, at, message, hint in of_file:
            fields = kept[declared.key, declared.origin]
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
