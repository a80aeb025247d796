"""YAML that is safe and exact: what is refused, where, and how scalars are read."""

import tracemalloc

import pytest

from reconciler.manifest.loading import load_manifests
from reconciler.manifest.parsing.decoding import decode
from reconciler.manifest.parsing.nodes import Position, ScalarNode, SourceText, find
from reconciler.manifest.parsing.yaml_parser import parse_yaml, resolve

NATIVE = "apiVersion: mesh-reconciler/v1\nkind: Mesh\n"


def page(text: str) -> SourceText:
    found = decode("m.yaml", text.encode())
    assert isinstance(found, SourceText)
    return found


def complaints(text: str) -> list[tuple[str, str, str]]:
    """Return place, code and message of every complaint of the parser alone."""
    return [
        (f"{item.origin.line}:{item.origin.column}", item.code.name, item.message)
        for document in parse_yaml(page(text))
        for item in document.diagnostics.found
    ]


@pytest.mark.parametrize(
    "name", ["no", "yes", "on", "010", "1:30", "1.0", "true", "123", ".nan", "0x1f", "2026-12-01"]
)
def test_i24_an_unquoted_scalar_where_text_is_meant_is_its_source_text(name: str) -> None:
    text = f"{NATIVE}metadata: {{name: {name}, tags: {{{name}: {name}}}}}\n"
    (desired,) = load_manifests([("m.yaml", text.encode())]).desired
    assert (desired.key.name, desired.tags) == (name, {name: name})


@pytest.mark.unmeasured
@pytest.mark.parametrize("value", ["null", "~", "Null", "NULL", ""])
@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("metadata: {{name: a}}\nspec: {}\n", "spec"),
        ("metadata: {{name: {}}}\n", "metadata.name"),
        ("metadata: {{name: a, tags: {{k: {}}}}}\n", "metadata.tags.k"),
        ("metadata: {{name: a}}\nspec: {{egressFilter: {}}}\n", "spec.egressFilter"),
        ("metadata: {{name: a}}\nreconcile: {{ignore: [{} ,]}}\n", "reconcile.ignore[0]"),
    ],
)
def test_i27_null_is_never_a_value(template: str, path: str, value: str) -> None:
    if "[" in template and not value:
        value = "~"
    result = load_manifests([("m.yaml", (NATIVE + template.format(value)).encode())])
    assert [(item.code.name, item.path) for item in result.diagnostics] == [("NULL", path)]
    assert result.desired == ()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("0", 0),
        ("010", 10),
        ("-7", -7),
        ("+7", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("-.inf", float("-inf")),
        ("1:30", "1:30"),
        ("1_000", "1_000"),
        ("2026-12-01", "2026-12-01"),
        ("0x", "0x"),
        ("-", "-"),
        ("9" * 19, 1e19),
    ],
)
def test_core_schema(text: str, value: object) -> None:
    assert resolve(text) == value
    assert type(resolve(text)) is type(value)


def test_not_a_number_is_a_number_too() -> None:
    assert repr(resolve(".nan")) == "nan"


@pytest.mark.parametrize(
    ("text", "value"), [("'1'", "1"), ('"1"', "1"), ("! 1", "1"), ("!!str 1", "1")]
)
def test_quoted_and_tagged_scalars_are_text(text: str, value: str) -> None:
    (document,) = parse_yaml(page(f"a: {text}\n"))
    assert document.root is not None
    _, node = find(document.root, ("a",))
    assert isinstance(node, ScalarNode)
    assert (node.value, node.unquoted) == (value, False)
    assert document.diagnostics.found == []


@pytest.mark.parametrize(
    "text", ["!!map {a: 1}", "!!seq [a]", "a: [1, {b: c}]", "a:\t1", "? a\n: b"]
)
def test_plain_structures_are_fine(text: str) -> None:
    assert complaints(text) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "a: 1\nb: 2\na: 3\n",
            [("3:1", "DUPLICATE_KEY", "is a duplicate key: first defined on line 1")],
        ),
        (
            "{a: 1, 'a': 2}",
            [("1:8", "DUPLICATE_KEY", "is a duplicate key: first defined on line 1")],
        ),
        (
            "a:\n  b: 1\n  b: 1\n",
            [("3:3", "DUPLICATE_KEY", "is a duplicate key: first defined on line 2")],
        ),
    ],
)
def test_i19_duplicate_keys_are_refused(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert complaints(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &x 1\n", [("1:4", "ALIAS", "YAML anchor &x is not supported")]),
        ("a: *x\n", [("1:4", "ALIAS", "YAML alias *x is not supported")]),
        ("*x : 1\n", [("1:1", "ALIAS", "YAML alias *x is not supported")]),
        ("<<: {a: 1}\n", [("1:1", "ALIAS", "YAML merge key << is not supported")]),
        (
            "a: &x {b: *x}\n",
            [
                ("1:4", "ALIAS", "YAML anchor &x is not supported"),
                ("1:11", "ALIAS", "YAML alias *x is not supported"),
            ],
        ),
    ],
)
def test_i15_aliases_anchors_and_merge_keys_are_refused(
    text: str, expected: list[tuple[str, str, str]]
) -> None:
    assert complaints(text) == expected


