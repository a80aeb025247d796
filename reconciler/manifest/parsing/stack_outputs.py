"""Variables in the output of ``aws cloudformation describe-stacks`` and ``list-exports``."""

import json
from collections.abc import Iterator
from typing import Any

from reconciler.core.errors import UsageError

_USAGE = "use the JSON output of aws cloudformation describe-stacks or list-exports"


def parse_stack_outputs(file: str, content: bytes) -> dict[str, str]:
    """Return the exports in ``content``, and the outputs and parameters if it has one stack.

    Raises:
        UsageError: The content is something else, or has two values for one export.
    """
    try:
        document = json.loads(content)
        pairs = list(_pairs(document))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise UsageError(f"{file} cannot be read: {_USAGE}") from error
    variables: dict[str, str] = {}
    for name, value in pairs:
        if variables.setdefault(name, value) != value:
            raise UsageError(f"{file} has two values for {name}")
    return variables


def _pairs(document: Any) -> Iterator[tuple[str, str]]:
    if not document.keys() & {"Exports", "Stacks"}:
        raise KeyError
    for export in document.get("Exports", ()):
        yield f"Export:{_text(export['Name'])}", _text(export["Value"])
    stacks = document.get("Stacks", ())
    for stack in stacks:
        for output in stack.get("Outputs", ()):
            if "ExportName" in output:
                yield f"Export:{_text(output['ExportName'])}", _text(output["OutputValue"])
            if len(stacks) == 1:
                yield _text(output["OutputKey"]), _text(output["OutputValue"])
        for parameter in stack.get("Parameters", ()) if len(stacks) == 1 else ():
            # CloudFormation shows stars instead of a secret.
            if set(_text(parameter["ParameterValue"])) != {"*"}:
                yield _text(parameter["ParameterKey"]), parameter["ParameterValue"]


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value
