"""Labels and label selectors of Kubernetes objects."""

from collections.abc import Mapping
from typing import NamedTuple

from reconciler.manifest.parsing.nodes import (
    ListNode,
    MappingNode,
    Node,
    ScalarNode,
    find,
    get_text,
)


class Expression(NamedTuple):
    """One of a selector's ``matchExpressions``."""

    label: str
    operator: str | None
    values: frozenset[str]

    def holds(self, labels: Mapping[str, str]) -> bool:
        """Return whether the expression matches an object with these ``labels``."""
        value = labels.get(self.label)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
        return False


class Selector(NamedTuple):
    """A label selector, parsed once for all objects that it is compared with."""

    labels: Mapping[str, str]
    expressions: tuple[Expression, ...]
    size: int
    """The number of comparisons for one object, at least 1."""

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Return whether the selector matches an object with these ``labels``."""
        return self.labels.items() <= labels.items() and all(
            expression.holds(labels) for expression in self.expressions
        )


_MATCHES_NOTHING = Selector({}, (Expression("", None, frozenset()),), 1)


def labels_of(root: Node) -> dict[str, str]:
    """Return the labels of the object ``root``."""
    return _texts(find(root, ("metadata", "labels"))[1])


def selector_of(node: Node | None) -> Selector | None:
    """Return the selector in ``node``, or None if there is no node.

    A selector that is not a mapping matches nothing.
    """
    if node is None:
        return None
    if not isinstance(node, MappingNode):
        return _MATCHES_NOTHING
    expected = _texts(find(node, ("matchLabels",))[1])
    _, expressions = find(node, ("matchExpressions",))
    found = expressions.items if isinstance(expressions, ListNode) else []
    return Selector(expected, tuple(map(_expression, found)), 1 + len(expected) + len(found))


def _expression(node: Node) -> Expression:
    _, values = find(node, ("values",))
    words = values.items if isinstance(values, ListNode) else ()
    texts = frozenset(item.text for item in words if isinstance(item, ScalarNode))
    return Expression(get_text(node, "key") or "", get_text(node, "operator"), texts)


def _texts(node: Node | None) -> dict[str, str]:
    members = node.members if isinstance(node, MappingNode) else {}
    return {
        name: member.value.text
        for name, member in members.items()
        if isinstance(member.value, ScalarNode)
    }
