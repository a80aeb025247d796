"""Every regular expression of the package takes linear time, whatever it is given.

All are module-level constants, so that none escapes; what each is used for says the source.
"""

import ast
import importlib
import json
import pkgutil
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest
from amounts import SEED, amount
from growth import FLOOR, KIB, SIZES, assert_linear, repeated, seconds
from hostile_text import hostile_texts

import reconciler
from reconciler.api import Text
from reconciler.api import load as load_api
from reconciler.core.resources import Key
from reconciler.endpoint.endpoint_errors import InvalidFaultsError
from reconciler.endpoint.faults.fault_list import Faults
from reconciler.source.ignore_rules import InvalidPatternError, parse_rules

pytestmark = pytest.mark.slow

PACKAGE = Path(reconciler.__file__).parent
# Compiles what the API's description holds, and those patterns are collected from there.
DESCRIPTION = "reconciler.api.description"
USES: dict[str, Callable[[re.Pattern[str], str], object]] = {
    "match": lambda pattern, text: pattern.match(text),
    "fullmatch": lambda pattern, text: pattern.fullmatch(text),
    "search": lambda pattern, text: pattern.search(text),
    "findall": lambda pattern, text: pattern.findall(text),
    "finditer": lambda pattern, text: sum(1 for _ in pattern.finditer(text)),
    "split": lambda pattern, text: pattern.split(text),
    "sub": lambda pattern, text: pattern.sub("", text),
}
SLOWEST = 2
SCREENED = amount("hostile texts of a pattern that are screened", test=12, full=1_000)
GLOBS = {"fnmatch", "glob"}


def modules() -> Iterator[ModuleType]:
    yield reconciler
    for found in pkgutil.walk_packages(reconciler.__path__, "reconciler."):
        if not found.name.endswith("__main__"):
            yield importlib.import_module(found.name)


@cache
def tree_of(module: ModuleType) -> ast.Module:
    return ast.parse(Path(str(module.__file__)).read_text("utf-8"))


