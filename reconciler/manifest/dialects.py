"""The forms that people write, each translated into the same desired values.

A translation looks at one document and keeps its places; what several documents say together
is for ``loading``.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.core.kinds import KINDS
from reconciler.core.resources import Desired, Key, Options, Origin, Spec
from reconciler.manifest.checking import checked, pruned, written
from reconciler.manifest.diagnostics import Code, Diagnostic, did_you_mean, one_of, shown
from reconciler.manifest.models import KUBERNETES_MESHES, NATIVE_KINDS, CreateMeshRequest
from reconciler.manifest.nodes import (
    BrokenNode,
    Complaints,
    MappingNode,
    Mark,
    Page,
    Path,
    ScalarNode,
    described,
    dotted,
    located,
    text_of,
)
from reconciler.manifest.shapes import MESH_KINDS, NAME_FIELDS, Shape

_KEY_KINDS = {kind.word: kind.name for kind in KINDS.values()}

# What the controller's Mesh calls the members of CreateMesh's spec.
_CONTROLLER_FIELDS = {"egressFilter": "egressFilter", "meshServiceDiscovery": "serviceDiscovery"}


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
    """One document under translation; ``path`` leads to ``root`` where that is in a list."""

    root: MappingNode
    complaints: Complaints
    path: Path

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

    def kind(self, supported: Collection[str]) -> str | None:
        """Return the document's kind where it is one of ``supported``, else say why not."""
        mark, node = located(self.root, ("kind",))
        if node is None:
            self._complain(Code.MISSING_FIELD, mark, "is required", "kind")
        elif isinstance(node, ScalarNode) and node.value is not None:
            if node.text in supported:
                return node.text
            self.complain_of_kind(node.text, node.mark, "kind")
        elif not isinstance(node, BrokenNode):
            message = f"must be the name of a kind, not {described(node)}"
            self._complain(Code.WRONG_TYPE, node.mark, message, "kind")
        return None

    def complain_of_kind(self, kind: str, mark: Mark, field: str) -> None:
        """Complain of a kind that cannot be translated, as ``field`` says at ``mark``."""
        if kind in MESH_KINDS:
            self._complain(Code.NOT_SUPPORTED, mark, f"{kind} is not supported yet", field)
        else:
            message = f"must be {one_of(sorted(MESH_KINDS))}, not {shown(kind)}"
            self._complain(Code.KIND, mark, message, field, did_you_mean(kind, MESH_KINDS))

    def _complain(self, code: Code, mark: Mark, message: str, field: str, hint: str = "") -> None:
        self.complaints.add(code, mark, message, path=(*self.path, field), hint=hint)


def translate(
    shape: Shape, root: MappingNode, complaints: Complaints, path: Path
) -> Declared | None:
    """Return what the document ``root`` of the given ``shape`` asks for, or complain.

    ``path`` leads to ``root`` in its document, where that is a list of resources.
    """
    return _TRANSLATIONS[shape](Sheet(root, complaints, path))


def _native(sheet: Sheet) -> Declared | None:
    kind = sheet.kind(NATIVE_KINDS)
    if kind is None:
        return None
    document = checked(NATIVE_KINDS[kind], sheet.root, sheet.complaints, sheet.path)
    if document is None:
        return None
    return sheet.declared(
        ("metadata", "name"),
        Key(_KEY_KINDS[kind], (document.metadata.name,)),
        None if document.spec is None else written(document.spec),
        document.metadata.tags,
        document.reconcile.options(),
    )


def _kubernetes(sheet: Sheet) -> Declared | None:
    if sheet.kind(("Mesh",)) is None:
        return None
    model = KUBERNETES_MESHES[str(text_of(sheet.root, "apiVersion"))]
    known = pruned(model, sheet.root, sheet.complaints, sheet.path)
    document = checked(model, known, sheet.complaints, sheet.path)
    if document is None:
        return None
    if "namespace" in document.metadata.model_fields_set:
        where = ("metadata", "namespace")
        mark, _ = located(sheet.root, where)
        message = "means nothing on a Mesh, which belongs to the whole cluster"
        sheet.complaints.add(Code.NAMESPACE, mark, message, path=(*sheet.path, *where))
    # Without a spec the controller creates the mesh with an empty one, so that is desired.
    spec = {
        _CONTROLLER_FIELDS[name]: value
        for name, value in written(document.spec).items()
        if name in _CONTROLLER_FIELDS
    }
    aws_name = document.spec.aws_name
    key = Key("mesh", (aws_name or document.metadata.name,))
    return sheet.declared(("spec", "awsName") if aws_name else ("metadata", "name"), key, spec)


def _request(sheet: Sheet) -> Declared | None:
    for field, kind in NAME_FIELDS.items():
        if field in sheet.root.members:
            sheet.complain_of_kind(kind, sheet.root.members[field].mark, field)
            return None
    request = checked(CreateMeshRequest, sheet.root, sheet.complaints, sheet.path)
    if request is None:
        return None
    return sheet.declared(
        ("meshName",),
        Key("mesh", (request.mesh_name,)),
        None if request.spec is None else written(request.spec),
        {tag.key: tag.value for tag in request.tags},
    )


_TRANSLATIONS = {Shape.NATIVE: _native, Shape.KUBERNETES: _kubernetes, Shape.REQUEST: _request}
