"""Functions that look up a value: ``Ref``, ``Fn::GetAtt``, ``Fn::Sub``, exports and mappings."""

import re
from collections.abc import Iterator, Mapping

from reconciler.manifest.formats.cloudformation.parameters import (
    FunctionCall,
    UnresolvedError,
    join_limited,
    make_scalar,
)
from reconciler.manifest.formats.cloudformation.resolver import Resolver
from reconciler.manifest.parsing.diagnostics import quote_value
from reconciler.manifest.parsing.nodes import (
    ListNode,
    MappingNode,
    Node,
    Position,
    ScalarNode,
    find,
    get_text,
)
from reconciler.manifest.parsing.variables import split_placeholders

# Attributes with a name that the template sets. Other attributes exist only in a stack.
_KNOWN_ATTRIBUTE = re.compile(r"[A-Za-z]*Name")
# Attributes of other services that are properties of the resource, by type; Ref is its name.
STATED: Mapping[str, Mapping[str, str]] = {
    "AWS::ECS::Cluster": {"Ref": "ClusterName"},
    "AWS::ECS::Service": {"Name": "ServiceName"},
    "AWS::Logs::LogGroup": {"Ref": "LogGroupName"},
    "AWS::ServiceDiscovery::Service": {"Name": "Name"},
}
_MAP_STEPS = 3


def ref(resolver: Resolver, call: FunctionCall) -> Node | None:
    """Return the value of ``Ref``."""
    name = resolver.text(call.argument, call.path)
    return None if name == "AWS::NoValue" else _parameter(resolver, name, call.position)


def _parameter(resolver: Resolver, name: str, position: Position) -> Node:
    stated = _stated(resolver, name, "Ref")
    if stated is not None:
        return stated
    value = resolver.value_of_parameter(name)
    if isinstance(value, list):
        return ListNode(position, [make_scalar(position, item) for item in value])
    return make_scalar(position, value)


def _attribute(resolver: Resolver, resource: str, name: str) -> Node:
    _, found = find(resolver.template, ("Resources", resource))
    type_ = get_text(found, "Type") if found else None
    if type_ is None:
        raise UnresolvedError(
            f"needs {name} of {quote_value(resource)}, which is not a resource of this template"
        )
    value = _stated(resolver, resource, name)
    if value is None and type_.startswith("AWS::AppMesh::") and _KNOWN_ATTRIBUTE.fullmatch(name):
        value = resolver.property(resource, name)
    given = f"{resource}.{name}"
    if value is None and given in resolver.variables:
        value = make_scalar(resolver.template.position, resolver.variables[given])
    if value is None:
        message = f"needs {name} of {resource}, which only CloudFormation knows"
        raise UnresolvedError(message, f"pass --var {given}=VALUE")
    return value


def _stated(resolver: Resolver, resource: str, attribute: str) -> Node | None:
    """Return an attribute, or ``Ref``, that is a property of a resource of another service."""
    _, found = find(resolver.template, ("Resources", resource))
    stated = STATED.get((found and get_text(found, "Type")) or "", {})
    return resolver.property(resource, stated[attribute]) if attribute in stated else None


def get_attribute(resolver: Resolver, call: FunctionCall) -> Node:
    """Return the value of ``Fn::GetAtt``."""
    match call.argument:
        case ScalarNode(text=text) if "." in text:
            resource, _, name = text.partition(".")
        case ListNode(items=[first, second]):
            resource, name = resolver.text(first, call.path), resolver.text(second, call.path)
        case _:
            raise UnresolvedError("needs a resource and one of its attributes")
    value = _attribute(resolver, resource, name)
    return value._replace(position=call.position)


def substitute(resolver: Resolver, call: FunctionCall) -> Node:
    """Return the value of ``Fn::Sub``."""
    template, given = call.argument, None
    if isinstance(template, ListNode) and len(template.items) == 2:  # noqa: PLR2004
        template, given = template.items
    if not isinstance(template, ScalarNode) or not isinstance(given, MappingNode | None):
        raise UnresolvedError("needs text, or a list of text and a mapping")
    known = {
        name: resolver.text(member.value, (*call.path, name))
        for name, member in (given.members if given else {}).items()
    }

    def pieces() -> Iterator[str]:
        found, rest = split_placeholders(template.text)
        for before, name in found:
            yield before
            yield _placeholder(resolver, name, known, call)
        yield rest

    return make_scalar(call.position, join_limited(pieces()))


def _placeholder(
    resolver: Resolver, name: str, known: Mapping[str, str], call: FunctionCall
) -> str:
    if name.startswith("!"):
        return f"${{{name[1:]}}}"
    if name in known:
        return known[name]
    resource, dot, attribute = name.partition(".")
    value = (
        _attribute(resolver, resource, attribute)
        if dot
        else _parameter(resolver, name, call.position)
    )
    return resolver.text(value, call.path)


def find_in_map(resolver: Resolver, call: FunctionCall) -> Node | None:
    """Return the value of ``Fn::FindInMap``."""
    arguments, default = call.argument, None
    if isinstance(arguments, ListNode) and len(arguments.items) > _MAP_STEPS:
        *first, last = arguments.items
        arguments, default = (
            ListNode(arguments.position, first),
            find(last, ("DefaultValue",))[1],
        )
    items = resolver.arguments(call._replace(argument=arguments), _MAP_STEPS)
    steps = tuple(resolver.text(node, call.path) for node in items)
    _, value = find(resolver.template, ("Mappings", *steps))
    if value is None and default is not None:
        return resolver.resolve(default, call.path)
    if not isinstance(value, ScalarNode | ListNode):
        raise UnresolvedError(f"finds no value at {quote_value('.'.join(steps))} in Mappings")
    found = resolver.resolve(value, call.path)
    return found._replace(position=call.position) if found else None


def import_value(resolver: Resolver, call: FunctionCall) -> Node:
    """Return the value of ``Fn::ImportValue``."""
    name = f"Export:{resolver.text(call.argument, call.path)}"
    if name not in resolver.variables:
        hint = f"pass --var {name}=VALUE or --stack-outputs FILE"
        message = f"needs the export {quote_value(name[7:])} of another stack"
        raise UnresolvedError(message, hint)
    return make_scalar(call.position, resolver.variables[name])
