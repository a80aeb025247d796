"""Context of a document that is translated, and the results, shared by all formats."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from reconciler.core.kinds import Steps, references
from reconciler.core.resources import Desired, Key, Options, Origin, Spec
from reconciler.manifest.formats.neighbors import MESH_KINDS
from reconciler.manifest.inputs import Inputs
from reconciler.manifest.models.documents import KEY_KINDS
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
from reconciler.manifest.parsing.variables import Substitution


class DeclaredResource(NamedTuple):
    """A resource that a document declares, valid or not.

    Attributes:
        key: Its key, which is known even if the resource is not valid.
        origin: The position of its name.
        diagnostics: The diagnostics of its document.
        path: Its path in the document.
        desired: The desired value, or None if the resource has an error.
        readable_references: The references of an invalid resource that can be read, each with its
            path in the spec.
    """

    key: Key
    origin: Origin
    diagnostics: DiagnosticList
    path: Path
    desired: Desired | None
    readable_references: tuple[tuple[Steps, Key], ...] = ()

    @property
    def spec(self) -> Any:
        """The spec as JSON; empty if there is none or the resource is not valid."""
        return (self.desired and self.desired.spec) or {}

    @property
    def references(self) -> Iterable[tuple[Steps, Key]]:
        """The resources that the spec refers to, each with its path in the spec."""
        return references(self.key, self.spec) if self.desired else self.readable_references


class Unnamed(NamedTuple):
    """A resource whose kind is known but whose names are missing or not valid."""

    kind: str
    diagnostics: DiagnosticList
    path: Path


class DocumentContext(NamedTuple):
    """A document, or an item of a list in it, with everything that its translation needs.

    Attributes:
        root: The document or item.
        diagnostics: Receives the diagnostics.
        path: The path of ``root`` in its document; empty except for an item of a list.
        inputs: Values from outside of the manifests.
        ignored: Counts the resources of other services.
        defer: Records a document that is translated after all files are read.
        fields_by_key: Receives the fields of each resource if not None.
    """

    root: MappingNode
    diagnostics: DiagnosticList
    path: Path
    inputs: Inputs
    ignored: Counter[str]
    defer: Callable[["DocumentContext"], None]
    fields_by_key: dict[tuple[Key, Origin], Fields] | None = None

    def declare(
        self,
        fields: Fields,
        key: Key,
        spec: Spec | None,
        tags: dict[str, str] | None = None,
        options: Options | None = None,
    ) -> DeclaredResource | Unnamed:
        """Return a resource with its desired value."""
        desired = Desired(key, spec, tags or {}, self._origin(fields), options or Options())
        return self._known(fields, key.kind, key, desired)

    def invalid(self, fields: Fields, kind: str, key: Key | None) -> DeclaredResource | Unnamed:
        """Return an invalid resource: with its ``key``, or unnamed without a reliable key."""
        return self._known(fields, kind, key, None)

    def invalid_by_names(self, fields: Fields, title: str) -> DeclaredResource | Unnamed:
        """Return an invalid resource with the key in its name fields, if they are readable."""
        kind = KEY_KINDS[title]
        return self.invalid(fields, kind, fields.key(kind))

    def _known(
        self, fields: Fields, kind: str, key: Key | None, desired: Desired | None
    ) -> DeclaredResource | Unnamed:
        diagnostics, path = self.diagnostics, fields.path
        errors = diagnostics.errors_in(path)
        if key is None or (errors and not fields.are_named(errors)):
            return Unnamed(kind, diagnostics, path)
        origin = desired.origin if desired else self._origin(fields)
        if self.fields_by_key is not None:
            self.fields_by_key[key, origin] = fields
        if desired is None or errors:
            readable = tuple(fields.references(key, errors))
            return DeclaredResource(key, origin, diagnostics, path, None, readable)
        return DeclaredResource(key, origin, diagnostics, path, desired)

    def _origin(self, fields: Fields) -> Origin:
        position = fields.name().position
        return Origin(self.diagnostics.source.file, position.line, position.column)

    def substitute(self, root: MappingNode, skip: Collection[str] = ()) -> MappingNode:
        """Return ``root`` with its variables replaced, except below the keys in ``skip``."""
        if not self.diagnostics.source.may_hold_variables:
            return root
        variables, in_yaml = self.inputs.variables, self.inputs.yaml_variables
        return Substitution(variables, in_yaml, self.diagnostics, skip).mapping(root, self.path)

    def kind(self, root: MappingNode, supported: Collection[str] = MESH_KINDS) -> str | None:
        """Return the kind of ``root``, or report a diagnostic if it is not ``supported``."""
        position, node = find(root, ("kind",))
        if node is None:
            self.report(Code.MISSING_FIELD, position, "is required", ("kind",))
        elif isinstance(node, ScalarNode) and node.value is not None:
            if node.text in supported:
                return node.text
            self.report_kind(node.text, node.position, ("kind",), supported)
        elif not isinstance(node, InvalidNode):
            message = f"must be a kind, not {describe(node)}"
            self.report(Code.WRONG_TYPE, node.position, message, ("kind",))
        return None

    def report_kind(
        self, kind: str, position: Position, path: Path, known: Collection[str] = MESH_KINDS
    ) -> None:
        """Report a kind that is not one of ``known``."""
        message = f"must be {one_of(sorted(known))}, not {quote_value(kind)}"
        self.report(Code.KIND, position, message, path, did_you_mean(kind, known))

    def report_type(self, node: Node, path: Path, expected: str = "a mapping") -> None:
        """Report that ``node`` is not ``expected``, unless it is reported already."""
        if not isinstance(node, InvalidNode) or node.expansion:
            found = "a function" if isinstance(node, InvalidNode) else describe(node)
            self.report(Code.WRONG_TYPE, node.position, f"must be {expected}, not {found}", path)

    def report(
        self, code: Code, position: Position, message: str, path: Path, hint: str = ""
    ) -> None:
        """Report a diagnostic at ``position``; ``path`` is relative to ``root``."""
        self.diagnostics.add(code, position, message, path=(*self.path, *path), hint=hint)
