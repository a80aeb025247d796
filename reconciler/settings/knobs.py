"""Every knob: its type, unit, default and reason.

A value comes from the flag, else from the variable ``RECONCILER_<OPTION>`` (for a verb's own
option ``RECONCILER_<VERB>_<OPTION>``), else from reconciler.toml, else it is the default here.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any

MESH_VERBS = ("plan", "apply", "ci", "run", "adopt", "describe")
ASKING_VERBS = ("status", "reconcile")
READING_VERBS = ("validate", *MESH_VERBS)
TARGET_VERBS = (*MESH_VERBS, "release", "export", "doctor")
EVERY_VERB = ("validate", *TARGET_VERBS, "show", *ASKING_VERBS, "endpoint", "schema")
# What these are about is said by key; the other verbs that read manifests are told paths.
KEY_VERBS = {"adopt": "KEY…", "release": "KEY…", "export": "[KEY…]", "describe": "KEY"}
WRITING_VERBS = ("apply", "adopt", "release")
LOCKING_VERBS = (*WRITING_VERBS, "ci", "run")
POLICIES = ("observe", "create-only", "upsert-only", "sync")


class Take(Enum):
    """What a knob takes."""

    TEXT = "text"
    COUNT = "count"
    SECONDS = "seconds"
    SWITCH = "switch"
    TEXTS = "texts"
    LOCK = "lock"


def is_lock(text: str) -> bool:
    """Whether ``text`` names a place for a lease: ``file:PATH`` or ``dynamodb:TABLE``."""
    kind, _, place = text.partition(":")
    return kind in ("file", "dynamodb") and bool(place)


@dataclass(frozen=True, slots=True)
class Knob:
    """One option.

    ``name`` is its flag without the dashes. ``own`` names the verb whose own option it is; the
    others are common, offered by ``verbs``. ``standing`` is False for what must be said anew with
    each run, and so has neither variable nor place in the file.
    """

    name: str
    take: Take
    help: str
    default: Any = None
    own: str | None = None
    verbs: tuple[str, ...] = MESH_VERBS
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    minimum: int = 0
    maximum: int | None = None
    standing: bool = True

    @property
    def field(self) -> str:
        """The name under which code knows it."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str | None:
        """The environment variable that sets it."""
        if not self.standing:
            return None
        scope = f"{self.own}_" if self.own else ""
        return f"RECONCILER_{scope}{self.field}".upper()

    def offered_by(self, verb: str) -> bool:
        """Whether ``verb`` has this option."""
        return self.own == verb if self.own else verb in self.verbs


