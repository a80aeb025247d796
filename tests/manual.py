"""Generates the tables of the manual from the code.

``python tests/manual.py`` rewrites README.md and the pages of docs/ between
``<!-- table: name -->`` and ``<!-- end -->``; a test fails if a table is not up to date.
"""

import ast
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import get_args, get_type_hints

import create_mesh_reference

from reconciler.cli.command_table import COMMANDS
from reconciler.core.exit_codes import ExitCode
from reconciler.core.fleet.fleet_record import FleetRecord
from reconciler.core.fleet.rollout import RolloutRules
from reconciler.core.fleet.rollout_status import rollout_status
from reconciler.core.kinds import KINDS
from reconciler.core.resources import TargetId
from reconciler.core.state.daemon_status import DaemonStatus
from reconciler.core.state.fleet_status import MemberSummary
from reconciler.endpoint import Behavior
from reconciler.envoy.counters import Counters
from reconciler.envoy.metrics import Scrape
from reconciler.manifest.parsing.diagnostics import Code
from reconciler.render.explained.exit_codes import EXIT_CODES
from reconciler.render.explained.page import DIAGNOSTICS
from reconciler.settings.options import ALL_COMMANDS, OPTIONS, TARGET_COMMANDS, Option, OptionType
from reconciler.web.metrics import FleetScrape, Metrics, exposition

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = (README, *sorted(DOCS.rglob("*.md")))
DECISIONS = DOCS / "decisions"
CATALOGUE = Path(__file__).parent / "catalogue.txt"
BEHAVIORS = Path(__file__).parent / "behaviors.txt"
ENVOY_FIELDS = Path(__file__).parent / "envoy" / "fields.txt"
# A status with one API call, so that each metric has a sample.
_STATUS = DaemonStatus(
    TargetId("local", "", None, ""), "", "", 0.0, 60.0, calls={"DescribeMesh": 1}
)
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
    return _TABLE.sub(lambda found: f"{found[1]}{TABLES[found[2]]()}{found[3]}", text)


def tables_in(text: str) -> list[str]:
    """Return the names of the generated tables in a page."""
    return [found[2] for found in _TABLE.finditer(text)]


def rows_of(table: Path) -> list[list[str]]:
    """Return the columns of each row of a table in a text file, without comments."""
    lines = table.read_text("utf-8").splitlines()
    return [line.split(" | ") for line in lines if not line.startswith("#")]


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head, *lines = [f"| {' | '.join(row)} |\n" for row in ((*columns,), *rows)]
    return head + "|---" * (head.count("|") - 1) + "|\n" + "".join(lines)


def _options() -> str:
    return _table(("option", "command", "default", "meaning"), map(_option_row, OPTIONS))


def _option_row(option: Option) -> tuple[str, ...]:
    value = option.metavar or "·".join(option.choices) or _VALUES.get(option.type, "")
    value = "" if option.type is OptionType.FLAG else f" {value}"
    commands = _SETS.get(option.commands) or ", ".join(option.commands)
    default = "" if option.default is None else f"`{option.default}`"
    flag = f"`--{option.name}{value}`" + (f", `-{option.letter}`" if option.letter else "")
    return flag, option.command or commands, default, option.help


def _behaviors() -> str:
    rows = (
        (f"`{name}`", _choices(name.replace("-", "_")), effect, evidence)
        for name, effect, evidence in rows_of(BEHAVIORS)
    )
    return _table(("behavior", "values, default first", "effect", "evidence"), rows)


def _choices(behavior: str) -> str:
    default = getattr(Behavior(), behavior)
    choices = get_args(get_type_hints(Behavior)[behavior])
    if not choices:
        return f"**{default:g}** · any number of seconds"
    return " · ".join([f"**{default}**", *(choice for choice in choices if choice != default)])


def _exit_codes() -> str:
    rows = ((str(int(code)), code.word, code.meaning, EXIT_CODES[code].remedy) for code in ExitCode)
    return _table(("code", "name", "meaning", "what to do"), rows)


def _codes_of_commands() -> str:
    rows = (
        (f"`{name}`", ", ".join(str(int(code)) for code in sorted(command.exit_codes)))
        for name, command in COMMANDS.items()
    )
    return _table(("command", "exit codes"), rows)


def _diagnostics() -> str:
    rows = (
        (code.number, code.title, code.severity.value, DIAGNOSTICS[code].remedy) for code in Code
    )
    return _table(("code", "problem", "severity", "what to do"), rows)


def _uncovered() -> str:
    rows = (row[:3] for row in rows_of(CATALOGUE) if not row[-1].startswith("covered"))
    return _table(("id", "failure", "reason for no test"), rows)


