"""Translation of the output of ``terraform show -json`` for a state or a plan.

Data sources and resources of other services are counted and ignored. A value that is unknown
before the apply, or sensitive, is an error, because it cannot be compared or shown.
"""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from reconciler.manifest.formats.context import DeclaredResource, DocumentContext, Unnamed
from reconciler.manifest.formats.neighbors import MESH_KINDS
from reconciler.manifest.models import documents
from reconciler.manifest.models.field_naming import rename_fields, terraform_name, to_api_names
from reconciler.manifest.models.field_places import Fields
from reconciler.manifest.models.specs import attribute
from reconciler.manifest.models.validation import validate
from reconciler.manifest.parsing.diagnostics import Code, did_you_mean
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
# A state shows 0 for these numbers if they are not set; the provider never sends 0.
_ZERO_IS_UNSET = frozenset({"max_pending_requests", "port", "priority"})
# If the configuration does not set these fields, App Mesh does; they are not desired values.
_DEFAULTED_FIELDS = {("health_check", "port"), ("weighted_target", "port")}
# A state has the first, a plan the second. The prior state in a plan is not read.
_VALUES = ("values", "planned_values")
# The provider computes these attributes; they are not desired values.
_COMPUTED = frozenset(
    {"arn", "created_date", "id", "last_updated_date", "mesh_owner", "region", "resource_owner"}
)
_MODULE_FIELDS = ("address", "child_modules", "resources")
_SHOW = "use the output of terraform show -json"


class _Hidden(NamedTuple):
    """Values of a resource that are not available."""

    reason: str
    node: Node
    """A copy of the structure of the values, with ``true`` for each missing one."""
    path: Path


def is_terraform(root: MappingNode) -> bool:
    """Return whether ``root`` is the output of ``terraform show -json``, or a raw state.

    The translation reports a raw state, which has only a terraform_version.
    """
    return "format_version" in root.members or "terraform_version" in root.members


def translate_terraform(context: DocumentContext) -> Iterator[DeclaredResource | Unnamed]:
    """Yield the App Mesh resources in a state, or in the planned values of a plan."""
    if get_text(context.root, "errored") == "true":
        position, _ = find(context.root, ("errored",))
        context.report(
            Code.STATE,
            position,
            "must not be true: the plan is incomplete because planning failed",
            ("errored",),
        )
        return
    version = get_text(context.root, "format_version")
    if version is None:
        where = ("format_version",)
        context.report(Code.MISSING_FIELD, context.root.position, "is required", where, _SHOW)
        return
    if version.partition(".")[0] not in {"0", "1"}:
        position, _ = find(context.root, ("format_version",))
        message = "is not a supported version of the Terraform output: supported are 0.x and 1.x"
        context.report(Code.UNKNOWN_FORMAT, position, message, ("format_version",), _SHOW)
        return
    values = next((name for name in _VALUES if name in context.root.members), None)
    if values is None:
        message = "is required; terraform show omits it if it finds no state"
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
    _warn_of_unknown(context, module, path, _MODULE_FIELDS)
    yield from _mappings(context, module, (*path, "resources"))
    for child, where in _mappings(context, module, (*path, "child_modules")):
        yield from _resources(context, child, where)


