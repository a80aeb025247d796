"""Variables: parsing of their definitions, and substitution in manifests.

The caller reads files and the environment. Substituted text is not searched again, so a value
cannot refer to another variable.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

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
    Position,
    ScalarNode,
    SourceText,
    count_nodes,
)
from reconciler.manifest.parsing.yaml_parser import parse_scalar, parse_yaml

# CloudFormation's pseudo parameters, such as AWS::Region, are set like other variables.
_NAME = re.compile(r"(?:AWS::)?[A-Za-z_][A-Za-z0-9_]*")
_ITEM = re.compile(r"([\[,] *)\$\{([A-Za-z_][A-Za-z0-9_]*)\}(?= *[,\]])")
# Templates also need attributes (Balancer.DNSName) and exports of other stacks (Export:NAME).
_DEFINED_NAME = re.compile(
    rf"{_NAME.pattern}|[A-Za-z0-9]+(?:\.[A-Za-z0-9]+)+|Export:[A-Za-z0-9:-]+"
)
_UNBRACED = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_WHOLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_QUOTED = re.compile(r"""(["'])(.*)\1""")
# Values of variables are printed in plans, and so in logs and pull requests.
_SECRET = re.compile("SECRET|TOKEN|PASS|CREDENTIAL|PRIVATE|KEY|AUTH", re.IGNORECASE)

_NAME_HINT = "a name has letters, digits and _"


def parse_pairs(pairs: Iterable[str], option: str = "--var") -> dict[str, str]:
    """Return the variables in ``pairs``, each ``NAME=VALUE``; ``option`` is for messages.

    Raises:
        UsageError: A pair has another form.
    """
    variables = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not _DEFINED_NAME.fullmatch(name):
            # The value may be a secret, so the message must not contain it.
            raise UsageError(f"{option} takes NAME=VALUE, not {quote_value(name)}; {_NAME_HINT}")
        variables[name] = value
    return variables


def require_names(names: Iterable[str], setting: str) -> None:
    """Reject names that no variable has; ``setting`` is for messages.

    Raises:
        UsageError: A name has another form.
    """
    for name in names:
        if not _DEFINED_NAME.fullmatch(name):
            raise UsageError(f"{setting}: invalid name {quote_value(name)}; {_NAME_HINT}")


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
        if not equals or not _DEFINED_NAME.fullmatch(name):
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


def quote_items(source: SourceText, names: Collection[str]) -> SourceText:
    """Return ``source`` with each ${NAME} in a list in brackets as "$NAME", which is valid YAML.

    Only the variables ``names`` are changed. All positions stay the same.
    """
    if not any(name in source.text for name in names):
        return source

    def quoted(item: re.Match[str]) -> str:
        return f'{item[1]}"${item[2]}"' if item[2] in names else item[0]

    return replace(source, text=_ITEM.sub(quoted, source.text))


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


def definition_hint(name: str, variables: Mapping[str, str]) -> str:
    """Return a hint how to set the variable ``name``."""
    # The last ones come first: they are from the user, while the environment has many others.
    return did_you_mean(name, [*variables][::-1]) or f"pass --var {name}=VALUE"


@dataclass(slots=True)
class Substitution:
    """Replaces the variables in one document, and reports unknown variables.

    Keys, and everything below a key in ``skip``, are not changed. An unquoted YAML value is read
    again after the substitution, so it may become a number or a boolean; a quoted value stays text.

    Attributes:
        variables: Values that are text.
        yaml_variables: Values in YAML, each in place of an item of a list.
        diagnostics: Receives the diagnostics.
        skip: Keys whose values are not changed.
    """

    variables: Mapping[str, str]
    yaml_variables: Mapping[str, str]
    diagnostics: DiagnosticList
    skip: Collection[str] = ()
    _nodes: int = 0

    def mapping(self, node: MappingNode, path: Path) -> MappingNode:
        """Return ``node`` with its variables replaced."""
        members = {
            name: KeyValue(
                position, value if name in self.skip else self._node(value, (*path, name))
            )
            for name, (position, value) in node.members.items()
        }
        return MappingNode(node.position, members)

    def _node(self, node: Node, path: Path) -> Node:
        match node:
            case MappingNode():
                return self.mapping(node, path)
            case ListNode(position, items):
                found: list[Node] = []
                for index, item in enumerate(items):
                    found += self._items(item, (*path, index))
                return ListNode(position, found)
            case ScalarNode(value=str()) if "$" in node.text:
                return self._scalar(node, path)
            case _:
                return node

    def _items(self, node: Node, path: Path) -> Iterable[Node]:
        """Return an item of a list, or the items that its variable in YAML stands for."""
        name = _WHOLE.fullmatch(node.text) if isinstance(node, ScalarNode) else None
        text = self.yaml_variables.get(name[1] or name[2]) if name else None
        if name is None or text is None:
            return [self._node(node, path)]
        found = _parse_value(text, node.position)
        if isinstance(found, str):
            message = f"uses the variable {name[1] or name[2]}, whose value {found}"
            self.diagnostics.add(Code.VARIABLE, node.position, message, path=path)
            return [InvalidNode(node.position)]
        self._nodes += sum(map(count_nodes, found))
        if self._nodes > limits.MAX_NODES:
            message = f"adds more than {limits.MAX_NODES:,} nodes to its document"
            self.diagnostics.add(Code.VARIABLE, node.position, message, path=path)
            return [InvalidNode(node.position)]
        return found

    def _scalar(self, node: ScalarNode, path: Path) -> Node:
        parts: list[str] = []
        length = 0
        for text, expression in _expressions(node.text):
            value, message, hint = text, "", ""
            if expression is not None:
                found, message, hint = self._value(expression)
                value = found or ""
            length += len(value)
            if length > limits.MAX_VARIABLE_CHARACTERS and len(parts) > 1:
                message = (
                    f"is longer than {limits.MAX_VARIABLE_CHARACTERS:,} characters after its "
                    "variables are replaced"
                )
            if message:
                self.diagnostics.add(Code.VARIABLE, node.position, message, path=path, hint=hint)
                return InvalidNode(node.position)
            parts.append(value)
        return parse_scalar(node, "".join(parts))

    def _value(self, expression: str) -> tuple[str | None, str, str]:
        """Return the value of an expression; if it has none, None, the message and a hint."""
        name, dash, default = expression.partition(":-")
        if not _NAME.fullmatch(name) or "$" in default:
            hint = "use ${NAME} or ${NAME:-default}"
            message = f"contains {quote_value(f'${{{expression}}}')}, which is not a variable"
            return None, message, hint
        # As in a shell, the default also replaces an empty value.
        values = self.variables
        value = values.get(name, "") or default if dash else values.get(name)
        if value is not None:
            return value, "", ""
        if name in self.yaml_variables:
            message = f"uses the variable {name}, whose YAML may only replace an item of a list"
            return None, message, f"pass it with --var {name}=VALUE"
        return (
            None,
            f"uses the variable {name}, which has no value",
            definition_hint(name, values),
        )


def _expressions(text: str) -> Iterator[tuple[str, str | None]]:
    """Yield the parts of ``text``, each as literal text, or empty with a variable's expression."""
    found, rest = split_placeholders(text)
    for before, expression in (*found, (rest, None)):
        end = 0
        for name in _UNBRACED.finditer(before) if "$" in before else ():
            yield before[end : name.start()], None
            yield "", name[1]
            end = name.end()
        yield before[end:], None
        if expression is not None:
            yield "", expression


def _parse_value(text: str, position: Position) -> list[Node] | str:
    """Return the items in the YAML ``text``, all at ``position``, or why there are none."""
    documents = list(parse_yaml(SourceText("", text, text.split("\n"))))
    if len(documents) != 1:
        return f"has {len(documents)} YAML documents instead of one"
    root, diagnostics = documents[0]
    if root is None or diagnostics.found:
        return diagnostics.found[0].message
    moved = _moved(root, position)
    return moved.items if isinstance(moved, ListNode) else [moved]


def _moved(node: Node, position: Position) -> Node:
    """Return ``node`` with every part of it at ``position``."""
    if isinstance(node, ListNode):
        return ListNode(position, [_moved(item, position) for item in node.items])
    if isinstance(node, MappingNode):
        members = {
            name: KeyValue(position, _moved(member.value, position))
            for name, member in node.members.items()
        }
        return MappingNode(position, members)
    return node._replace(position=position)
