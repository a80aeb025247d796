"""No input gives anything but values or complaints, and no complaint cannot be shown."""

import json
from typing import Any

import pytest
from amounts import amount
from endpoint.samples import NAMES as API_NAMES
from endpoint.samples import SPECS
from hypothesis import given, settings
from hypothesis import strategies as st
from update_goldens import FIXTURES, INPUTS, fixtures

from reconciler.api import load as load_api
from reconciler.core.resources import canonical_json
from reconciler.manifest.loading import LoadResult, load_manifests
from reconciler.manifest.models.value_checks import check_name
from reconciler.render import diagnostic_reports as rendered

# The same inputs in every run: a search that finds something new is for whoever looks for it.
EXAMPLES = amount("examples of each kind of hostile manifest", test=40, full=400)
SEARCH = settings(derandomize=True, deadline=None, database=None)

CONTENTS = [path.read_bytes() for path in fixtures() if path.stat().st_size < 4096]
NAMES = ("m.yaml", "m.json", "m.template", "-", "kustomization.yaml")
PIECES = (
    *("\n", "\r\n", "\r", " ", "  ", "\t", ": ", "- ", "? ", "---\n", "...\n", "#", ", ", "|\n"),
    *("[", "]", "{", "}", '"', "'", "\\", "&a ", "*a", "<<: ", "!Ref ", "!Sub ", "!!str ", "%TAG"),
    *("${STAGE}", "${X:-y}", "$STAGE", "${", "${!x}", "null", "~", "true", "010", "1e9999", ".nan"),
    *("apiVersion: mesh-reconciler/v1\n", "kind: Mesh\n", "metadata:\n", "name: a\n", "spec: {}\n"),
    *("apiVersion: appmesh.k8s.aws/v1beta2\n", "meshName: a\n", "tags: [{key: a, value: b}]\n"),
    *("Resources:\n", "Type: AWS::AppMesh::Mesh\n", "Properties:\n", "MeshName: a\n", "Fn::If: "),
    *("format_version: '1.0'\n", "values:\n", "root_module:\n", "resources:\n", "\ufeff", "\u202e"),
    *("\x00", "\u2028", "\U0001f578", "x" * 300, "[" * 40, "é"),
)
WORDS = (
    *("Ref", "Condition", "Fn::Sub", "Fn::Join", "Fn::GetAtt", "Fn::If", "Fn::FindInMap", "C", "D"),
    *("Fn::Equals", "Fn::And", "Fn::Or", "Fn::Not", "Fn::Base64", "Key", "Value", "EgressFilter"),
    *("virtualServiceRef", "virtualNodeARN", "routes", "awsName", "matchLabels", "backends", "*"),
    *("namespaceSelector", "virtualservices", "operator", "In", "key", "values", "name_b"),
    *("Type", "MeshName", "Spec", "Tags", "name", "spec", "tags", "tags_all", "egress_filter"),
    *("AWS::AppMesh::Mesh", "AWS::NoValue", "AWS::Region", "P", "L", "M", "N", "N.MeshName"),
    *("${P}-${N.MeshName}", "${!a}", "${a}${a}", "DROP_ALL", "a", "", "true", "7"),
)


def check(content: bytes, name: str) -> LoadResult:
    loaded = load_manifests([(name, content)], INPUTS)
    assert rendered.as_json(loaded).isascii()
    assert rendered.sarif(loaded.diagnostics).isascii()
    rendered.github(loaded.diagnostics)
    assert "\x1b" not in rendered.text(loaded.diagnostics, color=False)
    lines = content.count(b"\n") + 1
    assert all(1 <= item.origin.line <= lines for item in loaded.diagnostics)
    assert len({desired.key for desired in loaded.desired}) == len(loaded.desired)
    for desired in loaded.desired:
        assert check_name(desired.key.name)
        assert canonical_json(desired.spec)
        assert 1 <= desired.origin.line <= lines
    return loaded


@given(st.binary(max_size=400), st.sampled_from(NAMES))
@settings(SEARCH, max_examples=EXAMPLES // 2)
def test_any_bytes(content: bytes, name: str) -> None:
    check(content, name)


@given(st.lists(st.sampled_from(PIECES), max_size=40), st.sampled_from(NAMES))
@settings(SEARCH, max_examples=EXAMPLES)
def test_text_that_resembles_manifests(pieces: list[str], name: str) -> None:
    check("".join(pieces).encode(), name)


@pytest.mark.unmeasured
@given(st.data())
@settings(SEARCH, max_examples=EXAMPLES)
def test_manifests_with_something_changed(data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(CONTENTS))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        end = min(len(content), start + data.draw(st.integers(0, 30)))
        other = data.draw(st.sampled_from(PIECES)).encode()
        piece = data.draw(st.sampled_from((b"", other, content[start:end] * 2)))
        content = content[:start] + piece + content[end:]
    check(content, data.draw(st.sampled_from(NAMES)))


TREES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.sampled_from(WORDS), st.none(), st.booleans(), st.integers(-1, 3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=2)
    ),
    max_leaves=12,
)


