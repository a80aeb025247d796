"""Translation of the App Mesh resources in CloudFormation templates.

Resources of other services are counted and ignored; their functions are not resolved.
"""

from collections.abc import Iterator
from typing import Any

from reconciler.core.resources import Options
from reconciler.manifest.formats.cloudformation.conditions import is_true
from reconciler.manifest.formats.cloudformation.intrinsics import resolver_of
from reconciler.manifest.formats.cloudformation.lookups import STATED
from reconciler.manifest.formats.cloudformation.loops import PREFIX, LoopExpansion
from reconciler.manifest.formats.cloudformation.parameters import UnresolvedError, parse_call
from reconciler.manifest.formats.cloudformation.resolver import Resolver
from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.formats.neighbors import MESH_KINDS
from reconciler.manifest.models import documents
from reconciler.manifest.models.field_naming import cloudformation_name, rename_fields, to_api_names
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.models.specs import attribute
from reconciler.manifest.models.validation import validate
from reconciler.manifest.parsing.diagnostics import Code, did_you_mean, one_of, quote_value
from reconciler.manifest.parsing.nodes import (
    InvalidNode,
    KeyValue,
    MappingNode,
    Node,
    Path,
    ScalarNode,
    find,
    format_path,
    get_text,
    is_within,
)

_SECTIONS = (
    *("AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Hooks", "Mappings"),
    *("Metadata", "Outputs", "Parameters", "Resources", "Rules", "Transform"),
)
_PREFIX = "AWS::AppMesh::"
_TYPES = {f"{_PREFIX}{kind}": kind for kind in MESH_KINDS}
_ATTRIBUTES = (
    *("Condition", "CreationPolicy", "DeletionPolicy", "DependsOn", "Metadata", "Properties"),
    *("Type", "UpdatePolicy", "UpdateReplacePolicy"),
)
_RETAINED = ("Retain", "RetainExceptOnCreate")
_POLICIES = ("Delete", "Snapshot", *_RETAINED)


def translate_template(context: DocumentContext) -> Iterator[DeclaredResource | Unnamed]:
    """Yield the App Mesh resources in a template, and report errors of the template."""
    for name, member in context.root.members.items():
        if name not in _SECTIONS:
            hint = did_you_mean(name, _SECTIONS)
            message = "is not a section of a template"
            context.report(Code.UNKNOWN_FIELD, member.position, message, (name,), hint)
    position, resources = find(context.root, ("Resources",))
    if resources is None:
        context.report(Code.MISSING_FIELD, position, "is required", ("Resources",))
    elif isinstance(resources, MappingNode):
        resources = _expanded(context, resources)
        members = {**context.root.members, "Resources": KeyValue(position, resources)}
        root = MappingNode(context.root.position, members)
        resolver = resolver_of(root, context.inputs.variables, context.diagnostics)
        for name, member in resources.members.items():
            yield from _resource(context, resolver, name, member)
    else:
        context.report_type(resources, ("Resources",))


def _expanded(context: DocumentContext, resources: MappingNode) -> MappingNode:
    """Return ``resources`` with their loops expanded, or report these."""
    if not any(name.startswith(PREFIX) for name in resources.members):
        return resources
    resolver = resolver_of(context.root, context.inputs.variables, context.diagnostics)

    def report(error: UnresolvedError, name: str, member: KeyValue) -> None:
        if str(error):
            where = ("Resources", name)
            context.report(Code.FUNCTION, member.position, str(error), where, error.hint)

    def resolve(node: Node) -> list[str]:
        return resolver.collection(node, ("Resources",))

    return LoopExpansion(resolve, report).expand(resources)


def _resource(
    context: DocumentContext, resolver: Resolver, name: str, member: KeyValue
) -> Iterator[DeclaredResource | Unnamed]:
    path = ("Resources", name)
    if name.startswith("Fn::") or parse_call(member.value, path):
        message = "creates resources that only CloudFormation can determine"
        context.report(Code.FUNCTION, member.position, message, path, "write the resources in full")
        return
    if not isinstance(member.value, MappingNode):
        context.report_type(member.value, path)
        return
    position, type_ = find(member.value, ("Type",))
    if type_ is None:
        context.report(Code.MISSING_FIELD, position, "is required", (*path, "Type"))
    elif not isinstance(type_, ScalarNode) or type_.value is None:
        context.report_type(type_, (*path, "Type"), "text")
    elif kind := _TYPES.get(type_.text):
        yield from _translate(context, resolver, name, member.value, kind)
    elif "appmesh" in type_.text.casefold().replace("-", ""):
        kind = type_.text.removeprefix(_PREFIX)
        context.report_kind(kind, type_.position, (*path, "Type"))
    else:
        context.ignored[type_.text] += 1
        _drop_diagnostics(context, path, type_.text)


