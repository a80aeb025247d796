"""Every knob: its type, unit, default and reason.

A value comes from the flag, else from the variable ``RECONCILER_<OPTION>`` (for a verb's own
option ``RECONCILER_<VERB>_<OPTION>``), else from reconciler.toml, else it is the default here.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from reconciler.settings.lock_schemes import LOCK_SCHEMES

MESH_COMMANDS = ("plan", "apply", "ci", "run", "adopt", "describe")
DAEMON_CLIENT_COMMANDS = ("status", "reconcile")
SOURCE_COMMANDS = ("validate", *MESH_COMMANDS)
TARGET_COMMANDS = (*MESH_COMMANDS, "release", "export", "doctor")
ALL_COMMANDS = ("validate", *TARGET_COMMANDS, "show", *DAEMON_CLIENT_COMMANDS, "endpoint", "schema")
# What these are about is said by key; the other verbs that read manifests are told paths.
KEY_COMMANDS = {"adopt": "KEY…", "release": "KEY…", "export": "[KEY…]", "describe": "KEY"}
WRITING_COMMANDS = ("apply", "adopt", "release")
LOCKING_COMMANDS = (*WRITING_COMMANDS, "ci", "run")
POLICIES = ("observe", "create-only", "upsert-only", "sync")


class OptionType(Enum):
    """What a knob takes."""

    TEXT = "text"
    COUNT = "count"
    SECONDS = "seconds"
    FLAG = "switch"
    TEXT_LIST = "texts"
    LOCK = "lock"


def is_lock(text: str) -> bool:
    """Whether `text` is a scheme of `LOCK_SCHEMES`, a colon and a location."""
    scheme, _, location = text.partition(":")
    return scheme in LOCK_SCHEMES and bool(location)


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    ``name`` is its flag without the dashes, ``letter`` its short form. ``command`` names the verb whose
    own option it is; the others are common, offered by ``commands``. ``configurable`` is False for what
    must be said anew with each run, and so has neither variable nor place in the file.
    """

    name: str
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

    @property
    def field(self) -> str:
        """The name under which code knows it."""
        return self.name.replace("-", "_")

    @property
    def environment_variable(self) -> str | None:
        """The environment variable that sets it."""
        if not self.configurable:
            return None
        scope = f"{self.command}_" if self.command else ""
        return f"RECONCILER_{scope}{self.field}".upper()

    def offered_by(self, command: str) -> bool:
        """Whether ``command`` has this option."""
        return self.command == command if self.command else command in self.commands


def _format_option(command: str, what: str, *choices: str) -> Option:
    return Option("format", what, command=command, default="text", choices=("text", *choices))


def _server_options(command: str, listen: str, address: str, may: str) -> tuple[Option, ...]:
    """Return the knobs of a verb that listens, beside those of its own."""
    host = "A name that the Host header may have, beside localhost; repeatable."
    insecure = (
        f"Listen on other than loopback addresses too: each client that reaches it may {may}."
    )
    return (
        Option("listen", listen, "HOST:PORT", command=command, default=address),
        Option("allow-host", host, "NAME", OptionType.TEXT_LIST, command=command),
        Option("insecure", insecure, type=OptionType.FLAG, command=command),
    )


_REVIEWABLE = "as text, JSON or Markdown for a pull request."

