"""The forms that people write, each translated into the same desired values.

A translation looks at one document and keeps its places; what several documents say together
is for ``loading``.
"""

from collections.abc import Iterator
from typing import Any

from reconciler.manifest import forms
from reconciler.manifest.checking import checked, written
from reconciler.manifest.cloudformation import translate_template
from reconciler.manifest.diagnostics import Code
from reconciler.manifest.nodes import MappingNode
from reconciler.manifest.shapes import Shape
from reconciler.manifest.sheets import Declared, Sheet
from reconciler.manifest.terraform import translate_terraform


def translate(shape: Shape, sheet: Sheet) -> Iterator[Declared]:
    """Yield what a document of the given ``shape`` asks for, and complain of what is wrong."""
    return _TRANSLATIONS[shape](sheet)


def _native(sheet: Sheet) -> Iterator[Declared]:
    root = sheet.filled(sheet.root)
    kind = sheet.kind(root)
    if kind is None:
        return
    document = checked(forms.native(kind), root, sheet.complaints, sheet.path)
    if document is not None:
        metadata = document.metadata
        yield sheet.declared(
            ("metadata", "name"),
            forms.key_of(kind, metadata, (*forms.parents(kind), "name")),
            None if document.spec is None else written(document.spec),
            metadata.tags,
            document.reconcile.options(),
        )


def _request(sheet: Sheet) -> Iterator[Declared]:
    kind = forms.kind_requested(sheet.root.members)
    names = forms.names(kind)
    members = dict(sheet.root.members)
    token = members.pop("clientToken", None)
    if token:
        message = "must not be in a manifest: each request gets a token of its own"
        hint = "leave the field out"
        sheet.complain(Code.CLIENT_TOKEN, token.value.mark, message, ("clientToken",), hint)
    root = sheet.filled(MappingNode(sheet.root.mark, members))
    request: Any = checked(forms.request(kind), root, sheet.complaints, sheet.path)
    if request is not None and token is None:
        yield sheet.declared(
            names[-1:],
            forms.key_of(kind, request, names),
            None if request.spec is None else written(request.spec),
            forms.tags_by_key(request),
        )


_TRANSLATIONS = {
    Shape.NATIVE: _native,
    Shape.REQUEST: _request,
    Shape.TEMPLATE: translate_template,
    Shape.TERRAFORM: translate_terraform,
}
