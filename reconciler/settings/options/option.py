"""One option of the command line: its type, unit, default, help text and group."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

from reconciler.settings.lock_schemes import LOCK_SCHEMES
from reconciler.settings.options.command_sets import MESH_COMMANDS


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
