"""Variables: where their values come from, and how they are put into text.

Pure: whoever has read files and the environment hands their content in. Text that was filled in
is not looked through again, so a value cannot ask for another one.
"""

import re
from collections.abc import Collection, Iterable, Mapping

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.manifest.parsing.decoding import decode
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic, did_you_mean, quote_value
from reconciler.manifest.parsing.nodes import (
    DiagnosticList,
    InvalidNode,
    KeyValue,
    ListNode,
    MappingNode,
    Node,
    Path,
    ScalarNode,
)
from reconciler.manifest.parsing.yaml_parser import parse_scalar

# CloudFormation's own parameters, AWS::Region, are given like any other variable.
_NAME = re.compile(r"(?:AWS::)?[A-Za-z_][A-Za-z0-9_]*")
_UNBRACED = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_QUOTED = re.compile(r"""(["'])(.*)\1""")
# What a manifest asks for shows in plans, and so in logs and in pull requests.
_SECRET = re.compile("SECRET|TOKEN|PASS|CREDENTIAL|PRIVATE|KEY|AUTH", re.IGNORECASE)

_NAME_HINT = "a name has letters, digits and _"


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Return the variables in ``pairs``, each ``NAME=VALUE``; UsageError where one is none."""
    variables = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not _NAME.fullmatch(name):
            # A value may be meant for nobody's eyes, so it is not repeated.
            raise UsageError(f"--var takes NAME=VALUE, not {quote_value(name)}; {_NAME_HINT}")
        variables[name] = value
    return variables


def parse_variables_file(file: str, content: bytes) -> dict[str, str]:
    """Return the variables in ``content``: a line ``NAME=VALUE`` each.

    Lines that are empty or begin with ``#`` do not count, nor do spaces around name and value.
    Quotation marks around a whole value are taken off; nothing in it is replaced. UsageError
    with file and line where a line is none of these, or gives a name for the second time.
    """
    source = decode(file, content)
    if isinstance(source, Diagnostic):
        raise UsageError(f"{source.origin}: {source.message}")
    variables: dict[str, str] = {}
    for number, line in enumerate(source.lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = (part.strip() for part in line.partition("="))
        if not equals or not _NAME.fullmatch(name):
            raise UsageError(f"{source.file}:{number}: must be NAME=VALUE; {_NAME_HINT}")
        if name in variables:
            raise UsageError(f"{source.file}:{number}: {name} is given for the second time")
        quoted = _QUOTED.fullmatch(value)
        variables[name] = quoted[2] if quoted else value
    return variables


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of ``environment``, less those whose names tell of a secret."""
    return {
        name: value
        for name, value in environment.items()
        if _NAME.fullmatch(name) and not _SECRET.search(name)
    }


def substitute_mapping(
    root: MappingNode,
    variables: Mapping[str, str],
    diagnostics: DiagnosticList,
    path: Path,
    skip: Collection[str] = (),
) -> MappingNode:
    """Return ``root`` with the variables in its values replaced; complain of those unknown.

    Keys stay as they are, and so does all below a key in ``skip``. What is unquoted on the page
    is read as if the value stood there; what is quoted stays text.
    """

    def filled(node: Node, path: Path) -> Node:
        match node:
            case MappingNode():
                return mapping(node, path)
            case ListNode(position, items):
                inner = [filled(item, (*path, index)) for index, item in enumerate(items)]
                return ListNode(position, inner)
            case ScalarNode(value=str()) if "$" in node.text:
                return _substitute_scalar(node, variables, diagnostics, path)
            case _:
                return node

    def mapping(node: MappingNode, path: Path) -> MappingNode:
        members = {
            name: KeyValue(position, value if name in skip else filled(value, (*path, name)))
            for name, (position, value) in node.members.items()
        }
        return MappingNode(node.position, members)

    return mapping(root, path)


def split_placeholders(text: str) -> tuple[list[tuple[str, str]], str]:
    """Return the text before each ``${…}`` with the expression in its braces, and the text left.

    An opener that is never closed is text.
    """
    # A pattern would search for the closing brace from each unclosed opener again.
    found, end = [], 0
    while (start := text.find("${", end)) >= 0 and (close := text.find("}", start)) >= 0:
        found.append((text[end:start], text[start + 2 : close]))
        end = close + 1
    return found, text[end:]


def _substitute_scalar(
    node: ScalarNode, variables: Mapping[str, str], diagnostics: DiagnosticList, path: Path
) -> Node:
    whole = _UNBRACED.fullmatch(node.text)
    found, rest = split_placeholders(f"${{{whole[1]}}}" if whole else node.text)
    parts: list[str] = []
    length = 0
    for before, expression in found:
        value, message, hint = _value(expression, variables)
        if value is None:
            diagnostics.add(Code.VARIABLE, node.position, message, path=path, hint=hint)
            return InvalidNode(node.position)
        parts += before, value
        length += len(before) + len(value)
        if length > limits.MAX_VARIABLE_CHARACTERS:
            message = (
                f"is longer than {limits.MAX_VARIABLE_CHARACTERS:,} characters with its variables"
            )
            diagnostics.add(Code.VARIABLE, node.position, message, path=path)
            return InvalidNode(node.position)
    return parse_scalar(node, "".join([*parts, rest]))


def _value(expression: str, variables: Mapping[str, str]) -> tuple[str | None, str, str]:
    """Return the value of what stands between the braces; else None, why, and a hint."""
    name, dash, default = expression.partition(":-")
    if not _NAME.fullmatch(name) or "$" in default:
        hint = "write ${NAME} or ${NAME:-default}"
        return None, f"holds {quote_value(f'${{{expression}}}')}, which is no variable", hint
    # As in a shell: the default also stands in for an empty value.
    value = variables.get(name, "") or default if dash else variables.get(name)
    if value is not None:
        return value, "", ""
    return (
        None,
        f"asks for the variable {name}, which has no value",
        definition_hint(name, variables),
    )


def definition_hint(name: str, variables: Mapping[str, str]) -> str:
    """Return how to give the variable ``name`` a value."""
    # Those said last, and so by the user, come first: an environment holds many others.
    return did_you_mean(name, [*variables][::-1]) or f"say --var {name}=VALUE"
