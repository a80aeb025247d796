"""Options of the group Output: formats, files and records of runs."""

from reconciler.settings.options.command_sets import (
    HISTORY_COMMANDS,
    TARGET_COMMANDS,
    WRITING_COMMANDS,
)
from reconciler.settings.options.option import Option, OptionGroup, OptionType

HISTORY_DIRECTORY = ".reconciler/history"
_REVIEWABLE = "as text, JSON, or Markdown for a pull request."
# Besides text; the renderers are in reconciler.render: formats, diagnostic_reports, live_resources,
# graph.formats.
PLAN_FORMATS = ("json", "markdown")
DIAGNOSTIC_FORMATS = ("json", "sarif", "github")
LIVE_FORMATS = ("wide", "yaml", "json")
GRAPH_FORMATS = ("mermaid", "dot", "svg", "json")


def _format_option(command: str, text: str, *choices: str) -> Option:
    return Option(
        "format",
        OptionGroup.OUTPUT,
        text,
        command=command,
        default="text",
        choices=("text", *choices),
    )


OUTPUT_GROUP = (
    Option(
        "history",
        OptionGroup.OUTPUT,
        "Directory for records of runs that wrote, failed or withheld changes. none: no records.",
        "DIR",
        default=HISTORY_DIRECTORY,
        commands=HISTORY_COMMANDS,
    ),
    Option(
        "color",
        OptionGroup.OUTPUT,
        "Color the output. auto: only on a terminal, and not if NO_COLOR is set.",
        default="auto",
        choices=("auto", "always", "never"),
        commands=(
            "validate",
            *TARGET_COMMANDS,
            "show",
            "history",
            "status",
            "rollout",
            "envoy proxies",
        ),
    ),
    Option(
        "verbose",
        OptionGroup.OUTPUT,
        "Also print the number of API calls; in validate, the ignored files. JSON always has them.",
        type=OptionType.FLAG,
        commands=("validate", "plan", *WRITING_COMMANDS, "ci"),
        letter="v",
    ),
    _format_option(
        "validate",
        "Print diagnostics as text, JSON, SARIF or GitHub annotations.",
        *DIAGNOSTIC_FORMATS,
    ),
    _format_option("plan", f"Print the plan {_REVIEWABLE}", *PLAN_FORMATS),
    Option(
        "detailed-exitcode",
        OptionGroup.OUTPUT,
        "Exit with 2 if changes are pending.",
        type=OptionType.FLAG,
        command="plan",
    ),
    Option(
        "out",
        OptionGroup.OUTPUT,
        "Also save the plan to a file, for show and apply --plan.",
        "FILE",
        commands=("plan", "ci"),
        configurable=False,
    ),
    Option(
        "drift",
        OptionGroup.OUTPUT,
        "Show drift only. A resource deleted on the target counts as a new manifest.",
        type=OptionType.FLAG,
        command="plan",
    ),
    _format_option("show", f"Print the saved plan {_REVIEWABLE}", *PLAN_FORMATS),
    *(
        _format_option(command, f"Print the report {_REVIEWABLE}", *PLAN_FORMATS)
        for command in WRITING_COMMANDS
    ),
    _format_option(
        "graph",
        "Print the graph as a tree, as Mermaid or DOT, as a picture (SVG), or as JSON.",
        *GRAPH_FORMATS,
    ),
    Option(
        "live",
        OptionGroup.OUTPUT,
        "Draw the live resources of the target instead of manifests.",
        type=OptionType.FLAG,
        command="graph",
        configurable=False,
    ),
    Option(
        "planned",
        OptionGroup.OUTPUT,
        "Mark the resources that a plan would create, update, adopt, delete or withhold.",
        type=OptionType.FLAG,
        command="graph",
        configurable=False,
    ),
    Option(
        "changed",
        OptionGroup.OUTPUT,
        "With --planned, draw only resources that change or are withheld, and their neighbors.",
        type=OptionType.FLAG,
        command="graph",
        configurable=False,
    ),
    _format_option(
        "get",
        "Print the resources as a table, as a wide table, or with their specs as YAML or JSON.",
        *LIVE_FORMATS,
    ),
    _format_option("history", "Print the runs as text or JSON.", "json"),
    _format_option("describe", "Print the resource as text or JSON.", "json"),
    _format_option("doctor", "Print the results as text or JSON.", "json"),
    Option("to", OptionGroup.OUTPUT, "Directory to write to. Required.", "DIR", command="export"),
    _format_option("status", "Print the status as text or JSON.", "json"),
    _format_option("rollout", "Print the rollout as text or JSON.", "json"),
    _format_option("envoy proxies", "Print the proxies as text or JSON.", "json"),
    Option(
        "of",
        OptionGroup.OUTPUT,
        "Document to print the schema of.",
        command="schema",
        default="manifest",
        choices=("manifest", "plan", "report"),
    ),
)
