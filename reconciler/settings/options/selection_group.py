"""Options of the group Selection: the resources or runs that a command takes."""

from reconciler.settings.options.option import Option, OptionGroup, OptionType

SELECTION_GROUP = (
    Option(
        "only",
        OptionGroup.SELECTION,
        "Select only these keys. Globs are allowed. Repeatable.",
        "KEY",
        OptionType.TEXT_LIST,
    ),
    Option(
        "except",
        OptionGroup.SELECTION,
        "Select all keys except these. Globs are allowed. Repeatable.",
        "KEY",
        OptionType.TEXT_LIST,
    ),
    Option(
        "target",
        OptionGroup.SELECTION,
        "Only runs on this target of reconciler.toml; also a glob. Repeatable.",
        "NAME",
        command="history",
        configurable=False,
        is_repeatable=True,
    ),
    Option(
        "key",
        OptionGroup.SELECTION,
        "Only runs that changed a resource whose key matches: a key or a glob. Repeatable.",
        "PATTERN",
        OptionType.TEXT_LIST,
        command="history",
        configurable=False,
    ),
    Option(
        "since",
        OptionGroup.SELECTION,
        "Only runs that started since then: a duration such as 90min, 12h or 7d, or a time, in UTC "
        "unless it has an offset, such as 2026-11-30T08:00.",
        "WHEN",
        command="history",
        configurable=False,
    ),
    Option(
        "owned",
        OptionGroup.SELECTION,
        "Only resources that --owner owns.",
        type=OptionType.FLAG,
        command="get",
        configurable=False,
    ),
    Option(
        "unowned",
        OptionGroup.SELECTION,
        "Only resources without an owner.",
        type=OptionType.FLAG,
        command="get",
        configurable=False,
    ),
    Option(
        "tag",
        OptionGroup.SELECTION,
        "Export only resources with this tag. Repeatable.",
        "KEY=VALUE",
        OptionType.TEXT_LIST,
        command="export",
    ),
)