@pytest.mark.unmeasured
@given(TREES, TREES, TREES, st.sampled_from(("test", "a,b", "")))
@settings(SEARCH, max_examples=EXAMPLES)
def test_templates_of_any_functions(name: Any, rest: Any, condition: Any, default: str) -> None:
    template = {
        "Parameters": {
            "P": {"Type": "String", "Default": default},
            "L": {"Type": "CommaDelimitedList", "Default": default},
        },
        "Mappings": {"a": {"a": {"a": default}}},
        "Conditions": {"C": condition, "D": {"Fn::Not": [{"Condition": "C"}]}},
        "Resources": {
            "M": {"Type": "AWS::AppMesh::Mesh", "Properties": {"MeshName": name, "Spec": rest}},
            "N": {
                "Type": "AWS::AppMesh::Mesh",
                "Condition": "D",
                "Properties": {"MeshName": {"Fn::If": ["C", name, "n"]}, "Tags": rest},
            },
        },
    }
    loaded = check(json.dumps(template, indent=1).encode(), "m.json")
    # Each mesh is asked for, left alone by its condition, or complained about.
    assert not loaded.valid or len(loaded.desired) + sum(loaded.ignored.values()) == 2


@pytest.mark.unmeasured
@given(TREES, TREES, TREES)
@settings(SEARCH, max_examples=EXAMPLES // 2)
def test_states_of_any_values(values: Any, unknown: Any, sensitive: Any) -> None:
    mesh = {"type": "aws_appmesh_mesh", "address": "a", "values": values}
    state = {
        "format_version": "1.0",
        "planned_values": {"root_module": {"resources": [mesh | {"sensitive_values": sensitive}]}},
        "resource_changes": [{"address": "a", "change": {"after_unknown": unknown}}],
    }
    loaded = check(json.dumps(state, indent=1).encode(), "m.json")
    assert not loaded.valid or len(loaded.desired) == 1


KUBERNETES_KINDS = (
    *("Mesh", "VirtualNode", "VirtualRouter", "VirtualService", "VirtualGateway", "GatewayRoute"),
    "BackendGroup",
)


@given(st.sampled_from(KUBERNETES_KINDS), TREES, TREES, TREES)
@settings(SEARCH, max_examples=EXAMPLES)
def test_kubernetes_objects_of_any_values(kind: str, fields: Any, labels: Any, any_: Any) -> None:
    head = {"apiVersion": "appmesh.k8s.aws/v1beta2"}
    mesh = {"kind": "Mesh", "metadata": {"name": "m"}, "spec": {"namespaceSelector": labels}}
    names = {"name": "a", "namespace": "default", "labels": labels}
    spec = {"meshRef": any_, "backendGroups": any_} | (fields if isinstance(fields, dict) else {})
    items = [head | mesh, head | {"kind": kind, "metadata": names, "spec": spec}]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "a", "labels": any_}}
    document = {"apiVersion": "v1", "kind": "List", "items": [namespace, *items]}
    loaded = check(json.dumps(document, indent=1).encode(), "m.json")
    assert not loaded.valid or len(loaded.desired) >= (1 if kind == "BackendGroup" else 2)


@pytest.mark.unmeasured
@given(st.sampled_from(list(SPECS)), st.data())
@settings(SEARCH, max_examples=EXAMPLES)
def test_specs_with_something_changed(kind: str, data: st.DataObject) -> None:
    spec = json.loads(json.dumps(SPECS[kind]))
    places = [spec]
    for place in places:
        inner = place.values() if isinstance(place, dict) else place
        places += [each for each in inner if isinstance(each, dict | list)]
    place = data.draw(st.sampled_from(places))
    step = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else [0]))
    place[step] = data.draw(TREES)
    body = {name: API_NAMES[name] for name in load_api().kinds[kind].path}
    check(json.dumps(body | {"spec": spec}, indent=1).encode(), "m.json")


@pytest.mark.unmeasured
def test_every_fixture_under_every_name() -> None:
    for path in fixtures():
        for name in NAMES:
            check(path.read_bytes(), name)
    assert FIXTURES.is_dir()
