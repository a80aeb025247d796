"""The tables of output formats and the values of ``--format`` are the same."""

from collections.abc import Mapping
from types import ModuleType

import pytest
from sample_plan import CALLS, rich_plan, rich_report

from reconciler.core.exit_codes import ExitCode
from reconciler.doctor.check_output import CHECK_FORMATS
from reconciler.render import json_output, markdown, text
from reconciler.render.describe import DESCRIPTION_FORMATS
from reconciler.render.diagnostic_reports import DIAGNOSTIC_FORMATS
from reconciler.render.formats import PLAN_FORMATS, OutputContext, PlanRenderer
from reconciler.render.terminal import Layout
from reconciler.settings.options import OPTIONS

# The annotation makes mypy compare the functions of each module with the protocol.
RENDERERS: dict[str, PlanRenderer] = {"text": text, "json": json_output, "markdown": markdown}
CONTEXT = OutputContext(ExitCode.PARTIAL, Layout(color=False), CALLS)


def choices(command: str) -> tuple[str, ...]:
    (found,) = (item for item in OPTIONS if item.name == "format" and item.command == command)
    return found.choices


@pytest.mark.parametrize("command", ["plan", "show", "apply", "adopt", "release"])
def test_each_choice_of_a_plan_or_report_has_a_row(command: str) -> None:
    assert choices(command) == tuple(PLAN_FORMATS)


@pytest.mark.parametrize(
    ("command", "formats"),
    [
        ("validate", DIAGNOSTIC_FORMATS),
        ("describe", DESCRIPTION_FORMATS),
        ("doctor", CHECK_FORMATS),
    ],
)
def test_each_choice_of_another_command_has_a_row(
    command: str, formats: Mapping[str, object]
) -> None:
    assert choices(command) == tuple(formats)


@pytest.mark.parametrize("name", PLAN_FORMATS)
def test_each_row_loads_its_renderer(name: str) -> None:
    renderer = PLAN_FORMATS[name].load()
    assert isinstance(renderer, ModuleType)
    assert renderer is RENDERERS[name]
    plan, report = rich_plan(), rich_report()
    assert plan.fingerprint in renderer.format_plan(plan, CONTEXT)
    assert renderer.format_report(report, CONTEXT)
