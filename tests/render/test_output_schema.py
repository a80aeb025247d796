"""The schemas say what the documents are, and nothing else passes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from builders import TARGET, plan
from conftest import Cli
from json_schema import faults
from sample_plan import CALLS, RENDERINGS, rich_plan, rich_report

from reconciler.core.exit_codes import ExitCode
from reconciler.core.resources import TargetId
from reconciler.render.json_output import render_plan, render_report
from reconciler.render.output_schema import plan_schema, report_schema

PLAN, REPORT = plan_schema(), report_schema()


def test_every_document_is_as_its_schema_says() -> None:
    nowhere = TargetId(TARGET.name, TARGET.url, None, TARGET.region)
    held_back = plan(*(), target=nowhere)
    for text in (RENDERINGS["plan.json"](), render_plan(held_back, ExitCode.OK)):
        assert list(faults(json.loads(text), PLAN, PLAN)) == []
    assert list(faults(json.loads(RENDERINGS["report.json"]()), REPORT, REPORT)) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("calls"),
        lambda document: document.update(more=1),
        lambda document: document["plan"].update(schema=2),
        lambda document: document["plan"].update(owner=None),
        lambda document: document["plan"]["changes"][0].update(operation="replace"),
        lambda document: document["plan"]["changes"][0]["origin"].update(line=0),
        lambda document: document["plan"]["withheld"][0].update(reason_code="whim"),
        lambda document: document["calls"].update(ListMeshes="1"),
    ],
)
@pytest.mark.parametrize(
    ("schema", "text"), [(PLAN, RENDERINGS["plan.json"]()), (REPORT, RENDERINGS["report.json"]())]
)
def test_anything_else_is_not(
    schema: dict[str, Any], text: str, spoil: Callable[[dict[str, Any]], object]
) -> None:
    document = json.loads(text)
    spoil(document)
    assert list(faults(document, schema, schema))


def test_equal_calls_in_another_order_are_equal_bytes() -> None:
    turned = dict(reversed(CALLS.items()))
    made, report = rich_plan(), rich_report()
    assert render_plan(made, ExitCode.OK, CALLS) == render_plan(made, ExitCode.OK, turned)
    assert render_report(report, ExitCode.OK, CALLS) == render_report(report, ExitCode.OK, turned)


@pytest.mark.parametrize(("of", "schema"), [("plan", PLAN), ("report", REPORT)])
def test_the_verb_prints_them_without_a_target(cli: Cli, of: str, schema: dict[str, Any]) -> None:
    result = cli("schema", "--of", of)
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out) == schema
