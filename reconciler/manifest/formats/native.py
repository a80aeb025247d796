"""Translation of native manifests."""

from collections.abc import Iterator

from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.models import documents
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.models.specs import spec_of
from reconciler.manifest.models.validation import given_spec, validate


def translate_native(context: DocumentContext) -> Iterator[DeclaredResource | Unnamed]:
    """Yield the resource in a native manifest, and report diagnostics."""
    root = context.substitute(context.root)
    kind = context.kind(root)
    if kind is None:
        return
    model, places = documents.native(kind), (*documents.parents(kind), "name")
    names = tuple(("metadata", name) for name in places)
    owner = ("metadata", "meshOwner")
    fields = Fields(root, context.path, names, ("spec",), spec_of(kind), owner)
    document = validate(model, root, context.diagnostics, context.path)
    if document is None:
        yield context.invalid_by_names(fields, kind)
        return
    yield context.declare(
        fields,
        documents.key_of(kind, document.metadata, places),
        given_spec(document),
        document.metadata.tags,
        document.reconcile.options() if document.reconcile else None,
    )
