"""CloudFormation templates: which of their resources are ours, and what those ask for.

Resources of other services are left alone and counted; what their functions say is not looked at.
"""

from collections.abc import Iterator

from pydantic.alias_generators import to_pascal

from reconciler.core.resources import Key, Options
from reconciler.manifest.checking import checked
from reconciler.manifest.diagnostics import Code, did_you_mean
from reconciler.manifest.functions import Resolver
from reconciler.manifest.models import MeshRequest
from reconciler.manifest.nodes import (
    BrokenNode,
    MappingNode,
    Member,
    Node,
    Path,
    ScalarNode,
    described,
    located,
    text_of,
)
from reconciler.manifest.parameters import call_in
from reconciler.manifest.sheets import Declared, Sheet
from reconciler.manifest.spelling import in_api_words, respelt

_SECTIONS = (
    *("AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Hooks", "Mappings"),
    *("Metadata", "Outputs", "Parameters", "Resources", "Rules", "Transform"),
)
_PREFIX = "AWS::AppMesh::"
_MESH = f"{_PREFIX}Mesh"
_RETAINED = ("Retain", "RetainExceptOnCreate")


def translate_template(sheet: Sheet) -> Iterator[Declared]:
    """Yield the meshes in a template, and complain of what CloudFormation would refuse."""
    for name, member in sheet.root.members.items():
        if name not in _SECTIONS:
            hint = did_you_mean(name, _SECTIONS)
            message = "is no section of a template"
            sheet.complain(Code.UNKNOWN_FIELD, member.mark, message, (name,), hint)
    mark, resources = located(sheet.root, ("Resources",))
    if resources is None:
        sheet.complain(Code.MISSING_FIELD, mark, "is required", ("Resources",))
    elif isinstance(resources, MappingNode):
        resolver = Resolver(sheet.root, sheet.variables, sheet.complaints)
        for name, member in resources.members.items():
            yield from _resource(sheet, resolver, name, member)
    else:
        _complain_of_type(sheet, resources, ("Resources",))


def _resource(sheet: Sheet, resolver: Resolver, name: str, member: Member) -> Iterator[Declared]:
    path = ("Resources", name)
    if name.startswith("Fn::") or call_in(member.value, path):
        message = "makes resources that only CloudFormation knows"
        sheet.complain(Code.FUNCTION, member.mark, message, path, "write them out")
        return
    if not isinstance(member.value, MappingNode):
        _complain_of_type(sheet, member.value, path)
        return
    mark, type_ = located(member.value, ("Type",))
    if type_ is None:
        sheet.complain(Code.MISSING_FIELD, mark, "is required", (*path, "Type"))
    elif not isinstance(type_, ScalarNode) or type_.value is None:
        _complain_of_type(sheet, type_, (*path, "Type"), "text")
    elif type_.text == _MESH:
        yield from _mesh(sheet, resolver, name, member.value)
    elif "appmesh" in type_.text.casefold().replace("-", ""):
        kind = type_.text.removeprefix(_PREFIX)
        sheet.complain_of_kind(kind, type_.mark, (*path, "Type"))
    else:
        sheet.ignored[type_.text] += 1


def _mesh(sheet: Sheet, resolver: Resolver, name: str, resource: MappingNode) -> Iterator[Declared]:
    path: Path = ("Resources", name)
    if "Condition" in resource.members and not _is_made(sheet, resolver, name, resource):
        return
    path = (*path, "Properties")
    mark, properties = located(resource, ("Properties",))
    if properties is not None and not isinstance(properties, MappingNode):
        _complain_of_type(sheet, properties, path)
        return
    members = {}
    for field, member in (properties.members if properties else {}).items():
        if value := resolver.property(name, field):
            members[field] = Member(member.mark, value)
    if "MeshName" not in members:
        message = "is required: CloudFormation would make up a name, which only the stack knows"
        sheet.complain(Code.MISSING_FIELD, mark, message, (*path, "MeshName"))
        members["MeshName"] = Member(mark, BrokenNode(mark))
    model = respelt(MeshRequest, to_pascal)
    mesh = checked(model, MappingNode(mark, members), sheet.complaints, (*sheet.path, *path))
    if mesh is not None:
        yield sheet.declared(
            (*path, "MeshName"),
            Key("mesh", (mesh.mesh_name,)),
            None if mesh.spec is None else in_api_words(mesh.spec),
            mesh.tags_by_key(),
            Options(protect=text_of(resource, "DeletionPolicy") in _RETAINED),
        )


def _is_made(sheet: Sheet, resolver: Resolver, name: str, resource: MappingNode) -> bool:
    """Return whether the condition of ``resource`` holds; no too where it is complained about."""
    mark, node = resource.members["Condition"]
    path = ("Resources", name, "Condition")
    if not isinstance(node, ScalarNode) or node.value is None:
        _complain_of_type(sheet, node, path, "the name of a condition")
        return False
    holds = resolver.holds(node.text, mark, path)
    if holds is False:
        sheet.ignored[f"{_MESH} whose condition does not hold"] += 1
    return holds is True


def _complain_of_type(sheet: Sheet, node: Node, path: Path, wanted: str = "a mapping") -> None:
    if not isinstance(node, BrokenNode) or node.meant:
        found = "a function" if isinstance(node, BrokenNode) else described(node)
        sheet.complain(Code.WRONG_TYPE, node.mark, f"must be {wanted}, not {found}", path)
