"""Table of the output formats of plans and reports.

To add a format, write a module with the functions of `PlanRenderer`, add a row to `PLAN_FORMATS`,
and add the name to `PLAN_FORMATS` in `reconciler.settings.options.output_group`. The tables of
`validate`, `describe` and `doctor` are next to their renderers.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, cast

from reconciler.core.exit_codes import ExitCode
from reconciler.render.terminal import Layout

# `validate` renders neither plans nor reports, and starts faster without them.
if TYPE_CHECKING:
    from reconciler.core.planning.plan import Plan
    from reconciler.core.report import Report


@dataclass(frozen=True, slots=True)
class OutputContext:
    """Facts about the run that are not part of the plan or report."""

    code: ExitCode
    """The exit code of the run."""
    layout: Layout
    """The terminal or file to which text is printed."""
    calls: Mapping[str, int]
    """Number of API calls by operation; empty if they are not printed."""


class PlanRenderer(Protocol):
    """A module that renders plans and reports in one format."""

    def format_plan(self, plan: "Plan", context: OutputContext, /) -> str:
        """Return the complete output of `plan` or `show`."""

    def format_report(self, report: "Report", context: OutputContext, /) -> str:
        """Return the output of a command that writes, after all changes were tried."""


@dataclass(frozen=True, slots=True)
class PlanFormat:
    """A row of the table."""

    module: str
    """Name of the `PlanRenderer`; it is imported when it is used."""
    is_interactive: bool = False
    """Whether a command that writes prints the plan first and each outcome as it happens."""

    def load(self) -> PlanRenderer:
        """Return the renderer."""
        return cast("PlanRenderer", import_module(self.module))


PLAN_FORMATS: Mapping[str, PlanFormat] = MappingProxyType(
    {
        "text": PlanFormat("reconciler.render.text", is_interactive=True),
        "json": PlanFormat("reconciler.render.json_output"),
        "markdown": PlanFormat("reconciler.render.markdown"),
    }
)
