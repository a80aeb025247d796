"""Variables: what is replaced, from what alone, and how a value that is missing is told."""

from typing import Any

import pytest

from reconciler import limits
from reconciler.core.errors import UsageError
from reconciler.manifest.inputs import Inputs
from reconciler.manifest.loading import LoadResult, load_manifests
from reconciler.manifest.parsing.variables import (
    from_environment,
    parse_pairs,
    parse_variables_file,
)

NATIVE = "apiVersion: mesh-reconciler/v1\nkind: Mesh\n"
GIVEN = {
    "NAME_": "x",
    "NAME": "payments",
    "EMPTY": "",
    "YES": "true",
    "NULL": "null",
    "ASKING": "${NAME}",
}


def loaded(text: str, file: str = "m.yaml") -> LoadResult:
    return load_manifests([(file, text.encode())], Inputs(GIVEN))


def name_of(text: str) -> str:
    result = loaded(f"{NATIVE}metadata:\n  name: {text}\n")
    assert result.diagnostics == ()
    return result.desired[0].key.name


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("${NAME}", "payments"),
        ("$NAME", "payments"),
        ("'$NAME'", "payments"),
        ("a-${NAME}-${NAME}", "a-payments-payments"),
        ("${OTHER:-mine}", "mine"),
        ("${NAME:-mine}", "payments"),
        ("${EMPTY:-mine}", "mine"),
        ("a${OTHER:-}", "a"),
        ("a${OTHER:-b:-c}", "ab:-c"),
        ("$YES", "true"),
        ("$NULL", "null"),
        ("a.$NAME.b-$NAME$NAME", "a.payments.b-paymentspayments"),
        ("$NAME${NAME}", "paymentspayments"),
        ("${YES}NAME", "trueNAME"),
        ("$NAME_", "x"),
    ],
)
def test_what_is_replaced(text: str, name: str) -> None:
    assert name_of(text) == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${OTHER}", "uses the variable OTHER, which has no value"),
        ("a-$OTHER.b", "uses the variable OTHER, which has no value"),
        ("$OTHER", "uses the variable OTHER, which has no value"),
        ("x${}", 'contains "${}", which is not a variable'),
        ("${A B}", 'contains "${A B}", which is not a variable'),
        ("'${A:-${NAME}}'", 'contains "${A:-${NAME}", which is not a variable'),
        ("${A:?no}", 'contains "${A:?no}", which is not a variable'),
    ],
)
def test_i27_what_cannot_be_replaced_is_pointed_at(text: str, message: str) -> None:
    result = loaded(f"{NATIVE}metadata:\n  name: {text}\n")
    (item,) = result.diagnostics
    assert (item.code.name, item.path, item.message) == ("VARIABLE", "metadata.name", message)
    assert (item.origin.line, item.origin.column) == (4, 9)
    assert result.desired == ()


def test_a_missing_variable_gets_a_hint() -> None:
    hints = [
        loaded(f"{NATIVE}metadata: {{name: ${name}}}\n").diagnostics[0].hint
        for name in ("NAMES", "ZONE")
    ]
    assert hints == ["did you mean NAME?", "pass --var ZONE=VALUE"]


@pytest.mark.parametrize("text", ["${ASKING}", "${ASKING:-x}"])
def test_a_value_cannot_ask_for_another(text: str) -> None:
    (item,) = loaded(f"{NATIVE}metadata: {{name: '{text}'}}\n").diagnostics
    assert item.message == "contains a placeholder that was not replaced"


def test_every_string_value_is_replaced_and_no_key() -> None:
    result = loaded(
        f"{NATIVE}metadata: {{name: $NAME, tags: {{a: '${{NAME}}'}}}}\n"
        "reconcile: {ignore: ['/${NAME}'], suspend: {until: 2026-12-01T00:00:00Z, reason: $NAME}}\n"
        "spec: {egressFilter: {type: '${FILTER:-DROP_ALL}'}}\n"
    )
    (desired,) = result.desired
    assert (desired.tags, desired.options.ignore) == ({"a": "payments"}, ("/payments",))
    assert desired.options.suspend is not None
    assert desired.options.suspend.reason == "payments"
    assert desired.spec == {"egressFilter": {"type": "DROP_ALL"}}
    (item,) = loaded(f"{NATIVE}metadata: {{name: a, tags: {{'$NAME': b}}}}\n").diagnostics
    assert item.message == 'must not contain "$"'


