"""Translation of the bodies of the API's Create requests."""

from collections.abc import Iterator
from typing import Any

from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.models import documents
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.models.validation import given_fields, validate
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.manifest.parsing.nodes import MappingNode


def is_request(root: MappingNode) -> bool:
    """Return whether ``root`` is the body of a Create request."""
    return "meshName" in root.members and "kind" not in root.members


def translate_request(context: DocumentContext) -> Iterator[DeclaredResource | Unnamed]:
    """Yield the resource that a request creates, and report diagnostics."""
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
        yield context.invalid_by_names(fields, kind)
        return
    yield context.declare(
        fields,
        documents.key_of(kind, request, names),
        None if request.spec is None else given_fields(request.spec),
        documents.tags_by_key(request),
    )
