"""Loads manifests: turns the contents of files into desired values and diagnostics.

Takes the bytes of the files from its caller and reads no files itself.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import NamedTuple, TypeAlias

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.core.kinds import KINDS, Steps
from reconciler.core.resources import Desired, Key, Origin
from reconciler.core.source_revision import SourceRevision
from reconciler.manifest.budget import TooSlowError, unlimited
from reconciler.manifest.cross_checks import CrossCheckFailure, cross_check
from reconciler.manifest.formats.context import DeclaredResource
from reconciler.manifest.formats.foreign_files import foreign_file, with_template_hints
from reconciler.manifest.formats.kubernetes.objects import KubernetesResource
from reconciler.manifest.inputs import Inputs
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.parsing.decoding import decode
from reconciler.manifest.parsing.diagnostics import (
    Code,
    Diagnostic,
    Severity,
    about_file,
    sort_diagnostics,
)
from reconciler.manifest.parsing.nodes import format_path
from reconciler.manifest.reading import (
    KnownResource,
    SourceResources,
    parse_file,
    too_many,
    translate_objects,
)

# BackendGroup is a kind of the Kubernetes controller only.
_ALL_KINDS = frozenset((*KINDS, "BackendGroup"))
_OWN_NAME = -1
_NO_INPUTS = Inputs()

FurtherCheck: TypeAlias = Callable[[Sequence[Desired]], Iterable[tuple[Code, CrossCheckFailure]]]
"""Returns the failures of more rules about the resources of a source."""


@dataclass(frozen=True, slots=True)
class LoadResult:
    """The desired values, diagnostics and ignored resources of some files.

    Attributes:
        desired: Desired values in the order of their unique keys; complete only if ``valid``.
        diagnostics: All diagnostics by file, line and column.
        ignored: Number of resources of other products, by apiVersion and kind, type or file.
        ignored_files: Files and directories of the source that patterns exclude.
        revision: The commit of the files; None outside of git.
        notices: Sentences about the commit: why it is not the newest of its branch.
        content_id: The commit, or a digest of the files of a directory; empty if not asked for.
    """

    desired: tuple[Desired, ...]
    diagnostics: tuple[Diagnostic, ...]
    ignored: Mapping[str, int]
    revision: SourceRevision | None = None
    ignored_files: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    content_id: str = ""

    @property
    def valid(self) -> bool:
        """Whether there is no error; warnings do not matter."""
        return not _has_error(self.diagnostics)

    @property
    def has_warnings(self) -> bool:
        """Whether there is a warning; errors and notes do not matter."""
        return any(item.severity is Severity.WARNING for item in self.diagnostics)


def load_manifests(
    files: Iterable[tuple[str, bytes]],
    inputs: Inputs = _NO_INPUTS,
    *,
    complete: bool = True,
    check_time: Callable[[], None] = unlimited,
    further_check: FurtherCheck | None = None,
) -> LoadResult:
    """Return the resources that ``files`` declare, and all diagnostics.

    The result does not depend on the order of ``files``.

    Args:
        files: Names and contents of files.
        inputs: Values that the manifests use but do not contain.
        complete: Whether ``files`` are all files of the source, that is, all could be read.
        check_time: Is called often. If it raises TooSlowError, that is the only diagnostic.
        further_check: Is called if there is no error.
    """
    source = SourceResources(inputs, check_time)
    diagnostics: list[Diagnostic] = []
    file = ""
    try:
        for file, content in sorted(files, key=itemgetter(0)):
            check_time()
            text_source = foreign_file(file) or decode(file, content)
            diagnostics += (
                [text_source]
                if isinstance(text_source, Diagnostic)
                else with_template_hints(parse_file(text_source, source), text_source)
            )
        hidden = _hidden(diagnostics, source.known) if complete else _ALL_KINDS
        diagnostics += translate_objects(source, hidden)
        hidden |= _hidden(diagnostics, source.known)
        declared = sorted(source.declared, key=lambda item: (item.key, item.origin))
        remarks = [*_conflicts(declared), *_cross_check_remarks(declared, hidden, check_time)]
        if further_check and complete and not _has_error([*diagnostics, *remarks]):
            remarks += _further_remarks(declared, further_check, remarks)
        diagnostics += _with_positions(remarks, source, hidden)
    except TooSlowError as error:
        return LoadResult((), (about_file(Code.LIMIT, file, str(error), error.hint),), {})
    times = Counter(item.key for item in declared)
    desired = tuple(item.desired for item in declared if item.desired and times[item.key] == 1)
    return LoadResult(
        desired, sort_diagnostics(_visible(diagnostics)), dict(sorted(source.ignored.items()))
    )


class _Remark(NamedTuple):
    """A diagnostic about a field of a resource, whose position is not known yet."""

    declared: DeclaredResource
    code: Code
    at: Steps | int
    message: str
    hint: str = ""

    @property
    def severity(self) -> Severity:
        """The severity of the code."""
        return self.code.severity


def _hidden(diagnostics: Iterable[Diagnostic], known: Iterable[KnownResource]) -> frozenset[str]:
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


def _visible(diagnostics: list[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield the diagnostics of each file, but only the first ones of a file with an error."""
    of_file: dict[str, list[Diagnostic]] = {}
    for item in diagnostics:
        of_file.setdefault(item.origin.file, []).append(item)
    for file, found in of_file.items():
        if len(found) > limits.MAX_DIAGNOSTICS and _has_error(found):
            others = [item for item in found if item.code is not Code.TOO_MANY]
            yield from (*others[: limits.MAX_DIAGNOSTICS], too_many(file))
        else:
            yield from found


