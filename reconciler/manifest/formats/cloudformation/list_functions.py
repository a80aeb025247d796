"""Functions that make texts and lists of other values."""

import json
from collections.abc import Iterator
from typing import Any

from reconciler.manifest.formats.cloudformation.parameters import (
    FunctionCall,
    UnresolvedError,
    join_limited,
    make_scalar,
)
from reconciler.manifest.formats.cloudformation.resolver import Resolver
from reconciler.manifest.parsing.diagnostics import quote_value
from reconciler.manifest.parsing.nodes import ListNode, MappingNode, Node, ScalarNode

_MAX_DIGITS = 9


def join(resolver: Resolver, call: FunctionCall) -> Node:
    """Return the value of ``Fn::Join``."""
    delimiter, items = resolver.arguments(call, 2)
    between = resolver.text(delimiter, call.path)

    def pieces() -> Iterator[str]:
        for index, item in enumerate(resolver.items(items, call.path)):
            yield between if index else ""
            yield resolver.text(item, (*call.path, index))

    return make_scalar(call.position, join_limited(pieces()))


def select(resolver: Resolver, call: FunctionCall) -> Node:
    """Return the value of ``Fn::Select``."""
    index, items = resolver.arguments(call, 2)
    found, text = resolver.items(items, call.path), resolver.text(index, call.path)
    # No list is so long that its last index has more digits; a long number takes long to read.
    if not text.isdecimal() or len(text) > _MAX_DIGITS or int(text) >= len(found):
        raise UnresolvedError(f"finds no item {quote_value(text)} in a list of {len(found)}")
    return found[int(text)]._replace(position=call.position)


def split(resolver: Resolver, call: FunctionCall) -> Node:
    """Return the value of ``Fn::Split``."""
    delimiter, source = (resolver.text(node, call.path) for node in resolver.arguments(call, 2))
    if not delimiter:
        raise UnresolvedError("needs a delimiter that is not empty")
    pieces = [make_scalar(call.position, piece) for piece in source.split(delimiter)]
    return ListNode(call.position, list(pieces))


def length(resolver: Resolver, call: FunctionCall) -> Node:
    """Return the value of ``Fn::Length``."""
    return make_scalar(call.position, str(len(resolver.items(call.argument, call.path))))


def to_json(resolver: Resolver, call: FunctionCall) -> Node:
    """Return the value of ``Fn::ToJsonString``."""
    value = resolver.resolve(call.argument, call.path)
    if value is None:
        raise UnresolvedError("needs a value, not AWS::NoValue")
    text = json.dumps(_as_json(value), separators=(",", ":"))
    return make_scalar(call.position, join_limited([text]))


def _as_json(node: Node) -> Any:
    match node:
        case MappingNode(members=members):
            return {name: _as_json(member.value) for name, member in members.items()}
        case ListNode(items=items):
            return [_as_json(item) for item in items]
        case ScalarNode(value=value):
            return value
    raise UnresolvedError
