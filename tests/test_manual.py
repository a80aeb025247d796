"""The manual says what is so: its tables are the code's, its examples run, its links lead."""

import re
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import fields
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
every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@pytest.mark.unmeasured
@every_page
def test_every_table_is_the_codes_own(page: Path) -> None:
    text = page.read_text("utf-8")
    assert rewritten(text) == text, "python tests/manual.py brings it up to date"
    assert text.count("<!-- table: ") == text.count("<!-- end -->") == len(tables_in(text))


def test_every_table_is_on_one_page() -> None:
    shown = Counter(name for page in PAGES for name in tables_in(page.read_text("utf-8")))
    assert shown == Counter(TABLES.keys())


@every_page
def test_a_page_is_short_and_has_a_title(page: Path) -> None:
    lines = page.read_text("utf-8").splitlines()
    assert len(lines) <= (MAX_README_LINES if page == README else MAX_PAGE_LINES)
    assert lines[0].startswith("# ")
    titles = [line for line in _FENCE.sub("", "\n".join(lines)).splitlines() if line[:2] == "# "]
    assert titles == lines[:1]


@every_page
def test_a_paragraph_is_short(page: Path) -> None:
    paragraphs = _FENCE.sub("", page.read_text("utf-8")).split("\n\n")
    prose = [it.strip() for it in paragraphs if it.strip()[:1] not in "|#<-123456789"]
    assert [it for it in prose if it.count("\n") >= MAX_PARAGRAPH_LINES and "\n- " not in it] == []
    assert [line for it in prose for line in it.splitlines() if len(line) > MAX_LINE] == []


def test_no_paragraph_is_on_two_pages() -> None:
    blocks = Counter(
        block
        for page in PAGES
        for block in {*_FENCE.sub("", page.read_text("utf-8")).split("\n\n")}
        if len(block.split()) > 12
    )
    assert [block for block, times in blocks.items() if times > 1] == []


def test_every_behavior_has_its_row_and_every_row_its_behavior() -> None:
    result = [name for name, *_ in rows_of(BEHAVIORS)]
    assert result == [field.name.replace("_", "-") for field in fields(Behavior)]


@pytest.mark.unmeasured
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
@pytest.mark.parametrize("page", [*PAGES, *BESIDE[:2]], ids=name_of)
def test_every_command_and_option_in_an_example_exists(page: Path) -> None:
    for command, rest in lines_with_commands(page.read_text("utf-8")):
        assert command in COMMANDS, command
        offered = {f"--{option.name}" for option in OPTIONS if option.offered_by(command)}
        assert {*re.findall(r"(?<!\S)--[a-z-]+", rest)} <= {*offered, "--help", "--config"}, rest


@pytest.mark.parametrize("page", [*PAGES, *BESIDE[:2]], ids=name_of)
def test_every_target_of_make_exists(page: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {*re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text("utf-8"), re.MULTILINE)} <= {
        *targets
    }


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


def anchors_of(page: Path) -> set[str]:
    """Return the anchors that a forge makes for the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", it.lower()).strip().replace(" ", "-") for it in headings}


@pytest.mark.parametrize("page", [*PAGES, *BESIDE, ROOT / "deploy" / "README.md"], ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text("utf-8"))
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor:
            assert anchor in anchors_of(target), link


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