KNOBS = (
    Knob(
        "endpoint-url",
        Take.TEXT,
        "URL of an App Mesh API; wins over --target.",
        metavar="URL",
        verbs=TARGET_VERBS,
    ),
    Knob(
        "target",
        Take.TEXT,
        "local, aws, or a name from reconciler.toml.",
        metavar="NAME",
        verbs=("validate", *TARGET_VERBS),
    ),
    Knob(
        "region",
        Take.TEXT,
        "AWS region; default: the SDK's.",
        metavar="REGION",
        verbs=TARGET_VERBS,
    ),
    Knob(
        "profile", Take.TEXT, "AWS profile; default: the SDK's.", metavar="NAME", verbs=TARGET_VERBS
    ),
    Knob(
        "owner",
        Take.TEXT,
        "The mark of this source on what it owns; must be said except on the local target.",
        metavar="ID",
        verbs=TARGET_VERBS,
    ),
    Knob(
        "policy",
        Take.TEXT,
        "What a run may do; only sync deletes.",
        default="upsert-only",
        choices=POLICIES,
        verbs=(*MESH_VERBS, "release"),
    ),
    Knob("max-deletes", Take.COUNT, "Over it, nothing is deleted.", default=1, metavar="N"),
    Knob(
        "max-updates",
        Take.TEXT,
        "Over it, nothing is updated: a number or a share such as 30%; run: 30%, at least 3.",
        metavar="N",
    ),
    Knob(
        "allow-empty",
        Take.SWITCH,
        "A source without any manifest means what it says.",
        standing=False,
    ),
    Knob("only", Take.TEXTS, "Only these keys; globs; repeatable.", metavar="KEY"),
    Knob("except", Take.TEXTS, "All but these keys; globs; repeatable.", metavar="KEY"),
    Knob(
        "var",
        Take.TEXTS,
        "What ${NAME} stands for in manifests, a parameter in templates; repeatable.",
        verbs=READING_VERBS,
        metavar="NAME=VALUE",
    ),
    Knob(
        "var-file",
        Take.TEXTS,
        "A file with a line NAME=VALUE for each variable; repeatable.",
        verbs=READING_VERBS,
        metavar="FILE",
    ),
    Knob(
        "var-env",
        Take.SWITCH,
        "Take variables from the environment too, but for secrets.",
        verbs=READING_VERBS,
    ),
    Knob(
        "lock",
        Take.LOCK,
        "One writer at a time: file:PATH, or dynamodb:TABLE with the partition key LockID.",
        verbs=LOCKING_VERBS,
        metavar="PLACE",
    ),
    Knob(
        "lock-term",
        Take.SECONDS,
        "Seconds for which a lock is held unless renewed.",
        default=15.0,
        minimum=1,
        verbs=LOCKING_VERBS,
        metavar="SECONDS",
    ),
    Knob(
        "parallelism",
        Take.COUNT,
        "Calls at a time.",
        default=10,
        minimum=1,
        # Each may take a thread, a connection and a place in a pool.
        maximum=1000,
        metavar="N",
        verbs=TARGET_VERBS,
    ),
    Knob(
        "color",
        Take.TEXT,
        "Colour on a terminal, always or never; NO_COLOR is respected.",
        default="auto",
        choices=("auto", "always", "never"),
        verbs=("validate", *TARGET_VERBS, "show", "status"),
    ),
    Knob(
        "url",
        Take.TEXT,
        "Where the daemon serves.",
        default="http://127.0.0.1:9180",
        verbs=(*ASKING_VERBS, "describe"),
        metavar="URL",
    ),
    Knob(
        "token-file",
        Take.TEXT,
        "The secret of whoever may ask for a cycle; the daemon makes it.",
        default=".reconciler/token",
        verbs=("run", "reconcile"),
        metavar="FILE",
    ),
    Knob(
        "log-level",
        Take.TEXT,
        "How much is logged on stderr; default: warning, in run info.",
        choices=("debug", "info", "warning", "error"),
        verbs=EVERY_VERB,
    ),
    Knob(
        "log-format",
        Take.TEXT,
        "Logs as text or as JSON lines.",
        default="text",
        choices=("text", "json"),
        verbs=EVERY_VERB,
    ),
    Knob(
        "format",
        Take.TEXT,
        "Complaints as text, JSON, SARIF or GitHub annotations.",
        own="validate",
        default="text",
        choices=("text", "json", "sarif", "github"),
    ),
    Knob("strict", Take.SWITCH, "Warnings fail too.", own="validate"),
    Knob(
        "format",
        Take.TEXT,
        "The plan as text, JSON or Markdown for a pull request.",
        own="plan",
        default="text",
        choices=("text", "json", "markdown"),
    ),
    Knob("detailed-exitcode", Take.SWITCH, "Exit 2 where changes are pending.", own="plan"),
    Knob(
        "out",
        Take.TEXT,
        "Save the plan in a file too, for show and apply --plan.",
        verbs=("plan", "ci"),
        metavar="FILE",
        standing=False,
    ),
    Knob(
        "drift",
        Take.SWITCH,
        "Drift alone; what somebody deleted looks like a new manifest, and is no part of it.",
        own="plan",
    ),
    *(
        Knob(
            "format",
            Take.TEXT,
            f"The {what} as text, JSON or Markdown for a pull request.",
            own=verb,
            default="text",
            choices=("text", "json", "markdown"),
        )
        for verb, what in (("show", "saved plan"), *((verb, "report") for verb in WRITING_VERBS))
    ),
    *(
        Knob(
            "format",
            Take.TEXT,
            f"The {what} as text or JSON.",
            own=verb,
            default="text",
            choices=("text", "json"),
        )
        for verb, what in (("describe", "screen"), ("doctor", "findings"))
    ),
    Knob(
        "auto-approve",
        Take.SWITCH,
        "Do not ask; needed where stdin is no terminal.",
        verbs=WRITING_VERBS,
        standing=False,
    ),
    Knob(
        "plan",
        Take.TEXT,
        "Apply this saved plan and nothing else; no manifest is read.",
        own="apply",
        metavar="FILE",
        standing=False,
    ),
    Knob(
        "expect",
        Take.TEXT,
        "Apply only a plan with this fingerprint.",
        verbs=("apply", "ci"),
        metavar="FINGERPRINT",
        standing=False,
    ),
    Knob("fail-fast", Take.SWITCH, "Begin nothing new after the first failure.", own="apply"),
    Knob(
        "accept-changes",
        Take.SWITCH,
        "Adopt what the manifest would change too, and change it.",
        own="adopt",
        standing=False,
    ),
    Knob("to", Take.TEXT, "Folder to write to; must be said.", own="export", metavar="DIR"),
    Knob("tag", Take.TEXTS, "With this tag; repeatable.", own="export", metavar="KEY=VALUE"),
    Knob(
        "interval",
        Take.SECONDS,
        "Seconds between two full cycles.",
        own="run",
        default=60.0,
        minimum=1,
        metavar="SECONDS",
    ),
    Knob(
        "listen",
        Take.TEXT,
        "Address to serve health, metrics and status on.",
        own="run",
        default="127.0.0.1:9180",
        metavar="HOST:PORT",
    ),
    Knob(
        "allow-host",
        Take.TEXTS,
        "A name that the Host header may have, beside localhost; repeatable.",
        own="run",
        metavar="NAME",
    ),
    Knob(
        "insecure",
        Take.SWITCH,
        "Listen on other than loopback addresses too: whoever reaches it may read the status.",
        own="run",
    ),
    Knob("once", Take.SWITCH, "One cycle, then exit.", own="run", standing=False),
    Knob(
        "listen",
        Take.TEXT,
        "Address to serve on.",
        own="endpoint",
        default="127.0.0.1:8473",
        metavar="HOST:PORT",
    ),
    Knob(
        "data",
        Take.TEXT,
        "Folder of the endpoint's data; :memory: for none.",
        own="endpoint",
        default=".reconciler",
        metavar="DIR",
    ),
    Knob(
        "token-retention",
        Take.SECONDS,
        "Seconds for which client tokens are remembered; 0 is not at all.",
        own="endpoint",
        default=129_600.0,
        metavar="SECONDS",
    ),
    Knob(
        "behaviour",
        Take.TEXTS,
        "What nobody outside AWS can know, chosen; repeatable.",
        own="endpoint",
        metavar="NAME=VALUE",
    ),
    Knob(
        "quotas",
        Take.TEXT,
        "Refuse what exceeds an account's default quotas, or nothing.",
        own="endpoint",
        default="none",
        choices=("none", "aws"),
    ),
    Knob("faults", Take.TEXT, "What to break, as JSON.", own="endpoint", metavar="FILE"),
    Knob(
        "allow-host",
        Take.TEXTS,
        "A name that the Host header may have, beside localhost; repeatable.",
        own="endpoint",
        metavar="NAME",
    ),
    Knob(
        "insecure",
        Take.SWITCH,
        "Listen on other than loopback addresses too: whoever reaches it may do anything.",
        own="endpoint",
    ),
    Knob(
        "format",
        Take.TEXT,
        "The status as text or JSON.",
        own="status",
        default="text",
        choices=("text", "json"),
    ),
    Knob(
        "of",
        Take.TEXT,
        "What to print the schema of.",
        own="schema",
        default="manifest",
        choices=("manifest", "plan", "report"),
    ),
)
