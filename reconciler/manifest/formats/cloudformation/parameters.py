"""Function calls and parameters of CloudFormation templates.

``resolver`` resolves the functions.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from reconciler import limits
from reconciler.manifest.parsing.diagnostics import did_you_mean, quote_value
from reconciler.manifest.parsing.nodes import (
    InvalidNode,
    ListNode,
    MappingNode,
    Node,
    Path,
    Position,
    ScalarNode,
    find,
    get_text,
)
from reconciler.manifest.parsing.variables import definition_hint
from reconciler.manifest.parsing.yaml_parser import parse_scalar

# CloudFormation has the same limit for the value of a parameter.
_TOO_LONG = f"longer than {limits.MAX_VARIABLE_CHARACTERS:,} characters"


class FunctionCall(NamedTuple):
    """A call of a function in a template."""

    position: Position
    name: str
    argument: Node
    path: Path


class UnresolvedError(Exception):
    """A function has no value. Without a message, the reason is reported already."""

    def __init__(self, message: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def parse_call(node: Node, path: Path) -> FunctionCall | None:
    """Return the function that ``node`` calls, if it calls one."""
    if isinstance(node, InvalidNode) and node.expansion:
        node = node.expansion
    if not isinstance(node, MappingNode):
        return None
    for name, member in node.members.items():
        if len(node.members) == 1 and name in {"Ref", "Condition"}:
            return FunctionCall(node.position, name, member.value, path)
        if name.startswith("Fn::"):
            suffix = "" if len(node.members) == 1 else " next to other keys"
            return FunctionCall(member.position, f"{name}{suffix}", member.value, path)
    return None


def make_scalar(position: Position, text: str) -> ScalarNode:
    """Return ``text`` as an unquoted scalar, which may be read as a number or a boolean."""
    return parse_scalar(ScalarNode(position, text, text, unquoted=True), text)


def join_limited(pieces: Iterable[str]) -> str:
    """Return ``pieces`` as one text.

    Raises:
        UnresolvedError: The text is longer than the longest field.
    """
    found: list[str] = []
    length = 0
    for piece in pieces:
        found.append(piece)
        length += len(piece)
        if length > limits.MAX_VARIABLE_CHARACTERS:
            raise UnresolvedError(f"is {_TOO_LONG}")
    return "".join(found)


def value_of(template: MappingNode, variables: Mapping[str, str], name: str) -> str | list[str]:
    """Return the value of a parameter of the template or a pseudo parameter.

    ``variables`` override defaults.

    Raises:
        UnresolvedError: The parameter has no value that can be used.
    """
    _, parameter = find(template, ("Parameters", name))
    if isinstance(parameter, MappingNode):
        return _value(name, parameter, variables)
    if name in variables:
        return variables[name]
    if name == "AWS::Partition" and "AWS::Region" in variables:
        return _partition(variables["AWS::Region"])
    if name.startswith("AWS::"):
        hint = definition_hint(name, variables)
        raise UnresolvedError(f"needs {name}, which only CloudFormation knows", hint)
    if find(template, ("Resources", name))[1]:
        hint = f"pass --var {name}=ID, or use Fn::GetAtt for a name that the template sets"
        raise UnresolvedError(f"needs the physical id of {name}, which only a stack has", hint)
    parameters = find(template, ("Parameters",))[1]
    known = parameters.members if isinstance(parameters, MappingNode) else ()
    message = f"needs {quote_value(name)}, which the template does not declare"
    raise UnresolvedError(message, did_you_mean(name, known))


def _partition(region: str) -> str:
    """Return the partition of AWS that ``region`` is in."""
    by_prefix = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
    found = (name for prefix, name in by_prefix.items() if region.startswith(prefix))
    return next(found, "aws")


def _value(name: str, parameter: MappingNode, variables: Mapping[str, str]) -> str | list[str]:
    type_ = get_text(parameter, "Type") or "String"
    default = None if type_.startswith("AWS::SSM::") else get_text(parameter, "Default")
    text = variables.get(name, default)
    if text is None:
        hint = definition_hint(name, variables)
        raise UnresolvedError(f"needs the parameter {name}, which has no value", hint)
    if len(text) > limits.MAX_VARIABLE_CHARACTERS:
        raise UnresolvedError(f"needs the parameter {name}, which is {_TOO_LONG}")
    if (get_text(parameter, "NoEcho") or "").casefold() == "true":
        raise UnresolvedError(f"needs the parameter {name}, which is secret")
    _, allowed = find(parameter, ("AllowedValues",))
    if isinstance(allowed, ListNode):
        words = [item.text for item in allowed.items if isinstance(item, ScalarNode)]
        if text not in words:
            message = f"needs the parameter {name}, which does not allow {quote_value(text)}"
            raise UnresolvedError(message, did_you_mean(text, words))
    if type_ == "CommaDelimitedList" or type_.startswith("List<"):
        return [item.strip() for item in text.split(",")]
    return text
