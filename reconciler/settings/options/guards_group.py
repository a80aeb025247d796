"""Options of the group Guards: limits on the changes of a run."""

from reconciler.settings.options.command_sets import (
    FLEET_GUARD_COMMANDS,
    MESH_COMMANDS,
    REWIND_COMMANDS,
)
from reconciler.settings.options.option import Option, OptionGroup, OptionType

POLICIES = ("observe", "create-only", "upsert-only", "sync")

GUARDS_GROUP = (
    Option(
        "policy",
        OptionGroup.GUARDS,
        "Changes that a run may make. Only sync deletes.",
        default="upsert-only",
        choices=POLICIES,
        commands=(*MESH_COMMANDS, "release"),
    ),
    Option(
        "max-deletes",
        OptionGroup.GUARDS,
        "Maximum number of deletes per run. If a plan has more, none is made.",
        "N",
        OptionType.COUNT,
        default=1,
    ),
    Option(
        "max-updates",
        OptionGroup.GUARDS,
        "Maximum number of updates per run, or a share such as 30%. If a plan has more, none is "
        "made. Default: no limit; in run, 30%, but at least 3.",
        "N",
    ),
    Option(
        "max-total-deletes",
        OptionGroup.GUARDS,
        "With several targets: maximum number of deletes on all together. If there are more, no "
        "target is changed.",
        "N",
        OptionType.COUNT,
        default=10,
        commands=FLEET_GUARD_COMMANDS,
    ),
    Option(
        "max-deletes-per-hour",
        OptionGroup.GUARDS,
        "With several targets: maximum number of deletes on all together within an hour. A plan "
        "that would exceed it deletes nothing.",
        "N",
        OptionType.COUNT,
        default=10,
        command="run",
    ),
    Option(
        "wide-share",
        OptionGroup.GUARDS,
        "With several targets: maximum share of them with changes other than creates, such as 50%. "
        "If more have them, no target is changed without --wide. Default: no limit.",
        "SHARE",
        commands=FLEET_GUARD_COMMANDS,
    ),
    Option(
        "wide",
        OptionGroup.GUARDS,
        "Allow changes other than creates on more targets than --wide-share.",
        type=OptionType.FLAG,
        commands=FLEET_GUARD_COMMANDS,
        configurable=False,
    ),
    Option(
        "allow-empty",
        OptionGroup.GUARDS,
        "Allow a source without manifests to delete everything it owned.",
        type=OptionType.FLAG,
        configurable=False,
    ),
    Option(
        "allow-rewind",
        OptionGroup.GUARDS,
        "Allow deletes by a commit that does not descend from the one applied last.",
        type=OptionType.FLAG,
        commands=REWIND_COMMANDS,
        configurable=False,
    ),
)
