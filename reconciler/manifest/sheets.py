"""One resource under translation, and what comes of it.

What the forms have in common; each form's own way is in a module of its own.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.core.resources import Desired, Key, Options, Origin, Spec
from reconciler.manifest.diagnostics import Code, Diagnostic, did_you_mean, one_of, shown
from reconciler.manifest.nodes import (
    BrokenNode,
    Complaints,
    MappingNode,
    Mark,
    Node,
    Page,
    Path,
    ScalarNode,
    described,
    dotted,
    located,
)
from reconciler.manifest.shapes import MESH_KINDS
from reconciler.manifest.variables import filled_mapping


class Declared(NamedTuple):
    """What a document asks for, and where on its page and in its tree the name stands."""

    desired: Desired
    page: Page
    mark: Mark
    path: Path

    def complaint(self, code: Code, message: str, hint: str = "") -> Diagnostic:
        """Return a complaint about the name."""
        quote = self.page.quote(self.mark)
        return Diagnostic(code, self.desired.origin, message, dotted(self.path), hint, quote)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One document under translation; ``path`` leads to ``root`` where that is in a list.

    ``ignored`` is where the translation counts what in the document is somebody else's.
    """

    root: MappingNode
    complaints: Complaints
    path: Path
    variables: Mapping[str, str]
    ignored: Counter[str]

    def declared(
        self,
        name: Path,
        key: Key,
        spec: Spec | None,
        tags: dict[str, str] | None = None,
        options: Options | None = None,
    ) -> Declared:
        """Return what the document asks for; ``name`` leads to where its name stands."""
        key_mark, node = located(self.root, name)
        mark = node.mark if node else key_mark
        origin = Origin(self.complaints.page.file, mark.line, mark.column)
        desired = Desired(key, spec, tags or {}, origin, options or Options())
        return Declared(desired, self.complaints.page, mark, (*self.path, *name))

    def filled(self, root: MappingNode, skip: Collection[str] = ()) -> MappingNode:
        """Return ``root`` with its variables replaced, but for what is below a key in ``skip``."""
        if not self.complaints.page.may_hold_variables:
            return root
        return filled_mapping(root, self.variables, self.complaints, self.path, skip)

    def kind(self, root: MappingNode, supported: Collection[str] = MESH_KINDS) -> str | None:
        """Return the kind of ``root`` where it is one of ``supported``, else say why not."""
        mark, node = located(root, ("kind",))
        if node is None:
            self.complain(Code.MISSING_FIELD, mark, "is required", ("kind",))
        elif isinstance(node, ScalarNode) and node.value is not None:
            if node.text in supported:
                return node.text
            self.complain_of_kind(node.text, node.mark, ("kind",), supported)
        elif not isinstance(node, BrokenNode):
            message = f"must be the name of a kind, not {described(node)}"
            self.complain(Code.WRONG_TYPE, node.mark, message, ("kind",))
        return None

    def complain_of_kind(
        self, kind: str, mark: Mark, where: Path, known: Collection[str] = MESH_KINDS
    ) -> None:
        """Complain of a kind that is not among those ``known``, as ``where`` says at ``mark``."""
        message = f"must be {one_of(sorted(known))}, not {shown(kind)}"
        self.complain(Code.KIND, mark, message, where, did_you_mean(kind, known))

    def complain_of_type(self, node: Node, where: Path, wanted: str = "a mapping") -> None:
        """Complain that ``node`` is not ``wanted``, where nothing was complained of there yet."""
        if not isinstance(node, BrokenNode) or node.meant:
            found = "a function" if isinstance(node, BrokenNode) else described(node)
            self.complain(Code.WRONG_TYPE, node.mark, f"must be {wanted}, not {found}", where)

    def complain(self, code: Code, mark: Mark, message: str, where: Path, hint: str = "") -> None:
        """Complain of the place ``mark``, to which ``where`` leads from the root."""
        self.complaints.add(code, mark, message, path=(*self.path, *where), hint=hint)
