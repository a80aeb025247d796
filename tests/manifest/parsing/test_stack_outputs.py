"""Values that a stack knows, in the output of the AWS command line."""

import json
from typing import Any

import pytest

from reconciler.core.errors import UsageError
from reconciler.manifest.parsing.stack_outputs import parse_stack_outputs

EXPORTED = {"OutputKey": "Vpc", "OutputValue": "vpc-1", "ExportName": "shared-vpc"}
PLAIN = {"OutputKey": "Zone", "OutputValue": "z"}
SECRET = {"ParameterKey": "Secret", "ParameterValue": "****"}
STAGE = {"ParameterKey": "Stage", "ParameterValue": "test"}


def parsed(document: Any) -> dict[str, str]:
    return parse_stack_outputs("outputs.json", json.dumps(document).encode())


def test_one_stack_gives_outputs_parameters_and_exports() -> None:
    stack = {"Outputs": [EXPORTED, PLAIN], "Parameters": [SECRET, STAGE]}
    assert parsed({"Stacks": [stack]}) == {
        "Export:shared-vpc": "vpc-1",
        "Vpc": "vpc-1",
        "Zone": "z",
        "Stage": "test",
    }


def test_several_stacks_give_exports() -> None:
    stacks = [{"Outputs": [EXPORTED, PLAIN]}, {"Parameters": [STAGE]}]
    assert parsed({"Stacks": stacks}) == {"Export:shared-vpc": "vpc-1"}
    exports = [{"ExportingStackId": "arn", "Name": "a", "Value": "1"}]
    assert parsed({"Exports": exports}) == {"Export:a": "1"}


def test_two_values_for_one_export_are_an_error() -> None:
    other = {**EXPORTED, "OutputValue": "vpc-2"}
    with pytest.raises(UsageError, match="two values for Export:shared-vpc"):
        parsed({"Stacks": [{"Outputs": [EXPORTED]}, {"Outputs": [other]}]})


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"Exports": [{}]}', '{"Stacks": 1}', "[" * 9_999, '{"Exports": [1]}'],
)
def test_anything_else_is_an_error(content: str) -> None:
    with pytest.raises(
        UsageError, match=r"outputs\.json cannot be read: use the JSON output of aws"
    ):
        parse_stack_outputs("outputs.json", content.encode())


def test_a_value_that_is_no_text_is_an_error() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        parsed({"Exports": [{"Name": "a", "Value": 1}]})


@pytest.mark.parametrize(
    "document",
    [
        {"Exports": [{"Name": ["a"], "Value": "1"}]},
        {"Stacks": [{"Outputs": [{"OutputKey": ["a"], "OutputValue": "1"}]}]},
        {"Stacks": [{"Outputs": [{**PLAIN, "ExportName": {}}]}]},
        {"Stacks": [{"Parameters": [{**STAGE, "ParameterKey": {}}]}]},
    ],
)
def test_a_name_that_is_no_text_is_an_error(document: Any) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        parsed(document)
