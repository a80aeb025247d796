"""Expansion of ``Fn::ForEach`` in the resources of a template, as AWS::LanguageExtensions does.

``Fn::ForEach::NAME: [Identifier, collection, {key: resource}]`` gives the resources once for each
item, with ``${Identifier}`` replaced in keys and values.
"""

import re
from collections.abc import Callable, Iterable

from reconciler import limits
from reconciler.manifest.formats.cloudformation.parameters import UnresolvedError, parse_call
from reconciler.manifest.parsing.diagnostics import quote_value
from reconciler.manifest.parsing.nodes import (
    InvalidNode,
    KeyValue,
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    count_nodes,
    get_text,
)

PREFIX = "Fn::ForEach::"
_NO_LETTER = re.compile(r"[^A-Za-z0-9]")
_PARTS = 3


class LoopExpansion:
    """Expands the loops of one template.

    ``resolve`` returns the items of a collection, or raises UnresolvedError. ``report`` reports a
    loop, by its key and its value, that cannot be expanded.
    """

    def __init__(
        self,
        resolve: Callable[[Node], list[str]],
        report: Callable[[UnresolvedError, str, KeyValue], None],
    ) -> None:
        self._resolve = resolve
        self._report = report
        self._nodes = 0

    def expand(self, resources: MappingNode, *, in_loop: bool = False) -> MappingNode:
        """Return ``resources``, or the body of a loop, with all loops expanded.

        Raises:
            UnresolvedError: A loop in a loop cannot be expanded. It is reported once, not again
                for each item of the outer loop.
        """
        members: dict[str, KeyValue] = {}
        for name, member in resources.members.items():
            found = {name: member}
            if name.startswith(PREFIX):
                try:
                    found = self._items(member.value)
                except UnresolvedError as error:
                    self._report(error, name, member)
                    if in_loop:
                        raise UnresolvedError from error
                    found = {}
            if twice := members.keys() & found.keys():
                message = f"gives {quote_value(min(twice))}, which exists already"
                self._report(UnresolvedError(message), name, member)
            members = found | members
        return MappingNode(resources.position, members)

    def _items(self, node: Node) -> dict[str, KeyValue]:
        match node:
            case ListNode(items=[ScalarNode(text=identifier), collection, MappingNode() as body]):
                return self._repeat(identifier, self._resolve(collection), body)
        raise UnresolvedError(
            f"needs a list of {_PARTS} items: an identifier, a list and a mapping"
        )

    def _repeat(
        self, identifier: str, items: Iterable[str], body: MappingNode
    ) -> dict[str, KeyValue]:
        members: dict[str, KeyValue] = {}
        size = count_nodes(body)
        for item in items:
            self._nodes += size
            if self._nodes > limits.MAX_NODES:
                raise UnresolvedError(f"gives more than {limits.MAX_NODES:,} nodes")
            found = self.expand(_replace(body, identifier, item), in_loop=True).members
            if twice := members.keys() & found.keys():
                name = quote_value(min(twice))
                raise UnresolvedError(f"gives {name} twice: use ${{{identifier}}} in the key")
            members |= found
        return members


def _replace(body: MappingNode, identifier: str, item: str) -> MappingNode:
    """Return ``body`` with each use of ``identifier`` replaced by ``item``."""

    def text(value: str) -> str:
        value = value.replace(f"${{{identifier}}}", item)
        return value.replace(f"&{{{identifier}}}", _NO_LETTER.sub("", item))

    def mapping(node: MappingNode) -> MappingNode:
        members = {
            text(name): KeyValue(at, inner(value)) for name, (at, value) in node.members.items()
        }
        return MappingNode(node.position, members)

    def inner(node: Node) -> Node:
        call = parse_call(node, ())
        if call and call.name == "Ref" and get_text(call.argument) == identifier:
            return ScalarNode(node.position, item, item)
        match node:
            case MappingNode():
                return mapping(node)
            case ListNode(position, items):
                return ListNode(position, [inner(value) for value in items])
            case InvalidNode(position, expansion):
                return InvalidNode(position, expansion and mapping(expansion))
            case ScalarNode(value=str()):
                replaced = text(node.text)
                return node._replace(text=replaced, value=replaced)
        return node

    return mapping(body)
