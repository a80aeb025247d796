"""One resource under translation, and what comes of it.

What the forms have in common; each form's own way is in a module of its own.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from reconciler.core.kinds import Steps, references
from reconciler.core.resources import Desired, Key, Options, Origin, Spec
from reconciler.manifest.formats.detect import MESH_KINDS
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.parsing.diagnostics import Code, did_you_mean, one_of, quote_value
from reconciler.manifest.parsing.nodes import (
    DiagnosticList,
    InvalidNode,
    MappingNode,
    Node,
    Path,
    Position,
    ScalarNode,
    describe,
    find,
)
from reconciler.manifest.parsing.variables import substitute_mapping


class DeclaredResource(NamedTuple):
    """A resource that a document declares; ``path`` leads to it there.

    ``desired`` is None if there is an error in it. Then ``readable`` are the references that can
    be read, each with the steps that lead to it in the spec.
    """

    key: Key
    origin: Origin
    complaints: DiagnosticList
    path: Path
    desired: Desired | None
    readable: tuple[tuple[Steps, Key], ...] = ()

    @property
    def spec(self) -> Any:
        """Its spec as JSON; an empty one if it has none, or if it is not valid."""
        return (self.desired and self.desired.spec) or {}

    @property
    def references(self) -> Iterable[tuple[Steps, Key]]:
        """What its spec names and needs."""
        return references(self.key, self.spec) if self.desired else self.readable


class Unnamed(NamedTuple):
    """A resource of which only the kind is known, because its names cannot be relied on."""

    kind: str
    complaints: DiagnosticList
    path: Path


@dataclass(frozen=True, slots=True)
class DocumentContext:
    """One document under translation; ``path`` leads to ``root`` where that is in a list.

    The translation counts documents of other services in ``ignored``, and puts the fields of each
    resource into ``kept`` if that is not None.
    """

    root: MappingNode
    diagnostics: DiagnosticList
    path: Path
    variables: Mapping[str, str]
    ignored: Counter[str]
    kept: dict[tuple[Key, Origin], Fields] | None = None

    def declare(
        self,
        fields: Fields,
        key: Key,
        spec: Spec | None,
        tags: dict[str, str] | None = None,
        options: Options | None = None,
    ) -> DeclaredResource | Unnamed:
        """Return what the document asks for."""
        desired = Desired(key, spec, tags or {}, self._origin(fields), options or Options())
        return self._known(fields, key.kind, key, desired)

    def invalid(self, fields: Fields, kind: str, key: Key | None) -> DeclaredResource | Unnamed:
        """Return what is known of a resource that is not valid: its ``key`` at best."""
        return self._known(fields, kind, key, None)

    def _known(
        self, fields: Fields, kind: str, key: Key | None, desired: Desired | None
    ) -> DeclaredResource | Unnamed:
        diagnostics, path = self.diagnostics, fields.path
        errors = diagnostics.errors_in(path)
        if key is None or (errors and not fields.are_named(errors)):
            return Unnamed(kind, diagnostics, path)
        origin = self._origin(fields)
        if self.kept is not None:
            self.kept[key, origin] = fields
        if desired is None or errors:
            readable = tuple(fields.references(key, errors))
            return DeclaredResource(key, origin, diagnostics, path, None, readable)
        return DeclaredResource(key, origin, diagnostics, path, desired)

    def _origin(self, fields: Fields) -> Origin:
        position = fields.name().mark
        return Origin(self.diagnostics.source.file, position.line, position.column)

    def substitute(self, root: MappingNode, skip: Collection[str] = ()) -> MappingNode:
        """Return ``root`` with its variables replaced, but for what is below a key in ``skip``."""
        if not self.diagnostics.source.may_hold_variables:
            return root
        return substitute_mapping(root, self.variables, self.diagnostics, self.path, skip)

    def kind(self, root: MappingNode, supported: Collection[str] = MESH_KINDS) -> str | None:
        """Return the kind of ``root`` where it is one of ``supported``, else say why not."""
        position, node = find(root, ("kind",))
        if node is None:
            self.report(Code.MISSING_FIELD, position, "is required", ("kind",))
        elif isinstance(node, ScalarNode) and node.value is not None:
            if node.text in supported:
                return node.text
            self.report_kind(node.text, node.position, ("kind",), supported)
        elif not isinstance(node, InvalidNode):
            message = f"must be the name of a kind, not {describe(node)}"
            self.report(Code.WRONG_TYPE, node.position, message, ("kind",))
        return None

    def report_kind(
        self, kind: str, position: Position, where: Path, known: Collection[str] = MESH_KINDS
    ) -> None:
        """Complain of a kind that is not among those ``known``, as ``where`` says at ``position``."""
        message = f"must be {one_of(sorted(known))}, not {quote_value(kind)}"
        self.report(Code.KIND, position, message, where, did_you_mean(kind, known))

    def report_type(self, node: Node, where: Path, expected: str = "a mapping") -> None:
        """Complain that ``node`` is not ``expected``, where nothing was complained of there yet."""
        if not isinstance(node, InvalidNode) or node.expansion:
            found = "a function" if isinstance(node, InvalidNode) else describe(node)
            self.report(Code.WRONG_TYPE, node.position, f"must be {expected}, not {found}", where)

    def report(
        self, code: Code, position: Position, message: str, where: Path, hint: str = ""
    ) -> None:
        """Complain of the place ``position``, to which ``where`` leads from the root."""
        self.diagnostics.add(code, position, message, path=(*self.path, *where), hint=hint)
