"""Variables: parsing of their definitions, and substitution in manifests.

The caller reads files and the environment. Substituted text is not searched again, so a value
cannot refer to another variable.
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

# CloudFormation's pseudo parameters, such as AWS::Region, are set like other variables.
_NAME = re.compile(r"(?:AWS::)?[A-Za-z_][A-Za-z0-9_]*")
_UNBRACED = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_QUOTED = re.compile(r"""(["'])(.*)\1""")
# Values of variables are printed in plans, and so in logs and pull requests.
_SECRET = re.compile("SECRET|TOKEN|PASS|CREDENTIAL|PRIVATE|KEY|AUTH", re.IGNORECASE)

_NAME_HINT = "a name has letters, digits and _"


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Return the variables in ``pairs``, each ``NAME=VALUE``.

    Raises:
        UsageError: A pair has another form.
    """
    variables = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not _NAME.fullmatch(name):
            # The value may be a secret, so the message must not contain it.
            raise UsageError(f"--var takes NAME=VALUE, not {quote_value(name)}; {_NAME_HINT}")
        variables[name] = value
    return variables


def parse_variables_file(file: str, content: bytes) -> dict[str, str]:
    """Return the variables in ``content``, one ``NAME=VALUE`` on each line.

    Empty lines, lines that begin with ``#``, and spaces around name and value are ignored.
    Quotation marks around a whole value are removed. Nothing in a value is replaced.

    Raises:
        UsageError: A line has another form, or a name is defined twice; with file and line.
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
            raise UsageError(f"{source.file}:{number}: {name} is already defined above")
        quoted = _QUOTED.fullmatch(value)
        variables[name] = quoted[2] if quoted else value
    return variables


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of ``environment``, except those with a name like that of a secret."""
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
    """Return ``root`` with the variables in its values replaced; report unknown variables.

    Keys, and everything below a key in ``skip``, are not changed. An unquoted YAML value is read
    again after the substitution, so it may become a number or a boolean; a quoted value stays text.
    """

    def substitute(node: Node, path: Path) -> Node:
        match node:
            case MappingNode():
                return mapping(node, path)
            case ListNode(position, items):
                inner = [substitute(item, (*path, index)) for index, item in enumerate(items)]
                return ListNode(position, inner)
            case ScalarNode(value=str()) if "$" in node.text:
                return _substitute_scalar(node, variables, diagnostics, path)
            case _:
                return node

    def mapping(node: MappingNode, path: Path) -> MappingNode:
        members = {
            name: KeyValue(position, value if name in skip else substitute(value, (*path, name)))
            for name, (position, value) in node.members.items()
        }
        return MappingNode(node.position, members)

    return mapping(root, path)


def split_placeholders(text: str) -> tuple[list[tuple[str, str]], str]:
    """Return the text before each ``${…}`` with its expression, and the text after the last one.

    A ``${`` without a closing brace is text.
    """
    # A pattern would search for the closing brace again from each unclosed ``${``.
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
            message = f"is longer than {limits.MAX_VARIABLE_CHARACTERS:,} characters after its variables are replaced"
            diagnostics.add(Code.VARIABLE, node.position, message, path=path)
            return InvalidNode(node.position)
    return parse_scalar(node, "".join([*parts, rest]))


def _value(expression: str, variables: Mapping[str, str]) -> tuple[str | None, str, str]:
    """Return the value of an expression; if it has none, None, the message and a hint."""
    name, dash, default = expression.partition(":-")
    if not _NAME.fullmatch(name) or "$" in default:
        hint = "use ${NAME} or ${NAME:-default}"
        return None, f"contains {quote_value(f'${{{expression}}}')}, which is not a variable", hint
    # As in a shell, the default also replaces an empty value.
    value = variables.get(name, "") or default if dash else variables.get(name)
    if value is not None:
        return value, "", ""
    return (
        None,
        f"uses the variable {name}, which has no value",
        definition_hint(name, variables),
    )


def definition_hint(name: str, variables: Mapping[str, str]) -> str:
    """Return a hint how to set the variable ``name``."""
    # The last ones come first: they are from the user, while the environment has many others.
    return did_you_mean(name, [*variables][::-1]) or f"pass --var {name}=VALUE"
