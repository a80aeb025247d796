"""Translation of the bodies of the API's Create requests."""

from collections.abc import Collection, Iterator
from typing import Any

from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.formats.neighbors import is_spec
from reconciler.manifest.formats.terraform import is_terraform
from reconciler.manifest.models import documents
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.models.specs import spec_of
from reconciler.manifest.models.validation import given_spec, validate
from reconciler.manifest.parsing.diagnostics import Code, one_of
from reconciler.manifest.parsing.nodes import KeyValue, MappingNode, ScalarNode, is_template


def is_request(root: MappingNode, names: Collection[str] = ()) -> bool:
    """Return whether ``root`` is the body of a Create request.

    ``names`` are the default names of its file. With them, any field of a request is enough, and
    so is a spec alone, as in the files of ``aws appmesh create-route --spec``.
    """
    if "kind" in root.members or "meshName" in root.members:
        return "kind" not in root.members
    is_other = not names or is_template(root) or is_terraform(root)
    if is_other:
        return False
    return not documents.request_fields().isdisjoint(root.members) or is_spec(root)


def translate_request(context: DocumentContext) -> Iterator[DeclaredResource | Unnamed]:
    """Yield the resource that a request creates, and report diagnostics."""
    place = context.root.position
    members = dict(context.root.members)
    if documents.request_fields().isdisjoint(members):
        # Only a spec has none of them.
        members = {"spec": KeyValue(place, context.root)}
    defaults = context.inputs.names_for(context.diagnostics.source.file)
    kinds = documents.kinds_requested(members, defaults)
    if len(kinds) > 1:
        message = f"may be {one_of(kinds)}: [[defaults]] sets the names of both"
        hint = "make the globs of the tables narrower"
        context.report(Code.UNKNOWN_FORMAT, place, message, (), hint)
        return
    kind = kinds[0]
    model, names = documents.request(kind), documents.names(kind)
    # A request for a mesh has no meshOwner.
    missing = {*names, *(["meshOwner"] if len(names) > 1 else [])} - members.keys()
    for name in defaults.keys() & missing:
        members[name] = KeyValue(place, ScalarNode(place, defaults[name], defaults[name]))
    token = members.pop("clientToken", None)
    if token:
        message = "must not be in a manifest: each request gets its own token"
        hint = "remove the field"
        context.report(Code.CLIENT_TOKEN, token.value.position, message, ("clientToken",), hint)
    root = context.substitute(MappingNode(place, members))
    paths = tuple((name,) for name in names)
    fields = Fields(root, context.path, paths, ("spec",), spec_of(kind))
    request: Any = validate(model, root, context.diagnostics, context.path)
    if request is None:
        yield context.invalid_by_names(fields, kind)
        return
    yield context.declare(
        fields,
        documents.key_of(kind, request, names),
        given_spec(request),
        documents.tags_by_key(request),
    )