def _kinds() -> str:
    rows = (
        (kind.title, f"`{kind.name}/{'/'.join(_path_of(kind.name))}`", kind.parent or "")
        for kind in KINDS.values()
    )
    return _table(("kind", "key", "parent"), rows)


def _path_of(kind: str) -> tuple[str, ...]:
    parent = KINDS[kind].parent
    name = re.findall("[A-Z][a-z]*", KINDS[kind].title)[-1].upper()
    return (*(_path_of(parent) if parent else ()), name)


def _metrics() -> str:
    of_target, _ = Metrics().exposition(_STATUS, 0.0)
    members = (MemberSummary("host", 0.0, 0, is_self=True),)
    rollout = rollout_status(FleetRecord(), RolloutRules((), 0.0, frozenset(), 1))
    of_fleet, _ = exposition(FleetScrape({}, members, rollout))
    return _metrics_table((of_target + of_fleet).decode())


def _xds_metrics() -> str:
    return _metrics_table(Scrape(Counters(), (), is_current=True, instances_age=0).exposition())


def _metrics_table(text: str) -> str:
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)", text, re.MULTILINE))
    helps = re.findall(r"^# HELP (mesh_reconciler_\S+) (.+)", text, re.MULTILINE)
    rows = (
        (f"`{name}`", types[name], ", ".join(_labels(text, name)), meaning)
        for name, meaning in helps
    )
    return _table(("metric", "type", "labels", "meaning"), rows)


def _labels(text: str, metric: str) -> list[str]:
    found = re.search(rf"^{metric}{{(.+)}}", text, re.MULTILINE)
    return re.findall(r'(\w+)="', found[1]) if found else []


def _decisions() -> str:
    return _table(("date", "decision"), map(_decision_row, sorted(DECISIONS.glob("[0-9]*.md"))))


def _decision_row(page: Path) -> tuple[str, str]:
    title, _, date, *_ = page.read_text("utf-8").splitlines()
    return date, f"[{title.removeprefix('# ')}]({page.name})"


def _layers() -> str:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    pictures = (_picture(it["containers"][0], it["layers"]) for it in contracts if "layers" in it)
    return "```\n" + "\n".join(pictures) + "```\n"


def _picture(container: str, layers: list[str]) -> str:
    """Return the layers of a package as boxes; modules in one box do not import each other."""
    width = max(map(len, layers))
    line = f"+{'-' * (width + 2)}+\n"
    boxes = "".join(f"| {row:<{width}} |\n{line}" for row in layers)
    return f"{container}\n{line}{boxes}"


def _amounts() -> str:
    rows = (
        row
        for file in sorted(Path(__file__).parent.rglob("*.py"))
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        for row in _amounts_at(file.name, node)
    )
    return _table(("tests", "`make test`", "`make full`"), rows)


def _amounts_at(file: str, node: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Yield a row for a call of ``amount``, and for tests marked with ``sample``."""
    match node:
        case ast.Call(
            func=ast.Name("amount"), args=[ast.Constant(str(what))], keywords=[test, full]
        ):
            yield what, ast.unparse(test.value), ast.unparse(full.value)
        case ast.FunctionDef(name=name, decorator_list=decorators):
            for cases in _samples(*decorators):
                yield f"cases of `{name}`", cases, "all"
        case ast.Assign(targets=[ast.Name("pytestmark")], value=marks):
            for cases in _samples(*ast.walk(marks)):
                yield f"cases of each other test of `{file}`", cases, "all"


def _samples(*marks: ast.AST) -> Iterator[str]:
    for mark in marks:
        match mark:
            case ast.Call(func=ast.Attribute(attr="sample"), args=[ast.Constant(cases)]):
                yield str(cases)


def _envoy_fields() -> str:
    rows = (
        (
            "every kind" if kind == "*" else KINDS[kind].title,
            f"`{leaves.replace('[*]', '*').lstrip('*/')}`",
            "none" if effect == "loss" else f"`{effect}`",
            rule,
        )
        for kind, leaves, effect, rule in rows_of(ENVOY_FIELDS)
    )
    return _table(("kind", "fields", "Envoy", "rule"), rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "statements": lambda: create_mesh_reference.tables()[0],
    "errors": lambda: create_mesh_reference.tables()[1],
    "options": _options,
    "behaviors": _behaviors,
    "exit_codes": _exit_codes,
    "codes_of_commands": _codes_of_commands,
    "diagnostics": _diagnostics,
    "uncovered": _uncovered,
    "kinds": _kinds,
    "metrics": _metrics,
    "xds_metrics": _xds_metrics,
    "decisions": _decisions,
    "layers": _layers,
    "amounts": _amounts,
    "envoy_fields": _envoy_fields,
}


if __name__ == "__main__":
    for page in PAGES:
        page.write_text(rewritten(page.read_text("utf-8")), "utf-8")
