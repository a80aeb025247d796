"""Resolution of the functions in a CloudFormation template, from the template alone.

A value that exists only when a stack is created is reported once, at its position. A resolved
value has the position of its function.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, partial
from typing import TypeAlias

from reconciler import limits
from reconciler.core.escaping import escaped
from reconciler.manifest.formats.cloudformation.parameters import (
    FunctionCall,
    UnresolvedError,
    parse_call,
    value_of,
)
from reconciler.manifest.parsing.diagnostics import Code
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
)
from reconciler.manifest.parsing.yaml_parser import parse_scalar

# Nesting of nodes and functions; a chain of conditions must not exhaust the stack.
_MAX_DEPTH = 2 * limits.MAX_NODE_DEPTH
_MAX_VALUES = limits.MAX_NODES // 2
# Such as {{resolve:ssm:/shop/host}}: CloudFormation reads the value from another service.
_DYNAMIC_REFERENCE = "{{resolve:"

Function: TypeAlias = Callable[["Resolver", FunctionCall], Node | None]
"""An intrinsic function: returns its value, None for ``AWS::NoValue``."""


class Resolver:
    """Resolves the functions in one template.

    Attributes:
        template: The template.
        variables: Values that override the defaults of parameters, and pseudo parameters.
        conditions: The conditions resolved so far; None if one cannot be resolved.
    """

    def __init__(
        self,
        template: MappingNode,
        variables: Mapping[str, str],
        diagnostics: DiagnosticList,
        functions: Mapping[str, Function],
    ) -> None:
        self.template = template
        self.variables = variables
        self.conditions: dict[str, bool | None] = {}
        self.value_of_parameter = cache(partial(value_of, template, variables))
        self._diagnostics = diagnostics
        self._functions = functions
        self._depth = 0
        self._values = 0
        self._in_progress: set[Path] = set()
        self._properties: dict[Path, Node | None] = {}

    def property(self, resource: str, name: str) -> Node | None:
        """Return a property of a resource with its functions resolved, or None if it is not set."""
        path = ("Resources", resource, "Properties", name)
        if path not in self._properties:
            _, node = find(self.template, path)
            with self.guard_cycle(path):
                self._properties[path] = self.resolve(node, path) if node else None
        return self._properties[path]

    def report(self, error: UnresolvedError, position: Position, path: Path) -> None:
        """Report ``error``, unless it is reported already."""
        if str(error):
            self._diagnostics.add(Code.FUNCTION, position, str(error), path=path, hint=error.hint)

    @contextmanager
    def guard_cycle(self, path: Path) -> Iterator[None]:
        """Raise UnresolvedError if ``path`` is being resolved already."""
        if path in self._in_progress:
            raise UnresolvedError("depends on itself")
        self._in_progress.add(path)
        try:
            yield
        finally:
            self._in_progress.discard(path)

    @contextmanager
    def guard_depth(self) -> Iterator[None]:
        """Raise UnresolvedError if functions or conditions are nested too deeply."""
        self._depth += 1
        try:
            if self._depth > _MAX_DEPTH:
                raise UnresolvedError("depends on too many other functions or conditions")
            yield
        finally:
            self._depth -= 1

    def resolve(self, node: Node, path: Path) -> Node | None:
        """Return ``node`` with its functions resolved; None for ``AWS::NoValue``."""
        with self.guard_depth():
            if call := parse_call(node, path):
                return self._value_of(call)
            if isinstance(node, ListNode):
                return ListNode(node.position, list(self._list_items(node.items, path)))
            if isinstance(node, MappingNode):
                return self._mapping(node, path)
            if not isinstance(node, ScalarNode):
                return node
            if _DYNAMIC_REFERENCE in node.text:
                self.report(_dynamic_error(), node.position, path)
                return InvalidNode(node.position)
            # CloudFormation converts text to numbers and booleans, and the other way around.
            return _convertible(node)

    def _value_of(self, call: FunctionCall) -> Node | None:
        try:
            self._check_count()
            value = self._functions.get(call.name, _unknown)(self, call)
            if isinstance(value, ScalarNode) and _DYNAMIC_REFERENCE in value.text:
                raise _dynamic_error()
            self._count(value)
        except UnresolvedError as error:
            self.report(error, call.position, call.path)
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
            if value := self.resolve(inner, (*path, name)):
                members[name] = KeyValue(position, value)
        return MappingNode(node.position, members)

    def _list_items(self, items: Iterable[Node], path: Path) -> Iterator[Node]:
        for index, item in enumerate(items):
            if value := self.resolve(item, (*path, index)):
                yield value

    def text(self, node: Node, path: Path) -> str:
        """Return the text in ``node``, which may be a function.

        Raises:
            UnresolvedError: There is no text.
        """
        value = self.resolve(node, path) if parse_call(node, path) else node
        if isinstance(value, InvalidNode):
            raise UnresolvedError
        if isinstance(value, ScalarNode) and value.value is not None:
            if _DYNAMIC_REFERENCE in value.text:
                raise _dynamic_error()
            return value.text
        raise UnresolvedError(f"needs text, not {describe(value) if value else 'AWS::NoValue'}")

    def items(self, node: Node, path: Path) -> list[Node]:
        """Return the items of a list, which may be a function.

        Raises:
            UnresolvedError: There is no list.
        """
        value = self.resolve(node, path)
        if isinstance(value, InvalidNode):
            raise UnresolvedError
        if isinstance(value, ListNode):
            return value.items
        raise UnresolvedError(f"needs a list, not {describe(value) if value else 'AWS::NoValue'}")

    def arguments(self, call: FunctionCall, count: int) -> list[Node]:
        """Return the ``count`` arguments of a function.

        Raises:
            UnresolvedError: It has not that many.
        """
        if isinstance(call.argument, ListNode) and len(call.argument.items) == count:
            return call.argument.items
        raise UnresolvedError(f"needs a list of {count} items")

    def collection(self, node: Node, path: Path) -> list[str]:
        """Return the texts in a list, which may be a function.

        Raises:
            UnresolvedError: There is no list of texts.
        """
        return [self.text(item, path) for item in self.items(node, path)]


def _unknown(_: Resolver, call: FunctionCall) -> Node:
    raise UnresolvedError(f"calls {escaped(call.name)}, which cannot be resolved here")


def _dynamic_error() -> UnresolvedError:
    message = f"needs a dynamic reference, {_DYNAMIC_REFERENCE}…}}}}, which only a stack resolves"
    return UnresolvedError(message, "use a parameter, and pass its value with --var")


def _convertible(node: ScalarNode) -> ScalarNode:
    if node.unquoted or node.value is None:
        return node
    return parse_scalar(node._replace(unquoted=True), node.text)
