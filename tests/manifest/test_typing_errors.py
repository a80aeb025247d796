"""A typing error in a key never reads as a removal: it is an error, or a warning names it."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from amounts import amount
from update_goldens import FIXTURES, INPUTS, fixtures

from reconciler.core.resources import Key
from reconciler.manifest.loading import LoadResult, load_manifests
from reconciler.manifest.parsing.decoding import decode
from reconciler.manifest.parsing.diagnostics import Diagnostic
from reconciler.manifest.parsing.json_parser import parse_json
from reconciler.manifest.parsing.nodes import (
    InvalidNode,
    ListNode,
    MappingNode,
    Node,
    Position,
    SourceText,
)
from reconciler.manifest.parsing.yaml_parser import parse_yaml

_LETTERS = "abxyzAX_"


def loaded(name: str, content: str) -> LoadResult:
    return load_manifests([(name, content.encode())], INPUTS)


def keys_of(result: LoadResult) -> set[Key]:
    return {desired.key for desired in result.desired}


def keys_in(node: Node | None) -> Iterator[tuple[str, Position]]:
    """Yield each key below ``node`` with its position."""
    if isinstance(node, InvalidNode) and node.expansion:
        ((_, member),) = node.expansion.members.items()
        yield from keys_in(member.value)
    elif isinstance(node, ListNode):
        for item in node.items:
            yield from keys_in(item)
    elif isinstance(node, MappingNode):
        for key, (position, value) in node.members.items():
            yield key, position
            yield from keys_in(value)


def readable_fixtures() -> list[tuple[Path, SourceText, list[tuple[str, Position]]]]:
    """Return the fixtures that declare resources, each with its keys on one line."""
    found = []
    for fixture in fixtures():
        source = decode(fixture.name, fixture.read_bytes())
        if isinstance(source, Diagnostic) or not loaded(fixture.name, source.text).valid:
            continue
        parse = parse_json if fixture.suffix == ".json" else parse_yaml
        keys = [pair for document in parse(source) for pair in keys_in(document.root)]
        found.append((fixture, source, keys))
    return found


def with_typing_error(
    source: SourceText, key: str, position: Position, numbers: random.Random
) -> tuple[str, str]:
    """Return the text with one wrong, missing, additional or swapped letter in a key."""
    start = sum(len(line) + 1 for line in source.lines[: position.line - 1]) + position.column - 1
    start = source.text.index(key, start)
    at = numbers.randrange(len(key))
    wrong = numbers.choice(
        [
            key[:at] + numbers.choice(_LETTERS) + key[at + 1 :],
            key[:at] + key[at + 1 :],
            key[:at] + numbers.choice(_LETTERS) + key[at:],
            key[:at] + key[at + 1 : at + 2] + key[at] + key[at + 2 :],
            key[:at] + key[at].swapcase() + key[at + 1 :],
        ]
    )
    return wrong, source.text[:start] + wrong + source.text[start + len(key) :]


def test_a_typing_error_in_a_key_never_removes_a_resource_in_silence() -> None:
    numbers = random.Random(20)  # noqa: S311  # the same errors each time
    sample = readable_fixtures()
    assert len(sample) > 20
    tried = 0
    for _ in range(amount("typing errors in keys of fixtures", test=60, full=2_000)):
        fixture, source, keys = numbers.choice(sample)
        if not keys:
            continue
        key, position = numbers.choice(keys)
        wrong, text = with_typing_error(source, key, position, numbers)
        before, after = loaded(fixture.name, source.text), loaded(fixture.name, text)
        named = {
            item.origin.line
            for item in after.diagnostics
            if wrong and wrong in f"{item.path}{item}"
        }
        if after.valid and not named and wrong != key:
            missing = keys_of(before) - keys_of(after)
            assert not missing, f"{fixture}: {key} -> {wrong} removes {missing}"
        tried += 1
    assert tried > 50


@pytest.mark.parametrize("fixture", ["near-misses.yaml"])
def test_each_near_miss_is_an_error(fixture: str) -> None:
    """Each document of the file, alone, blocks the directory; the last is of another tool."""
    content = (FIXTURES / "neighbors" / fixture).read_text("utf-8")
    *documents, neighbor = content.split("---\n")
    for document in documents:
        assert not loaded("m.yaml", document).valid, document
    assert loaded("m.yaml", neighbor).ignored == {"m.yaml": 1}