OPTIONS = (
    Option(
        "endpoint-url",
        "URL of an App Mesh API; wins over --target.",
        "URL",
        commands=TARGET_COMMANDS,
    ),
    Option(
        "target",
        "local, aws, or a name from reconciler.toml.",
        "NAME",
        commands=("validate", *TARGET_COMMANDS),
    ),
    Option("region", "AWS region; default: the SDK's.", "REGION", commands=TARGET_COMMANDS),
    Option("profile", "AWS profile; default: the SDK's.", "NAME", commands=TARGET_COMMANDS),
    Option(
        "allow-insecure-endpoint",
        "Send credentials to http:// URLs of other machines too, unencrypted.",
        type=OptionType.FLAG,
        commands=TARGET_COMMANDS,
    ),
    Option(
        "owner",
        "Owner id written to the tags of managed resources; required unless the target is local.",
        "ID",
        commands=TARGET_COMMANDS,
    ),
    Option(
        "policy",
        "Changes that a run may make; only sync deletes.",
        default="upsert-only",
        choices=POLICIES,
        commands=(*MESH_COMMANDS, "release"),
    ),
    Option(
        "max-deletes",
        "Maximum number of deletes per run; if exceeded, none is made.",
        "N",
        OptionType.COUNT,
        default=1,
    ),
    Option(
        "max-updates",
        "Maximum number of updates per run, or a share such as 30%; if exceeded, none is made; run: 30%, at least 3.",
        "N",
    ),
    Option(
        "allow-empty",
        "Allow a source without manifests to delete everything it owned.",
        type=OptionType.FLAG,
        configurable=False,
    ),
    Option("only", "Only these keys; globs; repeatable.", "KEY", OptionType.TEXT_LIST),
    Option("except", "All but these keys; globs; repeatable.", "KEY", OptionType.TEXT_LIST),
    Option(
        "var",
        "What ${NAME} stands for in manifests, a parameter in templates; repeatable.",
        "NAME=VALUE",
        OptionType.TEXT_LIST,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "var-file",
        "A file with a line NAME=VALUE for each variable; repeatable.",
        "FILE",
        OptionType.TEXT_LIST,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "var-env",
        "Take variables from the environment too, except secrets.",
        type=OptionType.FLAG,
        commands=SOURCE_COMMANDS,
    ),
    Option(
        "lock",
        "Take this lock before writing: file:PATH, or dynamodb:TABLE with the partition key LockID.",
        "PLACE",
        OptionType.LOCK,
        commands=LOCKING_COMMANDS,
    ),
    Option(
        "lock-term",
        "Seconds for which a lock is held unless renewed.",
        "SECONDS",
        OptionType.SECONDS,
        15.0,
        minimum=1,
        commands=LOCKING_COMMANDS,
    ),
    # Each may take a thread, a connection and a place in a pool.
    Option(
        "parallelism",
        "Calls at a time.",
        "N",
        OptionType.COUNT,
        10,
        commands=TARGET_COMMANDS,
        minimum=1,
        maximum=1000,
    ),
    Option(
        "color",
        "Color on a terminal, always or never; NO_COLOR is respected.",
        default="auto",
        choices=("auto", "always", "never"),
        commands=("validate", *TARGET_COMMANDS, "show", "status"),
    ),
    Option(
        "url",
        "Where the daemon serves.",
        "URL",
        default="http://127.0.0.1:9180",
        commands=(*DAEMON_CLIENT_COMMANDS, "describe"),
    ),
    Option(
        "token-file",
        "File with the token that authorizes reconcile; created by the daemon.",
        "FILE",
        default=".reconciler/token",
        commands=("run", "reconcile"),
    ),
    Option(
        "verbose",
        "Print the number of API calls too; JSON always has it.",
        type=OptionType.FLAG,
        commands=("plan", *WRITING_COMMANDS, "ci"),
        letter="v",
    ),
    Option(
        "log-level",
        "How much is logged on stderr; default: warning, in run info.",
        choices=("debug", "info", "warning", "error"),
        commands=ALL_COMMANDS,
    ),
    Option(
        "log-format",
        "Logs as text or as JSON lines.",
        default="text",
        choices=("text", "json"),
        commands=ALL_COMMANDS,
    ),
    _format_option(
        "validate",
        "Diagnostics as text, JSON, SARIF or GitHub annotations.",
        "json",
        "sarif",
        "github",
    ),
    Option("strict", "Warnings fail too.", type=OptionType.FLAG, command="validate"),
    _format_option("plan", f"The plan {_REVIEWABLE}", "json", "markdown"),
    Option(
        "detailed-exitcode",
        "Exit 2 if changes are pending.",
        type=OptionType.FLAG,
        command="plan",
    ),
    Option(
        "out",
        "Save the plan in a file too, for show and apply --plan.",
        "FILE",
        commands=("plan", "ci"),
        configurable=False,
    ),
    Option(
        "drift",
        "Show drift only; a deleted resource counts as a new manifest, not as drift.",
        type=OptionType.FLAG,
        command="plan",
    ),
    _format_option("show", f"The saved plan {_REVIEWABLE}", "json", "markdown"),
    *(
        _format_option(verb, f"The report {_REVIEWABLE}", "json", "markdown")
        for verb in WRITING_COMMANDS
    ),
    _format_option("describe", "The resource as text or JSON.", "json"),
    _format_option("doctor", "The results as text or JSON.", "json"),
    Option(
        "auto-approve",
        "Do not ask for confirmation; required if stdin is not a terminal.",
        type=OptionType.FLAG,
        commands=WRITING_COMMANDS,
        configurable=False,
    ),
    Option(
        "plan",
        "Apply this saved plan and nothing else; no manifest is read.",
        "FILE",
        command="apply",
        configurable=False,
    ),
    Option(
        "expect",
        "Apply only a plan with this fingerprint.",
        "FINGERPRINT",
        commands=("apply", "ci"),
        configurable=False,
    ),
    Option(
        "fail-fast",
        "Begin nothing new after the first failure.",
        type=OptionType.FLAG,
        command="apply",
    ),
    Option(
        "accept-changes",
        "Adopt what the manifest would change too, and change it.",
        type=OptionType.FLAG,
        command="adopt",
        configurable=False,
    ),
    Option("to", "Directory to write to; required.", "DIR", command="export"),
    Option(
        "tag", "With this tag; repeatable.", "KEY=VALUE", OptionType.TEXT_LIST, command="export"
    ),
    Option(
        "interval",
        "Seconds between two full cycles.",
        "SECONDS",
        OptionType.SECONDS,
        60.0,
        command="run",
        minimum=1,
    ),
    *_server_options(
        "run",
        "Address to serve health, metrics and status on.",
        "127.0.0.1:9180",
        "read the status",
    ),
    Option(
        "once", "One cycle, then exit.", type=OptionType.FLAG, command="run", configurable=False
    ),
    Option(
        "data",
        "Directory of the endpoint's data; :memory: keeps data in memory.",
        "DIR",
        default=".reconciler",
        command="endpoint",
    ),
    Option(
        "token-retention",
        "Seconds for which client tokens are remembered; 0 is not at all.",
        "SECONDS",
        OptionType.SECONDS,
        129_600.0,
        command="endpoint",
    ),
    Option(
        "behavior",
        "Select a behavior of the service that is not documented; repeatable.",
        "NAME=VALUE",
        OptionType.TEXT_LIST,
        command="endpoint",
    ),
    Option(
        "quotas",
        "Reject requests over an account's default quotas, or none.",
        command="endpoint",
        default="none",
        choices=("none", "aws"),
    ),
    Option("faults", "Inject these faults, a JSON file.", "FILE", command="endpoint"),
    *_server_options("endpoint", "Address to serve on.", "127.0.0.1:8473", "do anything"),
    _format_option("status", "The status as text or JSON.", "json"),
    Option(
        "of",
        "What to print the schema of.",
        command="schema",
        default="manifest",
        choices=("manifest", "plan", "report"),
    ),
)