def test_a_quoted_merge_key_is_a_key() -> None:
    assert complaints("'<<': 1\n") == []


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("a: !!int 5", "!!int"),
        ("a: !Ref x", "!Ref"),
        ("a: !!python/object/apply:os.system [x]", "!!python/object/apply:os.system"),
        ("a: !!map x", "!!map"),
        ("a: !<tag:example.org,2000:x> 1", "tag:example.org,2000:x"),
    ],
)
def test_e22_tags_are_refused(text: str, tag: str) -> None:
    assert complaints(text) == [("1:4", "TAG", f"YAML tag {tag} is not supported")]


def test_tag_declarations_are_refused() -> None:
    assert complaints("%TAG !a! tag:x\n---\na: 1\n") == [
        ("1:1", "TAG", "is a %TAG directive, which is not supported")
    ]


@pytest.mark.parametrize("text", ["[a]: 1", "{a: b}: 1", "? {a: b}\n: 1", "a: {{ name }}"])
def test_keys_that_are_not_text_are_refused(text: str) -> None:
    assert [code for _, code, _ in complaints(text)] == ["KEY"]


def test_a_merge_key_in_quotation_marks_is_a_key() -> None:
    (document,) = parse_yaml(page('"<<": 1\n'))
    assert document.diagnostics.found == []
    assert document.root is not None
    assert find(document.root, ("<<",))[1] == ScalarNode(Position(1, 7), "1", 1, unquoted=True)


@pytest.mark.parametrize("escape", ["\\x00", "\\e", "\\u202e", "\\u2028", "\\N"])
def test_i17_characters_that_cannot_be_seen_are_refused_when_spelled_out(escape: str) -> None:
    assert [(place, code) for place, code, _ in complaints(f'a: "{escape}"')] == [
        ("1:4", "CHARACTER")
    ]


def test_i09_merge_conflicts_are_named() -> None:
    text = "a: 1\n<<<<<<< HEAD\nb: 2\n=======\nb: 3\n>>>>>>> other\n"
    assert complaints(text) == [("2:1", "YAML", "is an unresolved merge conflict")]


@pytest.mark.parametrize("text", ["a: 100%TAG", "a: =======", "b: |\n  <<<<<<<", "c: '>>>>>>>'"])
def test_signs_of_a_conflict_inside_of_a_line_are_text(text: str) -> None:
    assert complaints(text) == []


def test_i09_a_pointer_to_a_large_file_is_no_manifest() -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:abc\nsize 123\n"
    assert load_manifests([("m.yaml", text.encode())]).diagnostics != ()


@pytest.mark.parametrize(
    ("text", "place"),
    [("a: b: c", "1:5"), ("a: [1, 2", "1:9"), ("a:\n  - b\n c: d", "3:2"), ('a: "b', "1:6")],
)
def test_i01_syntax_errors_have_a_place(text: str, place: str) -> None:
    assert [(where, code) for where, code, _ in complaints(text)] == [(place, "YAML")]


def test_documents_before_a_syntax_error_are_kept() -> None:
    documents = list(parse_yaml(page("a: 1\n---\nb: [\n---\nc: 1\n")))
    assert [document.root is None for document in documents] == [False, True]


def test_a_tab_in_the_indentation_gets_a_hint() -> None:
    (document,) = parse_yaml(page("a:\n\t- b\n"))
    assert document.diagnostics.found[0].hint == "indent with spaces: YAML does not allow tabs here"


def test_i16_nesting_is_limited_where_it_passes_32() -> None:
    assert complaints("[" * 32 + "1" + "]" * 32) == []
    assert complaints("[" * 33 + "1" + "]" * 33) == [
        ("1:34", "DOCUMENT_LIMIT", "is nested more than 32 levels deep")
    ]


def test_nodes_are_counted_up_to_20_000_in_each_document() -> None:
    fine = "[" + "a," * 19_999 + "]"
    assert complaints(f"{fine}\n---\n{fine}") == []
    place = f"1:{2 + 2 * 19_999}"
    message = "is a document of more than 20,000 nodes"
    assert complaints("[" + "a," * 20_000 + "]") == [(place, "DOCUMENT_LIMIT", message)]


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "{",
        "[\n",
        "- ",
        "? ",
        "a,",
        "a: ",
        "[a: ",
        "&a a,",
        "a: 1\n",
        "--- a\n",
        "!!a ",
        "'",
        "%TAG !a! b\n",
    ],
)
def test_i13_hostile_files_cost_little(piece: str) -> None:
    content = ("[" + piece * 65_536)[:65_536].encode()
    tracemalloc.start()
    result = load_manifests([("m.yaml", content)])
    # What it costs in time is a figure of the benchmarks; what it holds is the same everywhere.
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()
    assert not result.valid