def test_the_kind_may_be_a_variable_but_never_the_api_version() -> None:
    text = "apiVersion: mesh-reconciler/v1\nkind: ${KIND:-Mesh}\nmetadata: {name: a}\n"
    assert loaded(text).valid
    (item,) = loaded(text.replace("mesh-reconciler/v1", "${V:-mesh-reconciler/v1}")).diagnostics
    assert item.code.name == "API_VERSION"


@pytest.mark.parametrize(
    ("value", "codes"), [("$YES", []), ("'$YES'", ["WRONG_TYPE"]), ("$NULL", ["WRONG_TYPE"])]
)
def test_an_unquoted_value_is_read_as_if_it_stood_there(value: str, codes: list[str]) -> None:
    result = loaded(f"{NATIVE}metadata: {{name: a}}\nreconcile: {{protect: {value}}}\n")
    assert [item.code.name for item in result.diagnostics] == codes
    assert [item.options.protect for item in result.desired] == [True] * (not codes)


def test_in_json_a_value_is_text() -> None:
    assert loaded('{"meshName": "a-$NAME", "x": 1}', "m.json").valid is False
    assert loaded('{"meshName": "$NAME"}', "m.json").desired[0].key.name == "payments"
    head = '{"apiVersion": "mesh-reconciler/v1", "kind": "Mesh", "metadata": {"name": "a"}, '
    (item,) = loaded(head + '"reconcile": {"protect": "$YES"}}', "m.json").diagnostics
    assert item.message == 'must be true or false, not "true"'


def test_a_dollar_that_is_spelled_out_counts_too() -> None:
    assert name_of('"\\x24{NAME}"') == "payments"


def test_what_a_cluster_keeps_for_itself_is_not_looked_at() -> None:
    result = loaded(
        "apiVersion: appmesh.k8s.aws/v1beta2\nkind: Mesh\n"
        "metadata: {name: '${NAME}', annotations: {a: '${X}'}, labels: {b: '${X}'}}\n"
        "spec: {namespaceSelector: {matchLabels: {mesh: '${NAME}'}}}\nstatus: {c: $X}\n"
    )
    assert result.diagnostics == ()
    assert result.desired[0].key.name == "payments"


def test_documents_of_others_are_not_looked_at() -> None:
    assert loaded("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: '${X}'}\n").valid


