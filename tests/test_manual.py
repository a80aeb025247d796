"""The manual says what is so: its tables are the code's, its examples run, its links lead."""

import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
from conftest import Cli
from examples import check_examples
from manual import BEHAVIORS, DOCS, PAGES, README, ROOT, TABLES, rewritten, rows_of, tables_in
from programs import require_program

from reconciler.cli.command_table import COMMANDS
from reconciler.endpoint import Behavior
from reconciler.settings.options import ALL_COMMANDS, OPTIONS, TARGET_COMMANDS

MAX_README_LINES = 200
MAX_PAGE_LINES = 300
MAX_PARAGRAPH_LINES = 5
MAX_LINE = 110
# Pages beside the manual, whose links are checked too.
BESIDE = (ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md")
OPTIONS_PAGE = (DOCS / "commands.md").read_text("utf-8")
ARCHITECTURE = (DOCS / "architecture.md").read_text("utf-8")
_FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)


def name_of(page: Path) -> str:
    """Return the name of a page for the output of pytest."""
    return str(page.relative_to(ROOT))


EXECUTED = [page for page in PAGES if "<!-- run -->" in page.read_text("utf-8")]
TEXTS = {name_of(page): page.read_text("utf-8") for page in PAGES}
# With those beside the manual that show commands.
SHOWING = {name_of(page): page.read_text("utf-8") for page in (*PAGES, *BESIDE[:2])}


@pytest.mark.unmeasured
def test_every_table_is_the_codes_own() -> None:
    for name, text in TEXTS.items():
        assert rewritten(text) == text, f"{name}: python tests/manual.py brings it up to date"
        assert text.count("<!-- table: ") == text.count("<!-- end -->") == len(tables_in(text))


def test_every_table_is_on_one_page() -> None:
    shown = Counter(name for text in TEXTS.values() for name in tables_in(text))
    assert shown == Counter(TABLES.keys())


def test_a_page_is_short_and_has_a_title() -> None:
    for name, text in TEXTS.items():
        lines = text.splitlines()
        most = MAX_README_LINES if name == name_of(README) else MAX_PAGE_LINES
        assert len(lines) <= most, name
        assert lines[0].startswith("# "), name
        assert [line for line in _FENCE.sub("", text).splitlines() if line[:2] == "# "] == lines[:1]


def test_a_paragraph_is_short() -> None:
    paragraphs = [it for text in TEXTS.values() for it in _FENCE.sub("", text).split("\n\n")]
    prose = [it.strip() for it in paragraphs if it.strip()[:1] not in "|#<-123456789"]
    assert [it for it in prose if it.count("\n") >= MAX_PARAGRAPH_LINES and "\n- " not in it] == []
    assert [line for it in prose for line in it.splitlines() if len(line) > MAX_LINE] == []


def test_no_paragraph_is_on_two_pages() -> None:
    blocks = Counter(
        block
        for text in TEXTS.values()
        for block in {*_FENCE.sub("", text).split("\n\n")}
        if len(block.split()) > 12
    )
    assert [block for block, times in blocks.items() if times > 1] == []


def test_every_behavior_has_its_row_and_every_row_its_behavior() -> None:
    result = [name for name, *_ in rows_of(BEHAVIORS)]
    assert result == [field.name.replace("_", "-") for field in fields(Behavior)]


@pytest.mark.unmeasured
@pytest.mark.every_case
@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_its_help_is_documented_once(command: str, cli: Cli) -> None:
    rows = re.findall(r"^\| `--([a-z-]+)[^|]*\| ([^|]+) \|", OPTIONS_PAGE, re.MULTILINE)
    groups = {"every command": ALL_COMMANDS, "every command with a target": TARGET_COMMANDS}
    documented = [
        name for name, of in rows for part in of.split(", ") if command in groups.get(part, (part,))
    ]
    offered = re.findall(r"^  (?:-v, )?--([a-z-]+)", cli(command, "--help").out, re.MULTILINE)
    # Every command has --config, which is described in the text.
    assert sorted(offered) == sorted([*documented, "config"])
    assert "`--config FILE`" in OPTIONS_PAGE


def test_every_command_is_documented_once() -> None:
    rows = re.findall(r"^\| `reconciler ((?:envoy |notify )?\w+)", OPTIONS_PAGE, re.MULTILINE)
    assert sorted(rows) == sorted(COMMANDS)


