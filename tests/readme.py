"""Generates the tables of the README from the code.

``python tests/readme.py`` rewrites README.md between ``<!-- table: name -->`` and
``<!-- end -->``; a test fails if a table is not up to date.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_type_hints

import create_mesh_reference

from reconciler.core.exit_codes import ExitCode
from reconciler.endpoint import Behavior
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.settings.options import ALL_COMMANDS, OPTIONS, TARGET_COMMANDS, Option, OptionType

README = Path(__file__).parent.parent / "README.md"
CATALOGUE = Path(__file__).parent / "catalogue.txt"
BEHAVIORS = Path(__file__).parent / "behaviors.txt"
_TABLE = re.compile(r"(<!-- table: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SETS = {
    ALL_COMMANDS: "every command",
    TARGET_COMMANDS: "every command with a target",
    ("validate", *TARGET_COMMANDS): "validate, every command with a target",
}
_VALUES = {
    OptionType.COUNT: "N",
    OptionType.SECONDS: "SECONDS",
    OptionType.TEXT: "TEXT",
    OptionType.TEXT_LIST: "TEXT",
}


def rewritten(text: str) -> str:
    """Return ``text`` with all generated tables updated."""
    tables = {
        "statements": create_mesh_reference.tables()[0],
        "errors": create_mesh_reference.tables()[1],
        "options": _options(),
        "behaviors": _behaviors(),
        "exit_codes": _exit_codes(),
        "diagnostics": _diagnostics(),
        "uncovered": _uncovered(),
    }
    return _TABLE.sub(lambda found: f"{found[1]}{tables[found[2]]}{found[3]}", text)


def rows_of(table: Path) -> list[list[str]]:
    """Return the columns of each row of a table in a text file, without comments."""
    lines = table.read_text("utf-8").splitlines()
    return [line.split(" | ") for line in lines if not line.startswith("#")]


def _options() -> str:
    head = "| option | command | default | meaning |\n|---|---|---|---|\n"
    return head + "".join(_option_row(option) for option in OPTIONS)


def _option_row(option: Option) -> str:
    value = "" if option.type is OptionType.FLAG else f" {option.metavar or _VALUES[option.type]}"
    commands = _SETS.get(option.commands) or ", ".join(option.commands)
    choices = f" One of {', '.join(option.choices)}." if option.choices else ""
    default = "" if option.default is None else f"`{option.default}`"
    flag = f"`--{option.name}{value}`" + (f", `-{option.letter}`" if option.letter else "")
    return f"| {flag} | {option.command or commands} | {default} | {option.help}{choices} |\n"


def _behaviors() -> str:
    head = "| behavior | values, default first | effect | evidence |\n|---|---|---|---|\n"
    return head + "".join(
        f"| `{name}` | {_choices(name.replace('-', '_'))} | {effect} | {evidence} |\n"
        for name, effect, evidence in rows_of(BEHAVIORS)
    )


def _choices(behavior: str) -> str:
    default = getattr(Behavior(), behavior)
    choices = get_args(get_type_hints(Behavior)[behavior])
    if not choices:
        return f"**{default:g}** · any number of seconds"
    return " · ".join([f"**{default}**", *(choice for choice in choices if choice != default)])


def _exit_codes() -> str:
    return "| code | name | meaning |\n|---|---|---|\n" + "".join(
        f"| {int(code)} | {code.word} | {code.meaning} |\n" for code in ExitCode
    )


def _diagnostics() -> str:
    return "| code | problem | severity |\n|---|---|---|\n" + "".join(_diagnostic_rows())


def _diagnostic_rows() -> Iterator[str]:
    for code in Code:
        yield f"| {code.number} | {code.title} | {code.severity.value} |\n"


def _uncovered() -> str:
    result = [
        f"| {row[0]} | {row[1]} | {row[2]} |\n"
        for row in rows_of(CATALOGUE)
        if not row[-1].startswith("covered")
    ]
    return "| id | failure | reason for no test |\n|---|---|---|\n" + "".join(result)


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text("utf-8")), "utf-8")