def test_a_small_file_cannot_ask_for_a_large_text() -> None:
    text = f"{NATIVE}metadata: {{name: '{'${LONG}' * 3}'}}\n"
    result = load_manifests(
        [("m.yaml", text.encode())],
        Inputs({"LONG": "x" * (limits.MAX_VARIABLE_CHARACTERS // 2)}),
    )
    (item,) = result.diagnostics
    assert item.message == "is longer than 4,096 characters after its variables are replaced"


def test_pairs() -> None:
    assert parse_pairs(["A=1", "B=a=b", "C=", "A=2", "AWS::Region=eu-west-1"]) == {
        "A": "2",
        "B": "a=b",
        "C": "",
        "AWS::Region": "eu-west-1",
    }


@pytest.mark.parametrize("pair", ["A", "=1", "1A=1", "A B=1", "A.=1", ""])
def test_pairs_that_are_none(pair: str) -> None:
    with pytest.raises(UsageError, match=r"^--var takes NAME=VALUE, not "):
        parse_pairs([pair])


def test_a_file_of_variables() -> None:
    content = (
        b"\xef\xbb\xbf# of the test stage\r\n\r\nA=1\r\n B = two words # no comment \r\n"
        b"C=\"quoted\"\nD=' '\nE='\nF=${A}\nG=\n"
    )
    assert parse_variables_file("v", content) == {
        "A": "1",
        "B": "two words # no comment",
        "C": "quoted",
        "D": " ",
        "E": "'",
        "F": "${A}",
        "G": "",
    }


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"A=1\nB\n", "v:2: must be NAME=VALUE; a name has letters, digits and _"),
        (b"A: 1\n", "v:1: must be NAME=VALUE; a name has letters, digits and _"),
        (b"A=1\n\nA=2\n", "v:3: A is already defined above"),
        (b"A=1\nB=\xff\n", "v:2:3: is not valid UTF-8: byte 0xff is invalid"),
    ],
)
def test_a_file_of_variables_that_is_none(content: bytes, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_variables_file("v", content)
    assert str(raised.value) == message


def test_the_environment_gives_no_secrets() -> None:
    environment = {"STAGE": "test", "AWS_SECRET_ACCESS_KEY": "x", "GITHUB_TOKEN": "x", "a.b": "x"}
    assert from_environment(environment) == {"STAGE": "test"}


NODE = (
    "apiVersion: mesh-reconciler/v1\nkind: VirtualNode\nmetadata: {name: n, mesh: m}\n"
    "spec:\n  serviceDiscovery: {dns: {hostname: n.example}}\n  listeners: "
)
LISTENER = "{portMapping: {port: 80, protocol: http}}"


def with_yaml(text: str, **in_yaml: str) -> LoadResult:
    inputs = Inputs({"PORT": "80"}, yaml_variables=in_yaml)
    return load_manifests([("m.yaml", f"{NODE}{text}\n".encode())], inputs)


@pytest.mark.parametrize(
    ("text", "value", "ports"),
    [
        ("[${L}]", LISTENER, [80]),
        ("[ $L ]", f"[{LISTENER}]", [80]),
        ('["${L}"]', f"- {LISTENER}\n- {LISTENER}", [80, 80]),
        ("\n  - ${L}", LISTENER, [80]),
        ("[${L}, {portMapping: {port: 81, protocol: tcp}}]", "[]", [81]),
        ("[{portMapping: {port: 81, protocol: tcp}}, ${L}]", LISTENER, [81, 80]),
    ],
)
def test_yaml_replaces_an_item_of_a_list(text: str, value: str, ports: list[int]) -> None:
    result = with_yaml(text, L=value)
    assert result.valid
    spec: Any = result.desired[0].spec
    assert [listener["portMapping"]["port"] for listener in spec["listeners"]] == ports


def test_errors_in_replaced_yaml_are_at_its_placeholder() -> None:
    _, item = with_yaml("[${L}]", L="{portMapping: {port: 80, protocol: smtp}}").diagnostics
    assert (item.path, item.origin.line) == ("spec.listeners[0].portMapping.protocol", 6)
    assert item.origin.column == 15
    assert item.excerpt is not None
    assert item.excerpt.text == "  listeners: [${L}]"


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        ("[${L}]", "[a", "whose value is not valid YAML: did not find expected"),
        ("[${L}]", "&a b", "whose value YAML anchor &a is not supported"),
        ("[${L}]", "a\n---\nb", "whose value has 2 YAML documents instead of one"),
        ("[${L}]", "", "whose value has 0 YAML documents instead of one"),
        ("${L}", LISTENER, "whose YAML may only replace an item of a list"),
        ("['a${L}']", LISTENER, "whose YAML may only replace an item of a list"),
        ("[${M}]", LISTENER, "is not valid YAML"),
    ],
)
def test_yaml_that_cannot_be_used_is_an_error(text: str, value: str, message: str) -> None:
    found = [item for item in with_yaml(text, L=value).diagnostics if message in item.message]
    assert len(found) == 1


def test_only_var_yaml_is_read_as_yaml() -> None:
    assert not with_yaml("['${PORT}']").valid
    text = f"[{{portMapping: {{port: $PORT, protocol: http}}}}, '${{PORT:-{LISTENER}}}']"
    assert not with_yaml(text).valid


def test_a_placeholder_in_a_tag_is_no_list_item() -> None:
    text = "apiVersion: mesh-reconciler/v1\nkind: Mesh\nmetadata: {name: a, tags: {b: '$L'}}\n"
    result = load_manifests([("m.yaml", text.encode())], Inputs(yaml_variables={"L": "[]"}))
    assert [item.code.name for item in result.diagnostics] == ["VARIABLE"]


def test_a_small_file_cannot_ask_for_many_nodes() -> None:
    value = f"[{','.join(['a'] * 2_000)}]"
    found = with_yaml(f"[{','.join(['$L'] * 11)}]", L=value).diagnostics
    message = f"adds more than {limits.MAX_NODES:,} nodes to its document"
    assert any(message in item.message for item in found)
