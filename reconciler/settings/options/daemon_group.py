"""Options of the group Daemon, for ``run`` and the commands that talk to it."""

from reconciler.settings.lock_schemes import LOCK_HELP
from reconciler.settings.options.command_sets import DAEMON_CLIENT_COMMANDS
from reconciler.settings.options.option import Option, OptionGroup, OptionType
from reconciler.settings.options.server_rows import server_options

DAEMON_GROUP = (
    Option(
        "members",
        OptionGroup.DAEMON,
        f"Share the targets with other daemons through this store: {LOCK_HELP}. Needs --lock.",
        "PLACE",
        OptionType.LOCK,
        commands=("run",),
    ),
    Option(
        "url",
        OptionGroup.DAEMON,
        "URL of the daemon.",
        "URL",
        default="http://127.0.0.1:9180",
        commands=(*DAEMON_CLIENT_COMMANDS, "rollout", "describe"),
    ),
    Option(
        "target",
        OptionGroup.DAEMON,
        "Target of a daemon of many. Default for status: all of them.",
        "NAME",
        commands=DAEMON_CLIENT_COMMANDS,
        configurable=False,
    ),
    Option(
        "token-file",
        OptionGroup.DAEMON,
        "File with the token that authorizes reconcile and rollout. The daemon creates it.",
        "FILE",
        default=".reconciler/token",
        commands=("run", "reconcile", "rollout"),
    ),
    Option(
        "interval",
        OptionGroup.DAEMON,
        "Seconds between two full cycles.",
        "SECONDS",
        OptionType.SECONDS,
        60,
        command="run",
        minimum=1,
    ),
    Option(
        "poll",
        OptionGroup.DAEMON,
        "Seconds between two checks of a git repository for new commits.",
        "SECONDS",
        OptionType.SECONDS,
        60,
        command="run",
        minimum=1,
    ),
    *server_options(
        "run",
        OptionGroup.DAEMON,
        "Address to serve health, metrics and status on.",
        "127.0.0.1:9180",
        "read the status",
    ),
    Option(
        "webhook-secret-file",
        OptionGroup.DAEMON,
        "File with the secret of the webhooks that fetch new commits immediately, "
        "/webhooks/github and /webhooks/gitlab. Without it, these paths do not exist.",
        "FILE",
        command="run",
    ),
    Option(
        "once",
        OptionGroup.DAEMON,
        "Run one cycle, then exit.",
        type=OptionType.FLAG,
        command="run",
        configurable=False,
    ),
)
