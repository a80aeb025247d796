"""Resolution of CloudFormation's intrinsic functions from the template alone.

A value that exists only when a stack is created is reported once, at its position. A resolved
value has the position of its function.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, ClassVar

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.manifest.formats.cloudformation.parameters import (
    FunctionCall,
    UnresolvedError,
    join_limited,
    make_scalar,
    parse_call,
    value_of,
)
from reconciler.manifest.parsing.diagnostics import Code, quote_value
from reconciler.manifest.parsing.nodes import (
    DiagnosticList,
    InvalidNode,
    KeyValue,
    ListNode,
    MappingNode,
    Node,
    Path,
    Position,
    ScalarNode,
    describe,
    find,
    get_text,
)
from reconciler.manifest.parsing.variables import split_placeholders
from reconciler.manifest.parsing.yaml_parser import parse_scalar

# Attributes with a name that the template sets. Other attributes exist only in a stack.
_KNOWN_ATTRIBUTE = re.compile(r"[A-Za-z]*Name")
# Attributes of other services that are properties of the resource, by type; Ref is its name.
_STATED: Mapping[str, Mapping[str, str]] = {
    "AWS::ECS::Cluster": {"Ref": "ClusterName"},
    "AWS::ECS::Service": {"Name": "ServiceName"},
    "AWS::Logs::LogGroup": {"Ref": "LogGroupName"},
    "AWS::ServiceDiscovery::Service": {"Name": "Name"},
}
_MAP_STEPS = 3
# Nesting of nodes and functions; a chain of conditions must not exhaust the stack.
_MAX_DEPTH = 2 * limits.MAX_NODE_DEPTH
_MAX_VALUES = limits.MAX_NODES // 2


class Resolver:
    """Resolves the functions in one template.

    ``variables`` override the defaults of parameters and give the values of pseudo parameters.
    """

    def __init__(
        self, template: MappingNode, variables: Mapping[str, str], diagnostics: DiagnosticList
    ) -> None:
        self._template = template
        self._variables = variables
        self._diagnostics = diagnostics
        self._value_of_parameter = cache(partial(value_of, template, variables))
        self._depth = 0
        self._values = 0
        self._in_progress: set[Path] = set()
        # None means that the condition cannot be resolved.
        self._conditions: dict[str, bool | None] = {}
        self._properties: dict[Path, Node | None] = {}

    def property(self, resource: str, name: str) -> Node | None:
        """Return a property of a resource with its functions resolved, or None if it is not set."""
        path = ("Resources", resource, "Properties", name)
        if path not in self._properties:
            _, node = find(self._template, path)
            with self._guard_cycle(path):
                self._properties[path] = self._resolve(node, path) if node else None
        return self._properties[path]

    def is_true(self, condition: str, position: Position, path: Path) -> bool | None:
        """Return whether ``condition`` is true, or report that it cannot be resolved."""
        try:
            return self._named_condition(condition)
        except UnresolvedError as error:
            self._report(error, position, path)
            return None

    def _report(self, error: UnresolvedError, position: Position, path: Path) -> None:
        if str(error):
            self._diagnostics.add(Code.FUNCTION, position, str(error), path=path, hint=error.hint)

    @contextmanager
    def _guard_cycle(self, path: Path) -> Iterator[None]:
        """Raise UnresolvedError if ``path`` is being resolved already."""
        if path in self._in_progress:
            raise UnresolvedError("depends on itself")
        self._in_progress.add(path)
        try:
            yield
        finally:
            self._in_progress.discard(path)

    @contextmanager
    def _guard_depth(self) -> Iterator[None]:
        self._depth += 1
        try:
            if self._depth > _MAX_DEPTH:
                raise UnresolvedError("depends on too many other functions or conditions")
            yield
        finally:
            self._depth -= 1

    def _resolve(self, node: Node, path: Path) -> Node | None:
        """Return ``node`` with its functions resolved; None for ``AWS::NoValue``."""
        with self._guard_depth():
            if call := parse_call(node, path):
                return self._value_of(call)
            if isinstance(node, ListNode):
                return ListNode(node.position, list(self._items(node.items, path)))
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            # CloudFormation converts text to numbers and booleans, and the other way around.
            return _convertible(node) if isinstance(node, ScalarNode) else node

    def _value_of(self, call: FunctionCall) -> Node | None:
        try:
            self._check_count()
            value = self._FUNCTIONS.get(call.name, Resolver._unknown)(self, call)
            self._count(value)
        except UnresolvedError as error:
            self._report(error, call.position, call.path)
            return InvalidNode(call.position)
        return value

    def _count(self, value: Node | None) -> None:
        """Count ``value`` and its parts, because short calls can repeat a large value."""
        self._values += 1
        self._check_count()
        if isinstance(value, ListNode):
            for item in value.items:
                self._count(item)
        elif isinstance(value, MappingNode):
            for member in value.members.values():
                self._count(member.value)

    def _check_count(self) -> None:
        if self._values > _MAX_VALUES:
            raise UnresolvedError(
                f"is one of more than {_MAX_VALUES:,} function values in this template"
            )

    def _mapping(self, node: MappingNode, path: Path) -> MappingNode:
        members = {}
        for name, (position, inner) in node.members.items():
            if value := self._resolve(inner, (*path, name)):
                members[name] = KeyValue(position, value)
        return MappingNode(node.position, members)

    def _items(self, items: Iterable[Node], path: Path) -> Iterator[Node]:
        for index, item in enumerate(items):
            if value := self._resolve(item, (*path, index)):
                yield value

    def _text(self, node: Node, path: Path) -> str:
        value = self._resolve(node, path) if parse_call(node, path) else node
        if isinstance(value, InvalidNode):
            raise UnresolvedError
        if isinstance(value, ScalarNode) and value.value is not None:
            return value.text
        raise UnresolvedError(f"needs text, not {describe(value) if value else 'AWS::NoValue'}")

    def _list(self, node: Node, path: Path) -> list[Node]:
        value = self._resolve(node, path)
        if isinstance(value, InvalidNode):
            raise UnresolvedError
        if isinstance(value, ListNode):
            return value.items
        raise UnresolvedError(f"needs a list, not {describe(value) if value else 'AWS::NoValue'}")

    def _ref(self, call: FunctionCall) -> Node | None:
        name = self._text(call.argument, call.path)
        return None if name == "AWS::NoValue" else self._parameter(name, call.position)

    def _parameter(self, name: str, position: Position) -> Node:
        stated = self._stated(name, "Ref")
        if stated is not None:
            return stated
        value = self._value_of_parameter(name)
        if isinstance(value, list):
            return ListNode(position, [make_scalar(position, item) for item in value])
        return make_scalar(position, value)

    def _attribute(self, resource: str, name: str) -> Node:
        _, found = find(self._template, ("Resources", resource))
        type_ = get_text(found, "Type") if found else None
        if type_ is None:
            raise UnresolvedError(
                f"needs {name} of {quote_value(resource)}, which is not a resource of this template"
            )
        value = self._stated(resource, name)
        if (
            value is None
            and type_.startswith("AWS::AppMesh::")
            and _KNOWN_ATTRIBUTE.fullmatch(name)
        ):
            value = self.property(resource, name)
        given = f"{resource}.{name}"
        if value is None and given in self._variables:
            value = make_scalar(self._template.position, self._variables[given])
        if value is None:
            message = f"needs {name} of {resource}, which only CloudFormation knows"
            raise UnresolvedError(message, f"pass --var {given}=VALUE")
        return value

    def _stated(self, resource: str, attribute: str) -> Node | None:
        """Return an attribute, or ``Ref``, that is a property of a resource of another service."""
        _, found = find(self._template, ("Resources", resource))
        stated = _STATED.get((found and get_text(found, "Type")) or "", {})
        return self.property(resource, stated[attribute]) if attribute in stated else None

    def _get_attribute(self, call: FunctionCall) -> Node:
        match call.argument:
            case ScalarNode(text=text) if "." in text:
                resource, _, name = text.partition(".")
            case ListNode(items=[first, second]):
                resource, name = self._text(first, call.path), self._text(second, call.path)
            case _:
                raise UnresolvedError("needs a resource and one of its attributes")
        value = self._attribute(resource, name)
        return value._replace(position=call.position)

    def _substitute(self, call: FunctionCall) -> Node:
        template, given = call.argument, None
        if isinstance(template, ListNode) and len(template.items) == 2:  # noqa: PLR2004
            template, given = template.items
        if not isinstance(template, ScalarNode) or not isinstance(given, MappingNode | None):
            raise UnresolvedError("needs text, or a list of text and a mapping")
        known = {
            name: self._text(member.value, (*call.path, name))
            for name, member in (given.members if given else {}).items()
        }

        def pieces() -> Iterator[str]:
            found, rest = split_placeholders(template.text)
            for before, name in found:
                yield before
                yield self._placeholder(name, known, call)
            yield rest

        return make_scalar(call.position, join_limited(pieces()))

    def _placeholder(self, name: str, known: Mapping[str, str], call: FunctionCall) -> str:
        if name.startswith("!"):
            return f"${{{name[1:]}}}"
        if name in known:
            return known[name]
        resource, dot, attribute = name.partition(".")
        value = (
            self._attribute(resource, attribute) if dot else self._parameter(name, call.position)
        )
        return self._text(value, call.path)

    def _join(self, call: FunctionCall) -> Node:
        delimiter, items = self._arguments(call, 2)
        between = self._text(delimiter, call.path)

        def pieces() -> Iterator[str]:
            for index, item in enumerate(self._list(items, call.path)):
                yield between if index else ""
                yield self._text(item, (*call.path, index))

        return make_scalar(call.position, join_limited(pieces()))

    def _find_in_map(self, call: FunctionCall) -> Node | None:
        arguments, default = call.argument, None
        if isinstance(arguments, ListNode) and len(arguments.items) > _MAP_STEPS:
            *first, last = arguments.items
            arguments, default = (
                ListNode(arguments.position, first),
                find(last, ("DefaultValue",))[1],
            )
        items = self._arguments(call._replace(argument=arguments), _MAP_STEPS)
        steps = tuple(self._text(node, call.path) for node in items)
        _, value = find(self._template, ("Mappings", *steps))
        if value is None and default is not None:
            return self._resolve(default, call.path)
        if not isinstance(value, ScalarNode | ListNode):
            raise UnresolvedError(f"finds no value at {quote_value('.'.join(steps))} in Mappings")
        found = self._resolve(value, call.path)
        return found._replace(position=call.position) if found else None

    def _select(self, call: FunctionCall) -> Node:
        index, items = self._arguments(call, 2)
        found, text = self._list(items, call.path), self._text(index, call.path)
        if not text.isdecimal() or int(text) >= len(found):
            raise UnresolvedError(f"finds no item {quote_value(text)} in a list of {len(found)}")
        return found[int(text)]._replace(position=call.position)

    def _split(self, call: FunctionCall) -> Node:
        delimiter, source = (self._text(node, call.path) for node in self._arguments(call, 2))
        if not delimiter:
            raise UnresolvedError("needs a delimiter that is not empty")
        pieces = [make_scalar(call.position, piece) for piece in source.split(delimiter)]
        return ListNode(call.position, list(pieces))

    def _length(self, call: FunctionCall) -> Node:
        return make_scalar(call.position, str(len(self._list(call.argument, call.path))))

    def _to_json(self, call: FunctionCall) -> Node:
        value = self._resolve(call.argument, call.path)
        if value is None:
            raise UnresolvedError("needs a value, not AWS::NoValue")
        text = json.dumps(_as_json(value), separators=(",", ":"))
        return make_scalar(call.position, join_limited([text]))

    def _import(self, call: FunctionCall) -> Node:
        name = f"Export:{self._text(call.argument, call.path)}"
        if name not in self._variables:
            hint = f"pass --var {name}=VALUE or --stack-outputs FILE"
            message = f"needs the export {quote_value(name[7:])} of another stack"
            raise UnresolvedError(message, hint)
        return make_scalar(call.position, self._variables[name])

    def collection(self, node: Node, path: Path) -> list[str]:
        """Return the texts in a list, which may be a function.

        Raises:
            UnresolvedError: There is no list of texts.
        """
        return [self._text(item, path) for item in self._list(node, path)]

    def _if(self, call: FunctionCall) -> Node | None:
        condition, yes, no = self._arguments(call, 3)
        is_true = self._named_condition(self._text(condition, call.path))
        return self._resolve(yes if is_true else no, call.path)

    def _arguments(self, call: FunctionCall, count: int) -> list[Node]:
        if isinstance(call.argument, ListNode) and len(call.argument.items) == count:
            return call.argument.items
        raise UnresolvedError(f"needs a list of {count} items")

    def _named_condition(self, name: str) -> bool:
        if name not in self._conditions:
            path = ("Conditions", name)
            position, node = find(self._template, path)
            if node is None:
                raise UnresolvedError(
                    f"needs the condition {quote_value(name)}, which is not declared"
                )
            with self._guard_cycle(path):
                try:
                    self._conditions[name] = self._truth(node, path)
                except UnresolvedError as error:
                    self._report(error, position, path)
                    self._conditions[name] = None
        is_true = self._conditions[name]
        if is_true is None:
            raise UnresolvedError
        return is_true

    def _truth(self, node: Node, path: Path) -> bool:
        with self._guard_depth():
            match parse_call(node, path):
                case FunctionCall(name="Condition", argument=argument):
                    return self._named_condition(self._text(argument, path))
                case FunctionCall(name="Fn::Equals") as call:
                    left, right = (self._text(side, path) for side in self._arguments(call, 2))
                    return left == right
                case FunctionCall(name="Fn::Not") as call:
                    return not self._truth(self._arguments(call, 1)[0], path)
                case FunctionCall(
                    name="Fn::And" | "Fn::Or" as name, argument=ListNode(items=items)
                ):
                    truths = [self._truth(item, path) for item in items]
                    return all(truths) if name == "Fn::And" else any(truths)
                case None if isinstance(node, InvalidNode):
                    raise UnresolvedError
                case _:
                    raise UnresolvedError("is not a condition that can be resolved here")

    def _unknown(self, call: FunctionCall) -> Node:
        raise UnresolvedError(f"calls {escaped(call.name)}, which cannot be resolved here")

    _FUNCTIONS: ClassVar[Mapping[str, Callable[["Resolver", FunctionCall], Node | None]]] = {
        "Ref": _ref,
        "Fn::FindInMap": _find_in_map,
        "Fn::GetAtt": _get_attribute,
        "Fn::If": _if,
        "Fn::ImportValue": _import,
        "Fn::Join": _join,
        "Fn::Length": _length,
        "Fn::Select": _select,
        "Fn::Split": _split,
        "Fn::Sub": _substitute,
        "Fn::ToJsonString": _to_json,
    }


def _convertible(node: ScalarNode) -> ScalarNode:
    if node.unquoted or node.value is None:
        return node
    return parse_scalar(node._replace(unquoted=True), node.text)


def _as_json(node: Node) -> Any:
    match node:
        case MappingNode(members=members):
            return {name: _as_json(member.value) for name, member in members.items()}
        case ListNode(items=items):
            return [_as_json(item) for item in items]
        case ScalarNode(value=value):
            return value
    raise UnresolvedError