def test_every_package_has_its_row_in_the_architecture() -> None:
    rows = re.findall(r"^\| `([a-z_]+)(?:/|\.py)` \|", ARCHITECTURE, re.MULTILINE)
    parts = {it.stem for it in (ROOT / "reconciler").iterdir() if not it.name.startswith("_")}
    assert sorted(rows) == sorted(parts - {"py"})


def test_every_path_in_how_to_add_exists() -> None:
    paths = re.findall(r"`([a-z_]+/[\w./]*)`", (DOCS / "how-to-add.md").read_text("utf-8"))
    bases = (ROOT / "reconciler", ROOT)
    missing = [path for path in paths if not any((base / path).exists() for base in bases)]
    assert missing == ["locks/redis.py"]  # the example


def lines_with_commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield the command and the arguments of each line of a page that runs reconciler."""
    for line in re.findall(r"(?:^|[`$(|] ?|/)reconciler ([a-z][^`\n|#]*)", text, re.MULTILINE):
        words = line.split(" ")
        # A command may have two words.
        number = 2 if " ".join(words[:2]) in COMMANDS else 1
        yield " ".join(words[:number]), " ".join(words[number:])


@pytest.mark.unmeasured
def test_every_command_and_option_in_an_example_exists() -> None:
    for command, rest in chain.from_iterable(map(lines_with_commands, SHOWING.values())):
        assert command in COMMANDS, command
        offered = {f"--{option.name}" for option in OPTIONS if option.offered_by(command)}
        assert {*re.findall(r"(?<!\S)--[a-z-]+", rest)} <= {*offered, "--help", "--config"}, rest


def test_every_target_of_make_exists() -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    for name, text in SHOWING.items():
        named = {*re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)}
        assert named <= {*targets}, name


@pytest.mark.process
def test_make_help_lists_the_targets_with_a_description() -> None:
    require_program("make", purpose="its help")
    # Called by make itself, it would name its directory too.
    command = ["make", "--no-print-directory", "help"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    makefile = (ROOT / "Makefile").read_text("utf-8")
    described = re.findall(r"^([a-z-]+):.*##", makefile, re.MULTILINE)
    assert [line.split()[0] for line in result.stdout.splitlines()] == described


def test_these_pages_are_executed() -> None:
    assert [name_of(page) for page in EXECUTED] == [
        "README.md",
        "docs/origins.md",
        "docs/tutorial.md",
    ]


@pytest.mark.slow
@pytest.mark.sample(1)
@pytest.mark.parametrize("page", EXECUTED, ids=name_of)
def test_the_examples_print_what_they_show(
    page: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_program("git", purpose="the examples of the manual")
    check_examples(page, here, Path(sys.executable).parent, monkeypatch)


@cache
def anchors_of(page: Path) -> set[str]:
    """Return the anchors that a forge makes for the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", it.lower()).strip().replace(" ", "-") for it in headings}


def links() -> Iterator[tuple[Path, str]]:
    """Yield each link to a file or a heading, with its page."""
    for page in (*PAGES, *BESIDE, ROOT / "deploy" / "README.md"):
        text = _FENCE.sub("", page.read_text("utf-8"))
        for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
            yield page, link


def test_every_link_leads_somewhere() -> None:
    for page, link in links():
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        where = f"{name_of(page)}: {link}"
        assert target.exists(), where
        assert target.is_relative_to(ROOT), where
        if anchor:
            assert anchor in anchors_of(target), where


def test_every_page_is_reached_from_the_readme() -> None:
    reached, todo = {README}, [README]
    while todo:
        page = todo.pop()
        for link in re.findall(r"\]\((?!https?:)([^)#\s]+\.md)", page.read_text("utf-8")):
            target = (page.parent / link).resolve()
            if target not in reached:
                reached.add(target)
                todo.append(target)
    assert {*PAGES} <= reached


def test_the_changelog_keeps_its_sections() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    first, *releases = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert first == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", it) for it in releases)
    assert releases[0].startswith(f"[{settings['project']['version']}] - ")
    sections = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert {*re.findall(r"^### (.+)$", text, re.MULTILINE)} <= sections
