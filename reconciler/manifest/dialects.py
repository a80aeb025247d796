"""The forms that people write, each translated into the same desired values.

A translation looks at one document and keeps its places; what several documents say together
is for ``loading``.
"""

from collections.abc import Iterator

from reconciler.core.kinds import KINDS
from reconciler.core.resources import Key
from reconciler.manifest.checking import checked, pruned, written
from reconciler.manifest.cloudformation import translate_template
from reconciler.manifest.diagnostics import Code
from reconciler.manifest.models import KUBERNETES_MESHES, NATIVE_KINDS, CreateMeshRequest
from reconciler.manifest.nodes import located, text_of
from reconciler.manifest.shapes import NAME_FIELDS, Shape
from reconciler.manifest.sheets import Declared, Sheet
from reconciler.manifest.terraform import translate_terraform

_KEY_KINDS = {kind.word: kind.name for kind in KINDS.values()}

# What the controller's Mesh calls the members of CreateMesh's spec.
_CONTROLLER_FIELDS = {"egressFilter": "egressFilter", "meshServiceDiscovery": "serviceDiscovery"}

# Of a Kubernetes object these are not ours to read, so a placeholder in them is no fault.
_CLUSTERS_OWN = frozenset({"annotations", "labels", "managedFields", "namespaceSelector", "status"})


def translate(shape: Shape, sheet: Sheet) -> Iterator[Declared]:
    """Yield what a document of the given ``shape`` asks for, and complain of what is wrong."""
    return _TRANSLATIONS[shape](sheet)


def _native(sheet: Sheet) -> Iterator[Declared]:
    root = sheet.filled(sheet.root)
    kind = sheet.kind(root, NATIVE_KINDS)
    if kind is None:
        return
    document = checked(NATIVE_KINDS[kind], root, sheet.complaints, sheet.path)
    if document is not None:
        yield sheet.declared(
            ("metadata", "name"),
            Key(_KEY_KINDS[kind], (document.metadata.name,)),
            None if document.spec is None else written(document.spec),
            document.metadata.tags,
            document.reconcile.options(),
        )


def _kubernetes(sheet: Sheet) -> Iterator[Declared]:
    root = sheet.filled(sheet.root, skip=_CLUSTERS_OWN)
    if sheet.kind(root, ("Mesh",)) is None:
        return
    model = KUBERNETES_MESHES[str(text_of(root, "apiVersion"))]
    known = pruned(model, root, sheet.complaints, sheet.path)
    document = checked(model, known, sheet.complaints, sheet.path)
    if document is None:
        return
    if "namespace" in document.metadata.model_fields_set:
        where = ("metadata", "namespace")
        mark, _ = located(root, where)
        message = "means nothing on a Mesh, which belongs to the whole cluster"
        sheet.complain(Code.NAMESPACE, mark, message, where)
    # Without a spec the controller creates the mesh with an empty one, so that is desired.
    spec = {
        _CONTROLLER_FIELDS[name]: value
        for name, value in written(document.spec).items()
        if name in _CONTROLLER_FIELDS
    }
    aws_name = document.spec.aws_name
    key = Key("mesh", (aws_name or document.metadata.name,))
    yield sheet.declared(("spec", "awsName") if aws_name else ("metadata", "name"), key, spec)


def _request(sheet: Sheet) -> Iterator[Declared]:
    for field, kind in NAME_FIELDS.items():
        if field in sheet.root.members:
            sheet.complain_of_kind(kind, sheet.root.members[field].mark, (field,))
            return
    root = sheet.filled(sheet.root)
    request = checked(CreateMeshRequest, root, sheet.complaints, sheet.path)
    if request is not None:
        yield sheet.declared(
            ("meshName",),
            Key("mesh", (request.mesh_name,)),
            None if request.spec is None else written(request.spec),
            request.tags_by_key(),
        )


_TRANSLATIONS = {
    Shape.NATIVE: _native,
    Shape.KUBERNETES: _kubernetes,
    Shape.REQUEST: _request,
    Shape.TEMPLATE: translate_template,
    Shape.TERRAFORM: translate_terraform,
}
