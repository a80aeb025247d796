"""What ``terraform show -json`` prints of a state or a plan: resolved values, module by module.

Data sources and resources of other services are left alone and counted. What is not known before
the apply, or is secret, has no value that could be compared or shown.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.formats.detect import MESH_KINDS
from reconciler.manifest.models import documents
from reconciler.manifest.models.field_naming import rename_fields, terraform_name, to_api_names
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.models.specs import attribute
from reconciler.manifest.models.validation import validate
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.manifest.parsing.nodes import (
    KeyValue,
    ListNode,
    MappingNode,
    Node,
    Path,
    Position,
    ScalarNode,
    find,
    get_text,
)

_PREFIX = "aws_appmesh_"
_KINDS = {f"{_PREFIX}{attribute(kind)[1:]}": kind for kind in MESH_KINDS}
# Of numbers that may be left out, a state shows 0 for one that is; the provider never sends it.
_ZERO_IS_UNSET = frozenset({"max_pending_requests", "port", "priority"})
# Where the configuration leaves these out, App Mesh fills them in, and they are no part of it.
_DEFAULTED_FIELDS = {("health_check", "port"), ("weighted_target", "port")}
# A state has the first, a plan the second; a plan's own record of the state is not looked at.
_VALUES = ("values", "planned_values")
_SHOW = "give what terraform show -json prints"


class _Hidden(NamedTuple):
    """Why values of a resource cannot be had: ``node`` has a ``true`` in the place of each."""

    reason: str
    node: Node
    path: Path


def translate_terraform(context: DocumentContext) -> Iterator[DeclaredResource | Unnamed]:
    """Yield what of a mesh is in a state or in what a plan leads to."""
    if get_text(context.root, "errored") == "true":
        position, _ = find(context.root, ("errored",))
        context.report(Code.STATE, position, "says that the plan is incomplete", ("errored",))
        return
    version = get_text(context.root, "format_version")
    if version is None:
        where = ("format_version",)
        context.report(Code.MISSING_FIELD, context.root.position, "is required", where, _SHOW)
        return
    if version.partition(".")[0] not in {"0", "1"}:
        position, _ = find(context.root, ("format_version",))
        message = "is no version of Terraform's output that is known: those begin with 0 or 1"
        context.report(Code.UNKNOWN_SHAPE, position, message, ("format_version",), _SHOW)
        return
    values = next((name for name in _VALUES if name in context.root.members), None)
    if values is None:
        message = "is required: where terraform show finds no state, it prints nothing more"
        context.report(Code.MISSING_FIELD, context.root.position, message, ("values",), _SHOW)
        return
    module = (values, "root_module")
    position, node = find(context.root, module)
    if not isinstance(node, MappingNode):
        context.report(Code.MISSING_FIELD, position, "is required", module, _SHOW)
        return
    unknown = _unknown_values(context.root)
    for resource, path in _resources(context, node, module):
        yield from _resource(context, resource, path, unknown)


def _resources(
    context: DocumentContext, module: MappingNode, path: Path
) -> Iterator[tuple[MappingNode, Path]]:
    yield from _mappings(context, module, (*path, "resources"))
    for child, where in _mappings(context, module, (*path, "child_modules")):
        yield from _resources(context, child, where)


def _mappings(
    context: DocumentContext, module: MappingNode, path: Path
) -> Iterator[tuple[MappingNode, Path]]:
    """Yield each mapping in the list that ``path`` ends with, and complain of what is none."""
    _, node = find(module, path[-1:])
    if isinstance(node, ListNode):
        for index, item in enumerate(node.items):
            if isinstance(item, MappingNode):
                yield item, (*path, index)
            else:
                context.report_type(item, (*path, index))
    elif node is not None:
        context.report_type(node, path, "a list")


def _unknown_values(root: Node) -> dict[str, _Hidden]:
    """Return, by address, what a plan says is known after its apply only."""
    unknown = {}
    _, changes = find(root, ("resource_changes",))
    for index, change in enumerate(changes.items if isinstance(changes, ListNode) else ()):
        _, node = find(change, ("change", "after_unknown"))
        address = get_text(change, "address")
        # What is deposed is on its way out: its values are not the ones to come.
        if node and address and get_text(change, "deposed") is None:
            path = ("resource_changes", index, "change", "after_unknown")
            unknown[address] = _Hidden("is known after the apply only", node, path)
    return unknown


def _resource(
    context: DocumentContext, resource: MappingNode, path: Path, unknown: dict[str, _Hidden]
) -> Iterator[DeclaredResource | Unnamed]:
    type_ = get_text(resource, "type")
    if type_ is None:
        position, _ = find(resource, ("type",))
        context.report(Code.MISSING_FIELD, position, "is required", (*path, "type"))
    elif get_text(resource, "mode") == "data" or not type_.startswith(_PREFIX):
        data = "data." if get_text(resource, "mode") == "data" else ""
        context.ignored[f"Terraform {data}{type_}"] += 1
    elif get_text(resource, "deposed_key") is not None:
        context.ignored[f"Terraform deposed {type_}"] += 1
    elif type_ not in _KINDS:
        position, _ = find(resource, ("type",))
        context.report_kind(type_, position, (*path, "type"), _KINDS)
    else:
        address = get_text(resource, "address")
        # An address names one resource, so its unknown values are searched only once.
        of_plan = unknown.pop(address or "", None)
        hidden = [of_plan] if of_plan else []
        if node := find(resource, ("sensitive_values",))[1]:
            hidden.append(
                _Hidden("is secret, and a plan would show it", node, (*path, "sensitive_values"))
            )
        yield from _translate(context, resource, path, hidden, _KINDS[type_])


def _translate(
    context: DocumentContext, resource: MappingNode, path: Path, hidden: list[_Hidden], kind: str
) -> Iterator[DeclaredResource | Unnamed]:
    position, values = find(resource, ("values",))
    inside = (*path, "values")
    if not isinstance(values, MappingNode):
        context.report(Code.MISSING_FIELD, position, "is required", inside)
        return
    # The provider's default tags are in tags_all alone, and the live mesh carries them too.
    _, all_tags = find(values, ("tags_all",))
    tags = "tags_all" if all_tags and _is_set(all_tags) else "tags"
    names = (*map(attribute, documents.names(kind)[:-1]), "name")
    expected = {*names, "spec", tags}
    for reason, node, where in hidden:
        for name in sorted(expected):
            for place, steps in _mark_unknown(*find(node, (name,))):
                if steps[-3::2] in _DEFAULTED_FIELDS:
                    continue
                context.report(Code.STATE, place, reason, (*where, name, *steps))
    owner, account = get_text(values, "mesh_owner"), get_text(values, "resource_owner")
    if owner and owner != account and kind != "Mesh":
        expected.add("mesh_owner")
    elif owner and account and owner != account:
        place, _ = find(values, ("mesh_owner",))
        message = "says that the mesh is another account's, which is not ours to create or change"
        context.report(Code.MESH_OWNER, place, message, (*inside, "mesh_owner"))
    members = {
        name: KeyValue(position, value if name.startswith("tags") else _without_unset(value))
        for name, (position, value) in values.members.items()
        if name in expected and _is_set(value)
    }
    model = rename_fields(documents.terraform(kind), terraform_name, in_blocks=True)
    root = MappingNode(values.position, members)
    fields = Fields(
        MappingNode(resource.position, {"values": KeyValue(position, root)}),
        (*context.path, *path),
        tuple(("values", name) for name in names),
        ("values", "spec"),
        documents.spec_in(model),
        ("values", "mesh_owner"),
    )
    form: Any = validate(model, root, context.diagnostics, (*context.path, *inside))
    if form is None:
        word = documents.KEY_KINDS[kind]
        yield context.invalid(fields, word, fields.key(word))
        return
    yield context.declare(
        fields,
        documents.key_of(kind, form, names),
        # The provider sends an empty spec where the configuration has none.
        to_api_names(form.spec) if form.spec else {},
        form.tags_all or form.tags,
    )


def _is_set(node: Node) -> bool:
    return not isinstance(node, ScalarNode) or node.value is not None


def _without_unset(node: Node) -> Node:
    """Return ``node`` as the API has it, less the arguments that the configuration left out."""
    if isinstance(node, ListNode):
        items = [item for item in node.items if _is_set(item)]
        return ListNode(node.position, [_without_unset(item) for item in items])
    if isinstance(node, MappingNode):
        kept = {
            name: KeyValue(
                position, _as_list(value) if name == "attributes" else _without_unset(value)
            )
            for name, (position, value) in node.members.items()
            if not _is_left_out(name, value)
        }
        return MappingNode(node.position, kept)
    return node


def _is_left_out(name: str, node: Node) -> bool:
    if isinstance(node, ListNode):
        return not node.items
    if not isinstance(node, ScalarNode):
        return False
    return node.value is None or node.value == "" or (node.text == "0" and name in _ZERO_IS_UNSET)


def _as_list(node: Node) -> Node:
    """Return what Terraform has as a mapping in the API's words: a list of keys with values."""
    if not isinstance(node, MappingNode):
        return node
    items = [
        {
            "key": KeyValue(position, ScalarNode(position, name, name)),
            "value": KeyValue(position, value),
        }
        for name, (position, value) in node.members.items()
    ]
    return ListNode(node.position, [MappingNode(node.position, item) for item in items])


def _mark_unknown(position: Position, node: Node | None) -> Iterator[tuple[Position, Path]]:
    """Yield the place of every ``true`` in ``node``, and the path to it."""
    match node:
        case ScalarNode(value=True):
            yield position, ()
        case MappingNode(members=members):
            for name, member in members.items():
                for place, path in _mark_unknown(member.position, member.value):
                    yield place, (name, *path)
        case ListNode(items=items):
            for index, item in enumerate(items):
                for place, path in _mark_unknown(item.position, item):
                    yield place, (index, *path)
