"""Options of the group Other: log records."""

from reconciler.settings.options.command_sets import ALL_COMMANDS
from reconciler.settings.options.option import Option, OptionGroup

OTHER_GROUP = (
    Option(
        "log-level",
        OptionGroup.OTHER,
        "Minimum level of log records on stderr. Default: warning; in run, info.",
        choices=("debug", "info", "warning", "error"),
        commands=ALL_COMMANDS,
    ),
    Option(
        "log-format",
        OptionGroup.OTHER,
        "Format of log records: text, or one JSON object per line.",
        default="text",
        choices=("text", "json"),
        commands=ALL_COMMANDS,
    ),
)
