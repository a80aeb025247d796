"""Registry of the formats that are translated one document at a time.

``loading`` handles the relations between documents, and Kubernetes objects, which need each other.
"""

from collections.abc import Iterator
from typing import Any

from reconciler.manifest.formats.cloudformation.template import translate_template
from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.formats.detect import Format
from reconciler.manifest.formats.terraform import translate_terraform
from reconciler.manifest.models import documents
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.models.validation import given_fields, validate
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.manifest.parsing.nodes import MappingNode


def translate(detected: Format, context: DocumentContext) -> Iterator[DeclaredResource | Unnamed]:
    """Yield the resources in a document of the ``detected`` format, and report diagnostics."""
    return _TRANSLATIONS[detected](context)


def _translate_native(context: DocumentContext) -> Iterator[DeclaredResource | Unnamed]:
    root = context.substitute(context.root)
    kind = context.kind(root)
    if kind is None:
        return
    model, places = documents.native(kind), (*documents.parents(kind), "name")
    names = tuple(("metadata", name) for name in places)
    owner = ("metadata", "meshOwner")
    fields = Fields(root, context.path, names, ("spec",), documents.spec_in(model), owner)
    document = validate(model, root, context.diagnostics, context.path)
    if document is None:
        word = documents.KEY_KINDS[kind]
        yield context.invalid(fields, word, fields.key(word))
        return
    yield context.declare(
        fields,
        documents.key_of(kind, document.metadata, places),
        None if document.spec is None else given_fields(document.spec),
        document.metadata.tags,
        document.reconcile.options(),
    )


def _translate_request(context: DocumentContext) -> Iterator[DeclaredResource | Unnamed]:
    kind = documents.kind_requested(context.root.members)
    model, names = documents.request(kind), documents.names(kind)
    members = dict(context.root.members)
    token = members.pop("clientToken", None)
    if token:
        message = "must not be in a manifest: each request gets its own token"
        hint = "remove the field"
        context.report(Code.CLIENT_TOKEN, token.value.position, message, ("clientToken",), hint)
    root = context.substitute(MappingNode(context.root.position, members))
    paths = tuple((name,) for name in names)
    fields = Fields(root, context.path, paths, ("spec",), documents.spec_in(model))
    request: Any = validate(model, root, context.diagnostics, context.path)
    if request is None:
        word = documents.KEY_KINDS[kind]
        yield context.invalid(fields, word, fields.key(word))
        return
    yield context.declare(
        fields,
        documents.key_of(kind, request, names),
        None if request.spec is None else given_fields(request.spec),
        documents.tags_by_key(request),
    )


_TRANSLATIONS = {
    Format.NATIVE: _translate_native,
    Format.REQUEST: _translate_request,
    Format.TEMPLATE: translate_template,
    Format.TERRAFORM: translate_terraform,
}
