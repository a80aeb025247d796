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

    ``name`` is its flag without the dashes, ``letter`` its short form. ``own`` names the verb whose
    own option it is; the others are common, offered by ``verbs``. ``standing`` is False for what
    must be said anew with each run, and so has neither variable nor place in the file.
    """

    name: str
    help: str
    metavar: str | None = None
    take: Take = Take.TEXT
    default: Any = None
    own: str | None = None
    verbs: tuple[str, ...] = MESH_VERBS
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int | None = None
    standing: bool = True
    letter: str | None = None

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


def _format(verb: str, what: str, *choices: str) -> Knob:
    return Knob("format", what, own=verb, default="text", choices=("text", *choices))


def _served(verb: str, listen: str, address: str, may: str) -> tuple[Knob, ...]:
    """Return the knobs of a verb that listens, beside those of its own."""
    host = "A name that the Host header may have, beside localhost; repeatable."
    insecure = f"Listen on other than loopback addresses too: whoever reaches it may {may}."
    return (
        Knob("listen", listen, "HOST:PORT", own=verb, default=address),
        Knob("allow-host", host, "NAME", Take.TEXTS, own=verb),
        Knob("insecure", insecure, take=Take.SWITCH, own=verb),
    )


_REVIEWABLE = "as text, JSON or Markdown for a pull request."

KNOBS = (
    Knob("endpoint-url", "URL of an App Mesh API; wins over --target.", "URL", verbs=TARGET_VERBS),
    Knob(
        "target",
        "local, aws, or a name from reconciler.toml.",
        "NAME",
        verbs=("validate", *TARGET_VERBS),
    ),
    Knob("region", "AWS region; default: the SDK's.", "REGION", verbs=TARGET_VERBS),
    Knob("profile", "AWS profile; default: the SDK's.", "NAME", verbs=TARGET_VERBS),
    Knob(
        "allow-insecure-endpoint",
        "Send credentials to http:// URLs of other machines too, unencrypted.",
        take=Take.SWITCH,
        verbs=TARGET_VERBS,
    ),
    Knob(
        "owner",
        "The mark of this source on what it owns; must be said except on the local target.",
        "ID",
        verbs=TARGET_VERBS,
    ),
    Knob(
        "policy",
        "What a run may do; only sync deletes.",
        default="upsert-only",
        choices=POLICIES,
        verbs=(*MESH_VERBS, "release"),
    ),
    Knob("max-deletes", "Over it, nothing is deleted.", "N", Take.COUNT, default=1),
    Knob(
        "max-updates",
        "Over it, nothing is updated: a number or a share such as 30%; run: 30%, at least 3.",
        "N",
    ),
    Knob(
        "allow-empty",
        "A source without any manifest means what it says.",
        take=Take.SWITCH,
        standing=False,
    ),
    Knob("only", "Only these keys; globs; repeatable.", "KEY", Take.TEXTS),
    Knob("except", "All but these keys; globs; repeatable.", "KEY", Take.TEXTS),
    Knob(
        "var",
        "What ${NAME} stands for in manifests, a parameter in templates; repeatable.",
        "NAME=VALUE",
        Take.TEXTS,
        verbs=READING_VERBS,
    ),
    Knob(
        "var-file",
        "A file with a line NAME=VALUE for each variable; repeatable.",
        "FILE",
        Take.TEXTS,
        verbs=READING_VERBS,
    ),
    Knob(
        "var-env",
        "Take variables from the environment too, but for secrets.",
        take=Take.SWITCH,
        verbs=READING_VERBS,
    ),
    Knob(
        "lock",
        "One writer at a time: file:PATH, or dynamodb:TABLE with the partition key LockID.",
        "PLACE",
        Take.LOCK,
        verbs=LOCKING_VERBS,
    ),
    Knob(
        "lock-term",
        "Seconds for which a lock is held unless renewed.",
        "SECONDS",
        Take.SECONDS,
        15.0,
        minimum=1,
        verbs=LOCKING_VERBS,
    ),
    # Each may take a thread, a connection and a place in a pool.
    Knob(
        "parallelism",
        "Calls at a time.",
        "N",
        Take.COUNT,
        10,
        verbs=TARGET_VERBS,
        minimum=1,
        maximum=1000,
    ),
    Knob(
        "color",
        "Colour on a terminal, always or never; NO_COLOR is respected.",
        default="auto",
        choices=("auto", "always", "never"),
        verbs=("validate", *TARGET_VERBS, "show", "status"),
    ),
    Knob(
        "url",
        "Where the daemon serves.",
        "URL",
        default="http://127.0.0.1:9180",
        verbs=(*ASKING_VERBS, "describe"),
    ),
    Knob(
        "token-file",
        "The secret of whoever may ask for a cycle; the daemon makes it.",
        "FILE",
        default=".reconciler/token",
        verbs=("run", "reconcile"),
    ),
    Knob(
        "verbose",
        "Print the number of API calls too; JSON always has it.",
        take=Take.SWITCH,
        verbs=("plan", *WRITING_VERBS, "ci"),
        letter="v",
    ),
    Knob(
        "log-level",
        "How much is logged on stderr; default: warning, in run info.",
        choices=("debug", "info", "warning", "error"),
        verbs=EVERY_VERB,
    ),
    Knob(
        "log-format",
        "Logs as text or as JSON lines.",
        default="text",
        choices=("text", "json"),
        verbs=EVERY_VERB,
    ),
    _format(
        "validate",
        "Complaints as text, JSON, SARIF or GitHub annotations.",
        "json",
        "sarif",
        "github",
    ),
    Knob("strict", "Warnings fail too.", take=Take.SWITCH, own="validate"),
    _format("plan", f"The plan {_REVIEWABLE}", "json", "markdown"),
    Knob("detailed-exitcode", "Exit 2 where changes are pending.", take=Take.SWITCH, own="plan"),
    Knob(
        "out",
        "Save the plan in a file too, for show and apply --plan.",
        "FILE",
        verbs=("plan", "ci"),
        standing=False,
    ),
    Knob(
        "drift",
        "Drift alone; what somebody deleted looks like a new manifest, and is no part of it.",
        take=Take.SWITCH,
        own="plan",
    ),
    _format("show", f"The saved plan {_REVIEWABLE}", "json", "markdown"),
    *(_format(verb, f"The report {_REVIEWABLE}", "json", "markdown") for verb in WRITING_VERBS),
    _format("describe", "The screen as text or JSON.", "json"),
    _format("doctor", "The findings as text or JSON.", "json"),
    Knob(
        "auto-approve",
        "Do not ask; needed where stdin is no terminal.",
        take=Take.SWITCH,
        verbs=WRITING_VERBS,
        standing=False,
    ),
    Knob(
        "plan",
        "Apply this saved plan and nothing else; no manifest is read.",
        "FILE",
        own="apply",
        standing=False,
    ),
    Knob(
        "expect",
        "Apply only a plan with this fingerprint.",
        "FINGERPRINT",
        verbs=("apply", "ci"),
        standing=False,
    ),
    Knob("fail-fast", "Begin nothing new after the first failure.", take=Take.SWITCH, own="apply"),
    Knob(
        "accept-changes",
        "Adopt what the manifest would change too, and change it.",
        take=Take.SWITCH,
        own="adopt",
        standing=False,
    ),
    Knob("to", "Folder to write to; must be said.", "DIR", own="export"),
    Knob("tag", "With this tag; repeatable.", "KEY=VALUE", Take.TEXTS, own="export"),
    Knob(
        "interval",
        "Seconds between two full cycles.",
        "SECONDS",
        Take.SECONDS,
        60.0,
        own="run",
        minimum=1,
    ),
    *_served(
        "run",
        "Address to serve health, metrics and status on.",
        "127.0.0.1:9180",
        "read the status",
    ),
    Knob("once", "One cycle, then exit.", take=Take.SWITCH, own="run", standing=False),
    Knob(
        "data",
        "Folder of the endpoint's data; :memory: for none.",
        "DIR",
        default=".reconciler",
        own="endpoint",
    ),
    Knob(
        "token-retention",
        "Seconds for which client tokens are remembered; 0 is not at all.",
        "SECONDS",
        Take.SECONDS,
        129_600.0,
        own="endpoint",
    ),
    Knob(
        "behaviour",
        "What nobody outside AWS can know, chosen; repeatable.",
        "NAME=VALUE",
        Take.TEXTS,
        own="endpoint",
    ),
    Knob(
        "quotas",
        "Refuse what exceeds an account's default quotas, or nothing.",
        own="endpoint",
        default="none",
        choices=("none", "aws"),
    ),
    Knob("faults", "What to break, as JSON.", "FILE", own="endpoint"),
    *_served("endpoint", "Address to serve on.", "127.0.0.1:8473", "do anything"),
    _format("status", "The status as text or JSON.", "json"),
    Knob(
        "of",
        "What to print the schema of.",
        own="schema",
        default="manifest",
        choices=("manifest", "plan", "report"),
    ),
)