def _has_error(diagnostics: Iterable[Diagnostic | _Remark]) -> bool:
    return any(item.severity is Severity.ERROR for item in diagnostics)


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


def _further_remarks(
    declared: Iterable[DeclaredResource], further_check: FurtherCheck, known: Iterable[_Remark]
) -> Iterator[_Remark]:
    """Yield the failures of more rules, except about fields that have a remark already."""
    by_key = {item.key: item for item in declared}
    desired = [item.desired for item in by_key.values() if item.desired]
    places = {(remark.declared.key, remark.at) for remark in known}
    for code, (key, at, message, hint) in further_check(desired):
        if (key, at) not in places:
            yield _Remark(by_key[key], code, at, f"{key}: {message}", hint)


def _with_positions(
    remarks: Iterable[_Remark], source: SourceResources, hidden: Collection[str]
) -> Iterator[Diagnostic]:
    """Yield ``remarks`` with their positions, for which their files are parsed again.

    Keeping all parsed trees for this would take about fifty bytes for each byte read.
    """
    by_file, counts = _first_remarks(remarks)
    yield from counts
    objects: defaultdict[int, list[KubernetesResource]] = defaultdict(list)
    for resource in source.cluster.resources if by_file else ():
        objects[id(resource.context.diagnostics)].append(resource)
    for file, of_file in by_file.items():
        text_source = of_file[0].declared.diagnostics.source
        fields_by_key: dict[tuple[Key, Origin], Fields] = {}
        for document in {id(item.declared.diagnostics) for item in of_file}:
            for resource in objects[document]:
                source.cluster.record_fields(resource, fields_by_key, hidden)
        if any((item.declared.key, item.declared.origin) not in fields_by_key for item in of_file):
            parse_file(
                text_source,
                SourceResources(source.inputs, source.check_time, fields_by_key=fields_by_key),
            )
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


def _first_remarks(
    remarks: Iterable[_Remark],
) -> tuple[Mapping[str, list[_Remark]], list[Diagnostic]]:
    """Return the first remarks of each code about each file, and the numbers of the others."""
    first: defaultdict[str, list[_Remark]] = defaultdict(list)
    counts: Counter[tuple[str, Code]] = Counter()
    for remark in remarks:
        file = remark.declared.diagnostics.source.file
        counts[file, remark.code] += 1
        if counts[file, remark.code] <= limits.MAX_DIAGNOSTICS:
            first[file].append(remark)
    more = ((place, count - limits.MAX_DIAGNOSTICS) for place, count in counts.items())
    return first, [
        replace(
            about_file(code, file, f"has {number:,} more diagnostics of this kind"), number=number
        )
        for (file, code), number in more
        if number > 0
    ]


def _lookalike(key: Key) -> tuple[str, ...]:
    return (
        key.kind,
        key.mesh_owner,
        *(unicodedata.normalize("NFKC", name).casefold() for name in key.path),
    )