def patterns_in(value: object) -> Iterator[re.Pattern[str]]:
    """Yield the patterns in a constant: itself, or those of its rows."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from patterns_in(each)


def patterns() -> dict[str, re.Pattern[str]]:
    """Return the patterns of the package by name."""
    found: dict[int, tuple[str, re.Pattern[str]]] = {}
    for module in modules():
        for name, value in vars(module).items():
            for number, each in enumerate(patterns_in(value)):
                own_name = f"{module.__name__}.{name}{f'[{number}]' if number else ''}"
                found.setdefault(id(each), (own_name, each))
    for name, shape in load_api().shapes.items():
        if isinstance(shape, Text) and shape.pattern:
            found[id(shape)] = (f"{DESCRIPTION}:{name}", shape.pattern)
    return dict(found.values())


PATTERNS = patterns()


@cache
def methods_called() -> dict[re.Pattern[str], set[str]]:
    """Return the methods that the package calls of each pattern that has a name of its own."""
    called: dict[re.Pattern[str], set[str]] = {}
    for module in modules():
        for node in ast.walk(tree_of(module)):
            match node:
                case ast.Attribute(value=ast.Name(id=name), attr=method) if method in USES:
                    if isinstance(pattern := vars(module).get(name), re.Pattern):
                        called.setdefault(pattern, set()).add(method)
    return called


# Functions that make a pattern while running: that of a glob, and that of the secrets in use, which
# test_redaction shows to be linear.
MADE_WHILE_RUNNING = {
    "reconciler.core.redaction": "_secrets_pattern",
    "reconciler.source.ignore_rules": "_segment",
}


def test_no_pattern_escapes() -> None:
    strays = []
    for module in modules():
        tree = tree_of(module)
        constants = {
            node
            for it in tree.body
            if isinstance(it, ast.Assign | ast.AnnAssign) and it.value is not None
            for node in ast.walk(it.value)
        }
        made = [
            it
            for it in tree.body
            if isinstance(it, ast.FunctionDef)
            and it.name == MADE_WHILE_RUNNING.get(module.__name__)
        ]
        constants |= {node for it in made for node in ast.walk(it)}
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=name)):
                    is_constant = name == "compile" and node in constants
                    if not is_constant and name != "escape" and module.__name__ != DESCRIPTION:
                        strays.append(f"{module.__name__}:{node.lineno} re.{name}")
                case ast.ImportFrom(module="re" | "regex"):
                    strays.append(f"{module.__name__}:{node.lineno}")
    assert strays == []
    assert len(PATTERNS) > 30


def assert_every_text_is_cheap(
    pattern: re.Pattern[str],
    method: str,
    *,
    texts: int = 1_000,
    screened: int = 8 * KIB,
    sizes: Sequence[int] = SIZES,
    floor: float = FLOOR,
) -> None:
    """Fail if the time for the worst of the hostile texts, found on short ones, is not linear."""

    def work(text: str) -> object:
        return USES[method](pattern, text)

    hostile = hostile_texts(pattern)
    draw = random.Random(f"{SEED} {pattern.pattern!a}")  # noqa: S311  # repeatable, not secret
    chosen = draw.sample(hostile, min(texts, len(hostile)))
    by_time = sorted(chosen, key=lambda text: seconds(work, text.of_size(screened)), reverse=True)
    for worst in by_time[:SLOWEST]:
        assert_linear(work, worst.of_size, sizes=sizes, floor=floor)


@pytest.mark.every_case
@pytest.mark.parametrize("name", sorted(PATTERNS))
def test_e29_every_pattern_is_linear(name: str) -> None:
    pattern = PATTERNS[name]
    in_description = {"fullmatch"} if name.startswith(f"{DESCRIPTION}:") else set()
    # A pattern that the package calls by another name may be used in any way.
    for method in sorted(in_description or methods_called().get(pattern) or USES):
        assert_every_text_is_cheap(pattern, method, texts=SCREENED)


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"\$\{([^}]*)\}", "finditer"),
        (r"Credential=([^/,\s]+)/\d{8}/", "search"),
        (r"\s+$", "sub"),
        (r"(?:a|b)*c", "search"),
        ("<!--.*?-->", "findall"),
    ],
)
def test_a_pattern_that_begins_again_at_each_opener_is_found(pattern: str, method: str) -> None:
    small = (KIB, 2 * KIB, 4 * KIB, 8 * KIB)
    with pytest.raises(AssertionError, match="more than"):
        assert_every_text_is_cheap(
            re.compile(pattern), method, screened=KIB, sizes=small, floor=0.0005
        )


def test_globs_are_matched_where_their_length_is_bounded() -> None:
    users = {
        module.__name__
        for module in modules()
        for node in ast.walk(tree_of(module))
        if (isinstance(node, ast.ImportFrom) and node.module in GLOBS)
        or (isinstance(node, ast.Import) and any(it.name in GLOBS for it in node.names))
    }
    assert users == {
        "reconciler.core.resources",
        "reconciler.endpoint.faults.fault_list",
        "reconciler.source.ignore_rules",
    }


@pytest.mark.parametrize("unit", ["*", "*a", "?", "[a]", "[!a-z]*", "**/"])
def test_any_pattern_of_ignored_files_is_matched_in_linear_time(unit: str) -> None:
    name = "/".join(["a" * 255] * 3)

    def work(pattern: str) -> None:
        # One that is too long is refused.
        with suppress(InvalidPatternError):
            parse_rules([pattern]).ignored_part(name)

    assert_linear(work, lambda size: repeated(unit, size))


@pytest.mark.parametrize("unit", ["[", "*", "*a", "?", "[a]", "[!a-z]*"])
def test_any_glob_is_matched_in_linear_time(unit: str) -> None:
    key = Key("route", ("a" * 255, "a" * 255, "a" * 255))
    assert_linear(key.matches, lambda size: repeated(unit, size))

    def refused(glob: str) -> None:
        for field in ("name", "operation"):
            description = {"faults": [{"fault": "error", field: glob}]}
            with pytest.raises(InvalidFaultsError, match="must have 0 to 255 characters"):
                Faults(json.loads(json.dumps(description)), ["CreateMesh"])

    assert_linear(refused, lambda size: repeated(unit, size))
