"""The conditions of a template, and ``Fn::If``."""

from reconciler.manifest.formats.cloudformation.parameters import (
    FunctionCall,
    UnresolvedError,
    parse_call,
)
from reconciler.manifest.formats.cloudformation.resolver import Resolver
from reconciler.manifest.parsing.diagnostics import quote_value
from reconciler.manifest.parsing.nodes import InvalidNode, ListNode, Node, Path, Position, find


def if_(resolver: Resolver, call: FunctionCall) -> Node | None:
    """Return the value of ``Fn::If``."""
    condition, yes, no = resolver.arguments(call, 3)
    chosen = yes if _named_condition(resolver, resolver.text(condition, call.path)) else no
    return resolver.resolve(chosen, call.path)


def is_true(resolver: Resolver, condition: str, position: Position, path: Path) -> bool | None:
    """Return whether ``condition`` is true, or report that it cannot be resolved."""
    try:
        return _named_condition(resolver, condition)
    except UnresolvedError as error:
        resolver.report(error, position, path)
        return None


def _named_condition(resolver: Resolver, name: str) -> bool:
    if name not in resolver.conditions:
        path = ("Conditions", name)
        position, node = find(resolver.template, path)
        if node is None:
            raise UnresolvedError(f"needs the condition {quote_value(name)}, which is not declared")
        with resolver.guard_cycle(path):
            try:
                resolver.conditions[name] = _truth(resolver, node, path)
            except UnresolvedError as error:
                resolver.report(error, position, path)
                resolver.conditions[name] = None
    truth = resolver.conditions[name]
    if truth is None:
        raise UnresolvedError
    return truth


def _truth(resolver: Resolver, node: Node, path: Path) -> bool:
    with resolver.guard_depth():
        match parse_call(node, path):
            case FunctionCall(name="Condition", argument=argument):
                return _named_condition(resolver, resolver.text(argument, path))
            case FunctionCall(name="Fn::Equals") as call:
                left, right = (resolver.text(side, path) for side in resolver.arguments(call, 2))
                return left == right
            case FunctionCall(name="Fn::Not") as call:
                return not _truth(resolver, resolver.arguments(call, 1)[0], path)
            case FunctionCall(name="Fn::And" | "Fn::Or" as name, argument=ListNode(items=items)):
                truths = [_truth(resolver, item, path) for item in items]
                return all(truths) if name == "Fn::And" else any(truths)
            case None if isinstance(node, InvalidNode):
                raise UnresolvedError
            case _:
                raise UnresolvedError("is not a condition that can be resolved here")