def _drop_diagnostics(context: DocumentContext, path: Path, type_: str) -> None:
    """Drop the errors in the properties of a resource of another service that nothing reads."""
    errors = context.diagnostics.errors_in((*context.path, *path, "Properties"))
    read = {
        format_path((*context.path, *path, "Properties", name))
        for name in STATED.get(type_, {}).values()
    }
    for error in errors:
        if not any(is_within(error.path, name) for name in read):
            context.diagnostics.found.remove(error)


def _translate(
    context: DocumentContext, resolver: Resolver, name: str, resource: MappingNode, kind: str
) -> Iterator[DeclaredResource | Unnamed]:
    path: Path = ("Resources", name)
    _report_unknown_attributes(context, resource, path)
    if "Condition" in resource.members and not _is_created(context, resolver, name, resource):
        return
    path = (*path, "Properties")
    position, properties = find(resource, ("Properties",))
    if properties is not None and not isinstance(properties, MappingNode):
        context.report_type(properties, path)
        return
    members = {}
    for field, member in (properties.members if properties else {}).items():
        if value := resolver.property(name, field):
            members[field] = KeyValue(member.position, value)
    names = documents.names(kind)
    own_name = cloudformation_name("", attribute(names[-1]))
    if own_name not in members:
        message = (
            "is required: without it, CloudFormation generates a name that only the stack knows"
        )
        context.report(Code.MISSING_FIELD, position, message, (*path, own_name))
        members[own_name] = KeyValue(position, InvalidNode(position))
    model = rename_fields(documents.request(kind), cloudformation_name)
    root = MappingNode(position, members)
    fields = Fields(
        MappingNode(resource.position, {"Properties": KeyValue(position, root)}),
        (*context.path, *path[:-1]),
        tuple(("Properties", cloudformation_name("", attribute(item))) for item in names),
        ("Properties", "Spec"),
        documents.spec_in(model),
        ("Properties", "MeshOwner"),
    )
    document: Any = validate(model, root, context.diagnostics, (*context.path, *path))
    if document is None:
        yield context.invalid_by_names(fields, kind)
        return
    yield context.declare(
        fields,
        documents.key_of(kind, document, names),
        None if document.spec is None else to_api_names(document.spec),
        documents.tags_by_key(document),
        Options(protect=_is_retained(context, name, resource)),
    )


def _report_unknown_attributes(context: DocumentContext, resource: MappingNode, path: Path) -> None:
    for name, member in resource.members.items():
        if name not in _ATTRIBUTES:
            message = "is not an attribute of a resource"
            hint = did_you_mean(name, _ATTRIBUTES)
            context.report(Code.UNKNOWN_FIELD, member.position, message, (*path, name), hint)


def _is_created(
    context: DocumentContext, resolver: Resolver, name: str, resource: MappingNode
) -> bool:
    """Return whether the condition of ``resource`` is true; False if that is not known."""
    position, node = resource.members["Condition"]
    path = ("Resources", name, "Condition")
    if not isinstance(node, ScalarNode) or node.value is None:
        context.report_type(node, path, "the name of a condition")
        return False
    created = is_true(resolver, node.text, position, path)
    if created is False:
        context.ignored[f"{get_text(resource, 'Type')} whose condition is false"] += 1
    return created is True


def _is_retained(context: DocumentContext, name: str, resource: MappingNode) -> bool:
    """Return whether a stack keeps the resource when it is removed from the template."""
    _, node = find(resource, ("DeletionPolicy",))
    path = ("Resources", name, "DeletionPolicy")
    if node is None:
        return False
    if not isinstance(node, ScalarNode) or node.value is None:
        context.report_type(node, path, one_of(_POLICIES))
    elif node.text not in _POLICIES:
        message = f"must be {one_of(_POLICIES)}, not {quote_value(node.text)}"
        context.report(Code.NOT_ALLOWED, node.position, message, path)
    return isinstance(node, ScalarNode) and node.text in _RETAINED
