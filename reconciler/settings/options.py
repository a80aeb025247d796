"""Table of all options: type, unit, default, help text and group.

The value of an option is the first of these that is set: the flag, the variable
``RECONCILER_<OPTION>`` (``RECONCILER_<COMMAND>_<OPTION>`` for an option of one command),
reconciler.toml, the default in this table.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from reconciler.settings.lock_schemes import LOCK_HELP, LOCK_SCHEMES

MESH_COMMANDS = ("plan", "apply", "ci", "run", "adopt", "describe", "graph")
DAEMON_CLIENT_COMMANDS = ("status", "reconcile")
# These commands translate manifests, or with --live the resources of a target.
ENVOY_COMMANDS = ("envoy export", "envoy explain")
# These commands serve the configuration of Envoys.
XDS_COMMANDS = ("endpoint", "envoy serve")
SOURCE_COMMANDS = ("validate", *MESH_COMMANDS, "diff", *ENVOY_COMMANDS)
TARGET_COMMANDS = (*MESH_COMMANDS, "release", "export", "get", "diff", "doctor", *ENVOY_COMMANDS)
ALL_COMMANDS = (
    "validate",
    *TARGET_COMMANDS,
    "show",
    "history",
    *DAEMON_CLIENT_COMMANDS,
    "notify test",
    "endpoint",
    "envoy bootstrap",
    "envoy serve",
    "envoy proxies",
    "schema",
    "explain",
)
# These commands run over many targets.
FLEET_COMMANDS = ("validate", "plan", "apply", "ci", "doctor", "history", "run")
# With many targets, these have guards over all of them.
FLEET_GUARD_COMMANDS = ("plan", "apply", "ci")
# These commands take keys as arguments.
KEY_COMMANDS = {
    "adopt": "KEY…",
    "release": "KEY…",
    "export": "[KEY…]",
    "get": "[KEY…]",
    "describe": "KEY",
    "diff": "KEY",
    "envoy explain": "KEY",
    "envoy bootstrap": "KEY",
}
# These commands take the paths of manifests as arguments.
PATH_COMMANDS = (*(name for name in SOURCE_COMMANDS if name not in KEY_COMMANDS), "diff")
WRITING_COMMANDS = ("apply", "adopt", "release")
# These commands also renew the last-applied records of resources that are in sync.
RENEWING_COMMANDS = ("apply", "run")
REWIND_COMMANDS = ("plan", "apply", "reconcile")
LOCKING_COMMANDS = (*WRITING_COMMANDS, "ci", "run")
# These commands write records of their runs, or read them.
HISTORY_COMMANDS = (*LOCKING_COMMANDS, "history")
HISTORY_DIRECTORY = ".reconciler/history"
POLICIES = ("observe", "create-only", "upsert-only", "sync")


class OptionType(Enum):
    """Type of the value of an option."""

    TEXT = "text"
    COUNT = "count"
    SECONDS = "seconds"
    FLAG = "switch"
    TEXT_LIST = "texts"
    LOCK = "lock"


class OptionGroup(Enum):
    """Heading of an option in ``--help``, in the order of the help."""

    TARGET = "Target"
    SELECTION = "Selection"
    GUARDS = "Guards"
    MANIFESTS = "Manifests"
    APPLY = "Apply"
    DAEMON = "Daemon"
    ENDPOINT = "Endpoint"
    ENVOY = "Envoy"
    OUTPUT = "Output"
    OTHER = "Other"


def is_lock(text: str) -> bool:
    """Whether `text` is a scheme of `LOCK_SCHEMES`, a colon and a valid location."""
    scheme, _, location = text.partition(":")
    return scheme in LOCK_SCHEMES and bool(LOCK_SCHEMES[scheme].pattern.fullmatch(location))


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the command line.

    Attributes:
        name: The flag without its dashes.
        command: The only command that has this option, or None if ``commands`` have it.
        configurable: False if the option must be passed to each run, so that it has neither a
            variable nor a setting in reconciler.toml.
        letter: The short form of the flag.
        is_repeatable: Whether several flags add up; the file and the variable set one value.
    """

    name: str
    group: OptionGroup
    help: str
    metavar: str | None = None
    type: OptionType = OptionType.TEXT
    default: Any = None
    command: str | None = None
    commands: tuple[str, ...] = MESH_COMMANDS
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int | None = None
    configurable: bool = True
    letter: str | None = None
    is_repeatable: bool = False

    @property
    def field(self) -> str:
        """The name of the option in code and in reconciler.toml."""
        return self.name.replace("-", "_")

    @property
    def environment_variable(self) -> str | None:
        """The environment variable that sets the option, or None if there is none."""
        if not self.configurable:
            return None
        scope = f"{self.command}_" if self.command else ""
        return f"RECONCILER_{scope}{self.field}".upper()

    def offered_by(self, command: str) -> bool:
        """Whether ``command`` has this option."""
        return self.command == command if self.command else command in self.commands


