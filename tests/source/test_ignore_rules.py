"""Patterns of ignored files read as git reads them, and take no long time."""

import random
import subprocess
import time
from pathlib import Path

import pytest
from amounts import amount
from hypothesis import given
from hypothesis import strategies as st
from programs import require_program
from repository import git

from reconciler import limits
from reconciler.source.ignore_rules import InvalidPatternError, parse_rules


@pytest.mark.parametrize(
    ("patterns", "ignored", "kept"),
    [
        ("*.json", ["a.json", "d/a.json"], ["a.yaml", "a.json.yaml"]),
        ("charts/", ["charts/a.yaml", "d/charts/b/a.yaml"], ["charts"]),
        ("/a.yaml", ["a.yaml"], ["d/a.yaml"]),
        ("d/a.yaml", ["d/a.yaml"], ["e/d/a.yaml", "a.yaml"]),
        ("**/d/a.yaml", ["d/a.yaml", "e/f/d/a.yaml"], ["d/e/a.yaml"]),
        ("d/**/a.yaml", ["d/a.yaml", "d/e/f/a.yaml"], ["a.yaml", "e/d/a.yaml"]),
        ("d/**", ["d/a.yaml", "d/e/f"], ["d", "e/d/a.yaml"]),
        ("**", ["a", "d/a"], []),
        ("a**b", ["axyb", "d/ab"], ["a/b"]),
        ("*.yaml\n!keep.yaml", ["a.yaml"], ["keep.yaml", "d/keep.yaml"]),
        ("d/\n!d/keep.yaml", ["d/keep.yaml"], ["keep.yaml"]),
        ("# comment\n\n \r\n", [], ["# comment", " "]),
        ("\\#a\n\\!b\n\\*c\n\\[d\n\\e", ["#a", "!b", "*c", "[d", "e"], ["xc", "\\e"]),
        ("a?[b-d][!x][^y]", ["aqbzz"], ["a/bzz", "aqbxz", "aqbzy"]),
        ("[]]a", ["]a"], ["a"]),
        ("a  \nb\\ \nc\\\\ ", ["a", "b ", "c\\"], ["a  ", "b", "c\\ "]),
        ("A.yaml", ["A.yaml"], ["a.yaml"]),
    ],
)
def test_patterns(patterns: str, ignored: list[str], kept: list[str]) -> None:
    rules = parse_rules(patterns.split("\n"))
    assert [path for path in ignored if rules.ignored_part(path) is None] == []
    assert [path for path in kept if rules.ignored_part(path) is not None] == []


def test_the_outermost_ignored_directory_is_the_ignored_part() -> None:
    rules = parse_rules(["charts", "*.json"])
    assert rules.ignored_part("a/charts/b/charts/c.json") == "a/charts/"
    assert rules.ignored_part("a/b.json") == "a/b.json"
    assert (rules + parse_rules(["!charts"])).ignored_part("charts/c.yaml") is None


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("/", "an empty name between slashes"),
        ("!", "an empty name between slashes"),
        ("a//b", "an empty name between slashes"),
        ("a\\", "ends with a backslash"),
        ("[a", "is not a supported pattern"),
        ("[[:alpha:]]", "is not a supported pattern"),
        ("[a\\]]", "is not a supported pattern"),
    ],
)
def test_an_invalid_pattern_has_its_line(pattern: str, message: str) -> None:
    with pytest.raises(InvalidPatternError, match=message) as raised:
        parse_rules(["a", pattern])
    assert raised.value.line == 2


def test_patterns_are_limited() -> None:
    with pytest.raises(InvalidPatternError, match="the limit of 200 patterns") as raised:
        parse_rules(["a"] * (limits.MAX_IGNORE_PATTERNS + 1))
    assert raised.value.line == 201


def test_the_length_of_a_pattern_is_limited() -> None:
    longest = "*" * limits.MAX_IGNORE_PATTERN_CHARACTERS
    assert parse_rules([longest]).ignores("a", is_directory=False)
    with pytest.raises(InvalidPatternError, match=r"is longer than 4,096 characters") as raised:
        parse_rules(["a", f"{longest}*"])
    assert raised.value.line == 2


@pytest.mark.parametrize("pattern", ["*a" * 100 + "b", "**/a/" * 60 + "b", "[a-b]*" * 60 + "c"])
def test_no_pattern_takes_long(pattern: str) -> None:
    rules = parse_rules([pattern])
    began = time.process_time()
    for path in ("a" * 255, "/".join(["a"] * 2_000)):
        assert rules.ignores(path, is_directory=False) is False
    assert time.process_time() - began < 1


_NAMES = ("a", "b", "ab", "a.b", "a b", "[a]", "*", "\\a", "#a", "!a", "a-b")
_PIECES = ("a", "b", ".", "*", "**", "?", "/", "[ab]", "[!a]", "[^b]", "[a-b]", "\\", " ", "!", "#")


@pytest.mark.unmeasured
@pytest.mark.process
def test_they_read_as_those_of_git(tmp_path: Path) -> None:
    require_program("git", purpose="its reading of patterns is compared")
    git(tmp_path, "init", "--quiet")
    numbers = random.Random(20)  # noqa: S311  # the same patterns each time
    paths = sorted({"/".join(numbers.choices(_NAMES, k=numbers.randint(1, 3))) for _ in range(400)})
    # A path must not be both a file and a directory.
    paths = [path for path in paths if not any(it.startswith(f"{path}/") for it in paths)]
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    compared = 0
    for _ in range(amount("sets of patterns compared with git", test=60, full=2_000)):
        lines = ["".join(numbers.choices(_PIECES, k=numbers.randint(1, 6))) for _ in range(3)]
        try:
            rules = parse_rules(lines)
        except InvalidPatternError:
            continue
        (tmp_path / ".gitignore").write_text("\n".join([*lines, "!.gitignore"]))
        shown = subprocess.run(
            ["git", "-C", str(tmp_path), "ls-files", "-z", "--others", "--exclude-standard"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        kept = sorted({*shown.split("\0")} - {"", ".gitignore"})
        assert kept == sorted(p for p in paths if rules.ignored_part(p) is None), lines
        compared += 1
    assert compared > 10


@given(st.text(alphabet="ab*?[]!^\\/ #-", max_size=12), st.text(alphabet="ab/", min_size=1))
def test_any_text_is_a_pattern_or_an_error(line: str, path: str) -> None:
    try:
        rules = parse_rules([line])
    except InvalidPatternError:
        return
    rules.ignored_part(path)
