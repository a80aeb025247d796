"""Options of the group Apply: how changes are made."""

from reconciler.settings.lock_schemes import LOCK_HELP
from reconciler.settings.options.command_sets import LOCKING_COMMANDS, WRITING_COMMANDS
from reconciler.settings.options.option import Option, OptionGroup, OptionType

APPLY_GROUP = (
    Option(
        "lock",
        OptionGroup.APPLY,
        f"Take this lock before writing: {LOCK_HELP}.",
        "PLACE",
        OptionType.LOCK,
        commands=LOCKING_COMMANDS,
    ),
    Option(
        "lock-term",
        OptionGroup.APPLY,
        "Seconds until the lock expires unless it is renewed.",
        "SECONDS",
        OptionType.SECONDS,
        15,
        minimum=1,
        commands=LOCKING_COMMANDS,
    ),
    Option(
        "auto-approve",
        OptionGroup.APPLY,
        "Do not ask for confirmation. Required if stdin is not a terminal.",
        type=OptionType.FLAG,
        commands=WRITING_COMMANDS,
        configurable=False,
    ),
    Option(
        "plan",
        OptionGroup.APPLY,
        "Apply this saved plan and nothing else. No manifest is read.",
        "FILE",
        command="apply",
        configurable=False,
    ),
    Option(
        "expect",
        OptionGroup.APPLY,
        "Apply the plan only if it has this fingerprint.",
        "FINGERPRINT",
        commands=("apply", "ci"),
        configurable=False,
    ),
    Option(
        "wait-proxies",
        OptionGroup.APPLY,
        "Maximum time to wait until all connected Envoys of the changed meshes have acknowledged "
        "the changes; exit with 4 if one has not. Default: do not wait.",
        "SECONDS",
        OptionType.SECONDS,
        command="apply",
    ),
    Option(
        "fail-fast",
        OptionGroup.APPLY,
        "Start no more changes after the first failure.",
        type=OptionType.FLAG,
        command="apply",
    ),
    Option(
        "accept-changes",
        OptionGroup.APPLY,
        "Also adopt resources that differ from their manifest, and change them.",
        type=OptionType.FLAG,
        command="adopt",
        configurable=False,
    ),
)