def _format_option(command: str, text: str, *choices: str) -> Option:
    return Option(
        "format",
        OptionGroup.OUTPUT,
        text,
        command=command,
        default="text",
        choices=("text", *choices),
    )


def _server_options(
    command: str, group: OptionGroup, listen: str, address: str | None, access: str
) -> tuple[Option, ...]:
    """Return the options that every command with a server has."""
    host = "Host name to accept in the Host header besides localhost. Repeatable."
    insecure = (
        f"Also listen on addresses other than loopback. Every client that reaches it can {access}."
    )
    return (
        Option("listen", group, listen, "HOST:PORT", command=command, default=address),
        Option("allow-host", group, host, "NAME", OptionType.TEXT_LIST, command=command),
        Option("insecure", group, insecure, type=OptionType.FLAG, command=command),
    )


_REVIEWABLE = "as text, JSON, or Markdown for a pull request."
# Besides text; the renderers are in reconciler.render: formats, diagnostic_reports, live_resources,
# graph.formats.
PLAN_FORMATS = ("json", "markdown")
DIAGNOSTIC_FORMATS = ("json", "sarif", "github")
LIVE_FORMATS = ("wide", "yaml", "json")
GRAPH_FORMATS = ("mermaid", "dot", "svg", "json")

OPTIONS = (
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
        "var",
        OptionGroup.MANIFESTS,
        "Value of ${NAME} in manifests, or of a parameter in templates. Repeatable.",
        "NAME=VALUE",
        OptionType.TEXT_LIST,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "var-yaml",
        OptionGroup.MANIFESTS,
        "YAML in place of the list item ${NAME} in manifests. Repeatable.",
        "NAME=YAML",
        OptionType.TEXT_LIST,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "var-file",
        OptionGroup.MANIFESTS,
        "File with one NAME=VALUE per line. Repeatable.",
        "FILE",
        OptionType.TEXT_LIST,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "stack-outputs",
        OptionGroup.MANIFESTS,
        "Output of aws cloudformation describe-stacks or list-exports, for templates. Repeatable.",
        "FILE",
        OptionType.TEXT_LIST,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "var-env",
        OptionGroup.MANIFESTS,
        "Also read variables from the environment, except secrets.",
        type=OptionType.FLAG,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "namespace",
        OptionGroup.MANIFESTS,
        "Namespace of Kubernetes objects without metadata.namespace.",
        "NAME",
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "cache-dir",
        OptionGroup.MANIFESTS,
        "Directory for mirrors of git repositories. Default: mesh-reconciler in XDG_CACHE_HOME, or "
        "in ~/.cache.",
        "DIR",
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "revision",
        OptionGroup.MANIFESTS,
        "Use this commit of a git repository. apply also holds the target there, for run too.",
        "COMMIT",
        commands=("plan", "apply"),
        configurable=False,
    ),
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
        "members",
        OptionGroup.DAEMON,
        f"Share the targets with other daemons, which meet in this store: {LOCK_HELP}."
        " Needs --lock.",
        "PLACE",
        OptionType.LOCK,
        commands=("run",),
    ),
    Option(
        "history",
        OptionGroup.OUTPUT,
        "Directory for records of runs that wrote, failed or withheld changes. none: no records.",
        "DIR",
        default=HISTORY_DIRECTORY,
        commands=HISTORY_COMMANDS,
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
    Option(
        "color",
        OptionGroup.OUTPUT,
        "Color the output. auto: only on a terminal, and not if NO_COLOR is set.",
        default="auto",
        choices=("auto", "always", "never"),
        commands=("validate", *TARGET_COMMANDS, "show", "history", "status", "envoy proxies"),
    ),
    Option(
        "url",
        OptionGroup.DAEMON,
        "URL of the daemon.",
        "URL",
        default="http://127.0.0.1:9180",
        commands=(*DAEMON_CLIENT_COMMANDS, "describe"),
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
        "File with the token that authorizes reconcile. The daemon creates it.",
        "FILE",
        default=".reconciler/token",
        commands=("run", "reconcile"),
    ),
    Option(
        "verbose",
        OptionGroup.OUTPUT,
        "Also print the number of API calls; in validate, the ignored files. JSON always has them.",
        type=OptionType.FLAG,
        commands=("validate", "plan", *WRITING_COMMANDS, "ci"),
        letter="v",
    ),
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
    _format_option(
        "validate",
        "Print diagnostics as text, JSON, SARIF or GitHub annotations.",
        *DIAGNOSTIC_FORMATS,
    ),
    Option(
        "strict",
        OptionGroup.MANIFESTS,
        "Exit with 65 on warnings too.",
        type=OptionType.FLAG,
        command="validate",
    ),
    Option(
        "envoy",
        OptionGroup.ENVOY,
        "Also print the fields that Envoys get differently or not at all.",
        type=OptionType.FLAG,
        command="validate",
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
    _format_option(
        "get",
        "Print the resources as a table, as a wide table, or with their specs as YAML or JSON.",
        *LIVE_FORMATS,
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
    _format_option("history", "Print the runs as text or JSON.", "json"),
    _format_option("describe", "Print the resource as text or JSON.", "json"),
    _format_option("doctor", "Print the results as text or JSON.", "json"),
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
    Option("to", OptionGroup.OUTPUT, "Directory to write to. Required.", "DIR", command="export"),
    Option(
        "tag",
        OptionGroup.SELECTION,
        "Export only resources with this tag. Repeatable.",
        "KEY=VALUE",
        OptionType.TEXT_LIST,
        command="export",
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
        "Seconds between two looks at a git repository for new commits.",
        "SECONDS",
        OptionType.SECONDS,
        60,
        command="run",
        minimum=1,
    ),
    *_server_options(
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
    Option(
        "data",
        OptionGroup.ENDPOINT,
        "Directory of the endpoint's data. :memory: keeps data in memory.",
        "DIR",
        default=".reconciler",
        commands=XDS_COMMANDS,
    ),
    Option(
        "store",
        OptionGroup.ENDPOINT,
        "PostgreSQL database for the data, instead of --data. The PG* variables and the password"
        " file of libpq apply.",
        "postgresql://HOST/DATABASE",
        commands=XDS_COMMANDS,
    ),
    Option(
        "from",
        OptionGroup.ENDPOINT,
        "With copy: directory or postgresql:// URL of the data to read. Required.",
        "STORE",
        command="endpoint",
        configurable=False,
    ),
    Option(
        "to",
        OptionGroup.ENDPOINT,
        "With copy: empty directory or postgresql:// URL to write to. Required.",
        "STORE",
        command="endpoint",
        configurable=False,
    ),
    Option(
        "token-retention",
        OptionGroup.ENDPOINT,
        "Seconds to keep client tokens. 0 keeps none.",
        "SECONDS",
        OptionType.SECONDS,
        129_600,
        command="endpoint",
    ),
    Option(
        "behavior",
        OptionGroup.ENDPOINT,
        "Select a behavior of the service that is not documented. Repeatable.",
        "NAME=VALUE",
        OptionType.TEXT_LIST,
        command="endpoint",
    ),
    Option(
        "quotas",
        OptionGroup.ENDPOINT,
        "Quotas to enforce: the default quotas of an AWS account, or none.",
        command="endpoint",
        default="none",
        choices=("none", "aws"),
    ),
    Option(
        "faults",
        OptionGroup.ENDPOINT,
        "JSON file with faults to inject.",
        "FILE",
        command="endpoint",
    ),
    *_server_options(
        "endpoint",
        OptionGroup.ENDPOINT,
        "Address to serve on.",
        "127.0.0.1:8473",
        "do anything, unless --credentials is passed",
    ),
    Option(
        "tls-cert",
        OptionGroup.ENDPOINT,
        "Certificate chain (PEM) to serve HTTPS with; read again when it changes. Default: HTTP.",
        "FILE",
        command="endpoint",
    ),
    Option(
        "tls-key",
        OptionGroup.ENDPOINT,
        "Private key (PEM) of --tls-cert; read again when it changes.",
        "FILE",
        command="endpoint",
    ),
    Option(
        "credentials",
        OptionGroup.ENDPOINT,
        "TOML file with the access keys whose signatures are accepted; read again when it changes."
        " Default: every signature is accepted.",
        "FILE",
        command="endpoint",
    ),
    Option(
        "live",
        OptionGroup.ENVOY,
        "Translate the live resources of the target instead of manifests.",
        type=OptionType.FLAG,
        commands=ENVOY_COMMANDS,
        configurable=False,
    ),
    Option(
        "instances",
        OptionGroup.ENVOY,
        "YAML file with the instances of Cloud Map services. In validate, only with --envoy.",
        "FILE",
        commands=("validate", *ENVOY_COMMANDS, *XDS_COMMANDS),
        configurable=False,
    ),
    Option(
        "cloud-map",
        OptionGroup.ENVOY,
        "Poll AWS Cloud Map in --xds-region for the instances of its services, instead of "
        "--instances.",
        type=OptionType.FLAG,
        commands=XDS_COMMANDS,
        configurable=False,
    ),
    Option(
        "watch",
        OptionGroup.ENVOY,
        "Keep the files up to date until stopped.",
        type=OptionType.FLAG,
        command="envoy export",
        configurable=False,
    ),
    Option(
        "grace",
        OptionGroup.ENVOY,
        "With --watch: seconds between new clusters, their routes, and the end of old clusters. "
        "It must be longer than Envoys take to find the endpoints of a new cluster.",
        "SECONDS",
        OptionType.SECONDS,
        3,
        command="envoy export",
        configurable=False,
    ),
    Option(
        "interval",
        OptionGroup.ENVOY,
        "With --watch: seconds between two reads of a target or a git repository.",
        "SECONDS",
        OptionType.SECONDS,
        30,
        command="envoy export",
        configurable=False,
        minimum=1,
    ),
    Option(
        "check",
        OptionGroup.ENVOY,
        "Validate each configuration with the envoy on PATH, and write nothing if it rejects one.",
        type=OptionType.FLAG,
        command="envoy export",
        configurable=False,
    ),
    Option(
        "strict",
        OptionGroup.ENVOY,
        "Write nothing and exit with 65 if a field is refused or changed.",
        type=OptionType.FLAG,
        command="envoy export",
        configurable=False,
    ),
    Option(
        "admin",
        OptionGroup.ENVOY,
        "Address of Envoy's administration interface: unix:PATH, HOST:PORT, or none.",
        "ADDRESS",
        default="none",
        commands=("envoy export", "envoy bootstrap"),
        configurable=False,
    ),
    Option(
        "xds",
        OptionGroup.ENVOY,
        "Address at which Envoys get their configuration: unix:PATH or HOST:PORT. A server may "
        "listen on several.",
        "ADDRESS",
        OptionType.TEXT_LIST,
        commands=("envoy bootstrap", *XDS_COMMANDS),
        configurable=False,
    ),
    Option(
        "xds-cert",
        OptionGroup.ENVOY,
        "With --xds HOST:PORT: file with the certificate, of the proxy or of the server.",
        "FILE",
        commands=("envoy bootstrap", *XDS_COMMANDS),
        configurable=False,
    ),
    Option(
        "xds-key",
        OptionGroup.ENVOY,
        "With --xds HOST:PORT: file with the private key, of the proxy or of the server.",
        "FILE",
        commands=("envoy bootstrap", *XDS_COMMANDS),
        configurable=False,
    ),
    Option(
        "xds-ca",
        OptionGroup.ENVOY,
        "With --xds HOST:PORT: file with the authority that signed the other side's certificate.",
        "FILE",
        commands=("envoy bootstrap", *XDS_COMMANDS),
        configurable=False,
    ),
    *_server_options(
        "envoy serve",
        OptionGroup.ENVOY,
        "Address to serve probes, the list of proxies and metrics on. Default: none.",
        None,
        "read the status and, without --xds-ca, the configuration of every proxy",
    ),
    Option(
        "url",
        OptionGroup.ENVOY,
        "URL of the endpoint that serves the Envoys.",
        "URL",
        default="http://127.0.0.1:8473",
        command="envoy proxies",
    ),
    Option(
        "xds-account",
        OptionGroup.ENVOY,
        "Account of proxies whose node id is not an ARN.",
        "ACCOUNT",
        default="000000000000",
        commands=XDS_COMMANDS,
    ),
    Option(
        "xds-region",
        OptionGroup.ENVOY,
        "Region of proxies whose node id is not an ARN.",
        "REGION",
        default="us-east-1",
        commands=XDS_COMMANDS,
    ),
    Option(
        "files",
        OptionGroup.ENVOY,
        "Directory that envoy export wrote to.",
        "DIR",
        command="envoy bootstrap",
        configurable=False,
    ),
    Option(
        "sds",
        OptionGroup.ENVOY,
        "Add the SDS server, for a proxy whose certificates are secrets.",
        type=OptionType.FLAG,
        command="envoy bootstrap",
        configurable=False,
    ),
    _format_option("status", "Print the status as text or JSON.", "json"),
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
