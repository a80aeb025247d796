"""Files to desired values and complaints: the whole way, and what only all files together show.

Takes bytes that somebody else has read, and reads nothing.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from types import MappingProxyType

from reconciler.core.escaping import escaped
from reconciler.core.resources import Desired, Key
from reconciler.manifest.budget import TooSlowError, unlimited
from reconciler.manifest.diagnostics import (
    Code,
    Diagnostic,
    Severity,
    about_file,
    in_order,
)
from reconciler.manifest.dialects import translate
from reconciler.manifest.json_parser import parse_json
from reconciler.manifest.kubernetes import Cluster
from reconciler.manifest.nodes import (
    MOST_COMPLAINTS,
    Complaints,
    Document,
    Page,
    TooManyComplaintsError,
    text_of,
)
from reconciler.manifest.pages import page_of
from reconciler.manifest.relations import breaches
from reconciler.manifest.shapes import Shape, recognise, resources
from reconciler.manifest.sheets import Declared, Sheet
from reconciler.manifest.yaml_parser import parse_yaml

_YAML_NAMES = (".yaml", ".yml")
_LOOKS_LIKE_JSON = re.compile(r'\s*[\[{]\s*["\[{\]}]')
_DECIDES_THE_FORM = frozenset({"apiVersion", "kind", "meshName"})


@dataclass(frozen=True, slots=True)
class Loaded:
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


def load(
    files: Iterable[tuple[str, bytes]],
    variables: Mapping[str, str] = MappingProxyType({}),
    check_time: Callable[[], None] = unlimited,
) -> Loaded:
    """Return everything that ``files``, names with contents, declare, and every complaint.

    ``variables`` are what manifests may ask for by name. The answer does not depend on the order
    of ``files``. If ``check_time`` raises TooSlowError, that is the one complaint.
    """
    source = _Source(variables, check_time)
    diagnostics: list[Diagnostic] = []
    file = ""
    try:
        for file, content in sorted(files, key=itemgetter(0)):
            check_time()
            page = page_of(file, content)
            diagnostics += [page] if isinstance(page, Diagnostic) else _parse_page(page, source)
        diagnostics += _resolve(source)
        declared = sorted(source.declared, key=lambda item: (item.desired.key, item.desired.origin))
        diagnostics += _conflicts(declared)
        if not _has_error(diagnostics):
            # What cannot be read may be just what others seem to miss.
            diagnostics += breaches(declared, check_time)
    except TooSlowError as error:
        return Loaded((), (about_file(Code.LIMIT, file, str(error), error.hint),), {})
    times = Counter(item.desired.key for item in declared)
    desired = tuple(item.desired for item in declared if times[item.desired.key] == 1)
    return Loaded(desired, in_order(_shown(diagnostics)), dict(sorted(source.ignored.items())))


@dataclass(frozen=True, slots=True)
class _Source:
    """What has been read so far: what is declared, what is ignored, and what waits for the rest."""

    variables: Mapping[str, str]
    check_time: Callable[[], None]
    declared: list[Declared] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    cluster: Cluster = field(default_factory=Cluster)


def _parse_page(page: Page, source: _Source) -> list[Diagnostic]:
    """Add what ``page`` declares and what is ignored of it, and return the complaints about it."""
    found: list[Diagnostic] = []
    empty = True
    try:
        for document in _documents(page):
            empty = False
            _read(document, source)
            found += document.complaints.found
            if len(found) > MOST_COMPLAINTS:
                break
    except TooManyComplaintsError as error:
        found += error.found
    if len(found) > MOST_COMPLAINTS:
        return [*found, _cut(page.file)]
    if empty:
        hint = "delete the file if nothing is wanted of it"
        found.append(about_file(Code.NO_DOCUMENT, page.file, "holds no document", hint))
    return found


def _resolve(source: _Source) -> Iterator[Diagnostic]:
    """Add what waited for all of the source, and yield the complaints about it."""
    for resource in source.cluster.resources:
        source.check_time()
        complaints = resource.sheet.complaints
        before = len(complaints.found)
        try:
            source.declared.extend(source.cluster.declared(resource))
        except TooManyComplaintsError:
            yield _cut(complaints.page.file)
        yield from complaints.found[before:]


def _cut(file: str) -> Diagnostic:
    message = f"has more than {MOST_COMPLAINTS} faults, of which the rest is not shown"
    return about_file(Code.TOO_MANY, file, message)


def _shown(diagnostics: list[Diagnostic]) -> Iterator[Diagnostic]:
    """Yield the complaints about each file, of those that hold an error only the first ones."""
    of_file: dict[str, list[Diagnostic]] = {}
    for item in diagnostics:
        of_file.setdefault(item.origin.file, []).append(item)
    for file, found in of_file.items():
        if len(found) > MOST_COMPLAINTS and _has_error(found):
            others = [item for item in found if item.code is not Code.TOO_MANY]
            yield from (*others[:MOST_COMPLAINTS], _cut(file))
        else:
            yield from found


def _has_error(diagnostics: Iterable[Diagnostic]) -> bool:
    return any(item.severity is Severity.ERROR for item in diagnostics)


def _documents(page: Page) -> Iterator[Document]:
    is_json = page.file.endswith(".json") or (
        not page.file.endswith(_YAML_NAMES) and _LOOKS_LIKE_JSON.match(page.text)
    )
    return parse_json(page) if is_json else parse_yaml(page)


def _read(document: Document, source: _Source) -> None:
    if document.root is None:
        return
    for root, path in resources(document.root, document.complaints):
        source.check_time()
        shape = recognise(root, document.complaints, path)
        sheet = Sheet(root, document.complaints, path, source.variables, source.ignored)
        if shape is Shape.FOREIGN:
            named = [text_of(root, "apiVersion"), text_of(root, "kind")]
            source.ignored[" ".join(filter(None, named)) or document.complaints.page.file] += 1
            if named == ["v1", "Namespace"]:
                source.cluster.add_namespace(root)
            if not path:
                _forgive(document.complaints)
        elif shape is Shape.KUBERNETES:
            source.cluster.add(sheet)
        elif shape:
            source.declared.extend(translate(shape, sheet))


def _forgive(complaints: Complaints) -> None:
    """Keep, of what is wrong with somebody else's document, what made it look like theirs."""
    complaints.found[:] = [item for item in complaints.found if item.path in _DECIDES_THE_FORM]


def _conflicts(declared: list[Declared]) -> Iterator[Diagnostic]:
    """Complain of keys declared twice, and of names that a reader cannot tell apart."""
    first_of_key: dict[Key, Declared] = {}
    first_of_look: dict[tuple[str, ...], Declared] = {}
    for one in declared:
        key = one.desired.key
        first = first_of_key.setdefault(key, one)
        alike = first_of_look.setdefault(_look(key), one)
        if first is not one:
            message = f"{escaped(str(key))} is declared at {first.desired.origin} too"
            yield one.complaint(Code.DECLARED_TWICE, message)
        elif alike.desired.key != key:
            other = f"{escaped(str(alike.desired.key))} at {alike.desired.origin}"
            message = f"differs from {other} in case or normal form only"
            yield one.complaint(Code.NEARLY_EQUAL, message, "App Mesh takes them for two")


def _look(key: Key) -> tuple[str, ...]:
    return (
        key.kind,
        key.mesh_owner,
        *(unicodedata.normalize("NFKC", name).casefold() for name in key.path),
    )