def _mappings(
    context: DocumentContext, module: MappingNode, path: Path
) -> Iterator[tuple[MappingNode, Path]]:
    """Yield each mapping in the list at ``path``, and report items of another type."""
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
    """Return the values of a plan that are known only after the apply, by address."""
    unknown = {}
    _, changes = find(root, ("resource_changes",))
    for index, change in enumerate(changes.items if isinstance(changes, ListNode) else ()):
        _, node = find(change, ("change", "after_unknown"))
        address = get_text(change, "address")
        # A deposed object is about to be destroyed, so its values are not the planned ones.
        if node and address and get_text(change, "deposed") is None:
            path = ("resource_changes", index, "change", "after_unknown")
            unknown[address] = _Hidden("is known only after terraform apply", node, path)
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
        planned = unknown.pop(address or "", None)
        hidden = [planned] if planned else []
        if node := find(resource, ("sensitive_values",))[1]:
            hidden.append(
                _Hidden("is sensitive, and a plan would show it", node, (*path, "sensitive_values"))
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
    # Only tags_all has the provider's default tags, which the live mesh has too.
    _, all_tags = find(values, ("tags_all",))
    tags = "tags_all" if all_tags and _is_set(all_tags) else "tags"
    names = (*map(attribute, documents.names(kind)[:-1]), "name")
    expected = {*names, "spec", tags}
    _warn_of_unknown(context, values, inside, expected | _COMPUTED | {"tags", "tags_all"})
    _report_hidden(context, hidden, expected)
    if _is_in_shared_mesh(context, values, inside, kind):
        expected.add("mesh_owner")
    members = {
        name: KeyValue(position, value if name.startswith("tags") else _drop_unset(value))
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
    document: Any = validate(model, root, context.diagnostics, (*context.path, *inside))
    if document is None:
        yield context.invalid_by_names(fields, kind)
        return
    yield context.declare(
        fields,
        documents.key_of(kind, document, names),
        # The provider sends an empty spec if the configuration has none.
        to_api_names(document.spec) if document.spec else {},
        document.tags_all or document.tags,
    )


def _report_hidden(context: DocumentContext, hidden: list[_Hidden], names: set[str]) -> None:
    """Report the values of ``names`` that are not available."""
    for reason, node, where in hidden:
        for name in sorted(names):
            for place, steps in _find_unknown(*find(node, (name,))):
                if steps[-3::2] in _DEFAULTED_FIELDS:
                    continue
                context.report(Code.STATE, place, reason, (*where, name, *steps))


def _is_in_shared_mesh(
    context: DocumentContext, values: MappingNode, path: Path, kind: str
) -> bool:
    """Whether the resource is in a mesh of another account; report such a mesh itself."""
    owner, account = get_text(values, "mesh_owner"), get_text(values, "resource_owner")
    is_shared = bool(owner) and owner != account
    if is_shared and account and kind == "Mesh":
        place, _ = find(values, ("mesh_owner",))
        message = "the mesh belongs to another account, so it cannot be managed here"
        context.report(Code.MESH_OWNER, place, message, (*path, "mesh_owner"))
    return is_shared and kind != "Mesh"


def _warn_of_unknown(
    context: DocumentContext, node: MappingNode, path: Path, known: Collection[str]
) -> None:
    for name, member in node.members.items():
        if name not in known:
            hint = did_you_mean(name, known)
            message = "is an unknown attribute, which is ignored"
            context.report(Code.PRUNED_FIELD, member.position, message, (*path, name), hint)


def _is_set(node: Node) -> bool:
    return not isinstance(node, ScalarNode) or node.value is not None


def _drop_unset(node: Node) -> Node:
    """Return ``node`` without the arguments that the configuration does not set."""
    if isinstance(node, ListNode):
        items = [item for item in node.items if _is_set(item)]
        return ListNode(node.position, [_drop_unset(item) for item in items])
    if isinstance(node, MappingNode):
        kept = {
            name: KeyValue(
                position, _as_list(value) if name == "attributes" else _drop_unset(value)
            )
            for name, (position, value) in node.members.items()
            if not _is_unset(name, value)
        }
        return MappingNode(node.position, kept)
    return node


def _is_unset(name: str, node: Node) -> bool:
    if isinstance(node, ListNode):
        return not node.items
    if not isinstance(node, ScalarNode):
        return False
    return node.value is None or node.value == "" or (node.text == "0" and name in _ZERO_IS_UNSET)


def _as_list(node: Node) -> Node:
    """Return the API's form of a Terraform mapping: a list of keys with values."""
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


def _find_unknown(position: Position, node: Node | None) -> Iterator[tuple[Position, Path]]:
    """Yield the position and path of every ``true`` in ``node``."""
    match node:
        case ScalarNode(value=True):
            yield position, ()
        case MappingNode(members=members):
            for name, member in members.items():
                for place, path in _find_unknown(member.position, member.value):
                    yield place, (name, *path)
        case ListNode(items=items):
            for index, item in enumerate(items):
                for place, path in _find_unknown(item.position, item):
                    yield place, (index, *path)
