"""Options of the group Target: the App Mesh API, the owner and the calls."""

from reconciler.settings.options.command_sets import FLEET_COMMANDS, TARGET_COMMANDS
from reconciler.settings.options.option import Option, OptionGroup, OptionType

TARGET_GROUP = (
    Option(
        "endpoint-url",
        OptionGroup.TARGET,
        "URL of an App Mesh API. Takes precedence over --target.",
        "URL",
        commands=TARGET_COMMANDS,
    ),
    Option(
        "target",
        OptionGroup.TARGET,
        "local, aws, or the name of a target in reconciler.toml; also a glob. Repeatable.",
        "NAME",
        commands=tuple(it for it in ("validate", *TARGET_COMMANDS) if it in FLEET_COMMANDS),
        is_repeatable=True,
    ),
    # The settings may select several targets for these too, and a message reports it.
    Option(
        "target",
        OptionGroup.TARGET,
        "local, aws, or the name of a target in reconciler.toml.",
        "NAME",
        commands=tuple(it for it in TARGET_COMMANDS if it not in FLEET_COMMANDS),
        is_repeatable=True,
    ),
    Option(
        "all-targets",
        OptionGroup.TARGET,
        "All targets of reconciler.toml, instead of --target.",
        type=OptionType.FLAG,
        commands=FLEET_COMMANDS,
        configurable=False,
    ),
    Option(
        "shard",
        OptionGroup.TARGET,
        "Use only the selected targets that have this label. Repeatable: all must match.",
        "KEY=VALUE",
        # A job finds its comment by the targets that it selects.
        commands=tuple(command for command in FLEET_COMMANDS if command != "ci"),
        configurable=False,
        is_repeatable=True,
    ),
    Option(
        "targets-at-once",
        OptionGroup.TARGET,
        "With several targets: maximum number of targets at the same time.",
        "N",
        OptionType.COUNT,
        10,
        commands=tuple(command for command in FLEET_COMMANDS if command != "history"),
        minimum=1,
        maximum=100,
    ),
    Option(
        "region",
        OptionGroup.TARGET,
        "AWS region. Default: the region that the AWS SDK finds.",
        "REGION",
        commands=TARGET_COMMANDS,
    ),
    Option(
        "profile",
        OptionGroup.TARGET,
        "AWS profile. Default: the profile that the AWS SDK finds.",
        "NAME",
        commands=TARGET_COMMANDS,
    ),
    Option(
        "allow-insecure-endpoint",
        OptionGroup.TARGET,
        "Also send credentials, unencrypted, to http:// URLs of other machines.",
        type=OptionType.FLAG,
        commands=TARGET_COMMANDS,
    ),
    Option(
        "tag-index-lag",
        OptionGroup.TARGET,
        "Seconds by which the tagging API may lag behind writes; on the local target 0. Resources "
        "that changed within this time are described.",
        "SECONDS",
        OptionType.SECONDS,
        120,
    ),
    Option(
        "refresh",
        OptionGroup.TARGET,
        "Describe every resource, also if its tags show that it is in sync.",
        type=OptionType.FLAG,
    ),
    Option(
        "owner",
        OptionGroup.TARGET,
        "Owner id written to the tags of managed resources. Required unless the target is local.",
        "ID",
        commands=TARGET_COMMANDS,
    ),
    # Each call may take a thread, a connection and a place in the connection pool.
    Option(
        "parallelism",
        OptionGroup.TARGET,
        "Maximum number of API calls at the same time.",
        "N",
        OptionType.COUNT,
        10,
        commands=TARGET_COMMANDS,
        minimum=1,
        maximum=1000,
    ),
)
