"""Labels of Kubernetes objects, and the selectors that choose among objects by them."""

from reconciler.manifest.nodes import ListNode, MappingNode, Node, ScalarNode, located, text_of


def labels_of(root: Node) -> dict[str, str]:
    """Return the labels of the object ``root``."""
    return _texts(located(root, ("metadata", "labels"))[1])


def _texts(node: Node | None) -> dict[str, str]:
    members = node.members if isinstance(node, MappingNode) else {}
    return {
        name: member.value.text
        for name, member in members.items()
        if isinstance(member.value, ScalarNode)
    }


def matches(selector: Node | None, labels: dict[str, str]) -> bool:
    """Whether a Kubernetes label selector chooses what has these ``labels``."""
    if not isinstance(selector, MappingNode):
        return False
    wanted = _texts(located(selector, ("matchLabels",))[1])
    _, expressions = located(selector, ("matchExpressions",))
    rest = expressions.items if isinstance(expressions, ListNode) else []
    return wanted.items() <= labels.items() and all(_holds(each, labels) for each in rest)


def _holds(expression: Node, labels: dict[str, str]) -> bool:
    label = labels.get(text_of(expression, "key") or "")
    _, values = located(expression, ("values",))
    words = [
        each.text
        for each in (values.items if isinstance(values, ListNode) else ())
        if isinstance(each, ScalarNode)
    ]
    match text_of(expression, "operator"):
        case "In":
            return label in words
        case "NotIn":
            return label not in words
        case "Exists":
            return label is not None
        case "DoesNotExist":
            return label is None
    return False
