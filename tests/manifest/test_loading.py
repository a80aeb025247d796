"""From files to desired values: the forms, what all files together show, and how it is said."""

import itertools
import json
import tracemalloc

import pytest
from update_goldens import FIXTURES

from bench.manifests import hostile
from reconciler.core.resources import Desired, Key, Options, Origin, Suspension
from reconciler.manifest.loading import LoadResult, load_manifests
from reconciler.manifest.parsing.diagnostics import Code, Severity, count_severities

NATIVE = "apiVersion: mesh-reconciler/v1\nkind: Mesh\n"
CONTROLLER = "apiVersion: appmesh.k8s.aws/v1beta2\nkind: Mesh\n"


def loaded(text: str, file: str = "m.yaml") -> LoadResult:
    return load_manifests([(file, text.encode())])


def only(text: str, file: str = "m.yaml") -> Desired:
    result = loaded(text, file)
    assert result.diagnostics == ()
    (desired,) = result.desired
    return desired


def complaints(text: str, file: str = "m.yaml") -> list[tuple[str, str, str]]:
    """Return place, code and path of every complaint."""
    return [
        (f"{item.origin.line}:{item.origin.column}", item.code.name, item.path)
        for item in loaded(text, file).diagnostics
    ]


def test_native_mesh_with_everything() -> None:
    desired = only(
        NATIVE + "metadata: {name: payments, tags: {team: core}}\n"
        "reconcile:\n"
        "  protect: true\n"
        "  adopt: false\n"
        "  suspend: {until: 2026-12-01T00:00:00Z, reason: load test}\n"
        "  ignore: [/egressFilter, /a~1b/c]\n"
        "spec: {egressFilter: {type: DROP_ALL}, serviceDiscovery: {ipPreference: IPv4_ONLY}}\n"
    )
    assert desired.key == Key("mesh", ("payments",))
    assert desired.spec == {
        "egressFilter": {"type": "DROP_ALL"},
        "serviceDiscovery": {"ipPreference": "IPv4_ONLY"},
    }
    assert desired.tags == {"team": "core"}
    assert desired.origin == Origin("m.yaml", 3, 18)
    suspend = desired.options.suspend
    assert isinstance(suspend, Suspension)
    assert (suspend.until.isoformat(), suspend.reason) == ("2026-12-01T00:00:00+00:00", "load test")
    assert desired.options == Options(
        protect=True, suspend=suspend, ignore=("/egressFilter", "/a~1b/c")
    )


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("", None),
        ("spec: {}", {}),
        ("spec: {egressFilter: {type: ALLOW_ALL}}", {"egressFilter": {"type": "ALLOW_ALL"}}),
        ("spec: {serviceDiscovery: {}}", {"serviceDiscovery": {}}),
    ],
)
def test_spec_is_handed_on_as_it_was_written(spec: str, expected: object) -> None:
    assert only(f"{NATIVE}metadata: {{name: a}}\n{spec}").spec == expected


@pytest.mark.parametrize(
    "preference", ["IPv6_PREFERRED", "IPv4_PREFERRED", "IPv4_ONLY", "IPv6_ONLY"]
)
def test_every_ip_preference(preference: str) -> None:
    text = (
        f"{NATIVE}metadata: {{name: a}}\nspec: {{serviceDiscovery: {{ipPreference: {preference}}}}}"
    )
    assert only(text).spec == {"serviceDiscovery": {"ipPreference": preference}}


@pytest.mark.parametrize("version", ["v1beta1", "v1beta2"])
def test_controller_mesh(version: str) -> None:
    desired = only(
        f"apiVersion: appmesh.k8s.aws/{version}\nkind: Mesh\n"
        "metadata: {name: in-cluster, annotations: {a: b}, labels: {c: null}}\n"
        "spec:\n"
        "  awsName: in-aws\n"
        "  namespaceSelector: {matchLabels: {mesh: x}}\n"
        "  egressFilter: {type: ALLOW_ALL}\n"
        "  meshServiceDiscovery: {ipPreference: IPv6_ONLY}\n"
        "status: {meshARN: null}\n"
    )
    assert desired.key == Key("mesh", ("in-aws",))
    assert desired.origin == Origin("m.yaml", 5, 12)
    assert desired.spec == {
        "egressFilter": {"type": "ALLOW_ALL"},
        "serviceDiscovery": {"ipPreference": "IPv6_ONLY"},
    }


def test_controller_mesh_without_a_spec_wants_an_empty_one() -> None:
    desired = only(CONTROLLER + "metadata: {name: a}\n")
    assert (desired.key.name, desired.spec, desired.origin.column) == ("a", {}, 18)


def test_only_v1beta1_knows_a_service_discovery_type() -> None:
    rest = "kind: Mesh\nmetadata: {name: a}\nspec: {serviceDiscoveryType: dns}\n"
    assert only(f"apiVersion: appmesh.k8s.aws/v1beta1\n{rest}").spec == {}
    assert complaints(f"apiVersion: appmesh.k8s.aws/v1beta2\n{rest}") == [
        ("4:8", "PRUNED_FIELD", "spec.serviceDiscoveryType")
    ]


def test_what_kubernetes_would_drop_is_a_warning_and_dropped() -> None:
    result = loaded(
        CONTROLLER + "metadata: {name: a, namespace: b, tags: {c: d}}\n"
        "spec: {egresFilter: {type: X}, egressFilter: {type: DROP_ALL, mode: y}}\nother: 1\n"
    )
    assert [(item.code, item.path, item.hint) for item in result.diagnostics] == [
        (Code.NAMESPACE, "metadata.namespace", ""),
        (Code.PRUNED_FIELD, "metadata.tags", ""),
        (Code.PRUNED_FIELD, "spec.egresFilter", "did you mean egressFilter?"),
        (Code.PRUNED_FIELD, "spec.egressFilter.mode", ""),
        (Code.PRUNED_FIELD, "other", ""),
    ]
    assert {item.severity for item in result.diagnostics} == {Severity.WARNING}
    assert result.valid
    assert result.desired[0].spec == {"egressFilter": {"type": "DROP_ALL"}}


def test_kubernetes_drops_no_values() -> None:
    text = CONTROLLER + "metadata: {name: a}\nspec: {egressFilter: 3}\n"
    assert complaints(text) == [("4:22", "WRONG_TYPE", "spec.egressFilter")]


def test_a_mesh_of_another_account_is_not_declared() -> None:
    result = loaded(CONTROLLER + "metadata: {name: a}\nspec: {meshOwner: 123456789012}\n")
    assert (result.desired, result.diagnostics) == ((), ())
    assert result.ignored == {"appmesh.k8s.aws/v1beta2 Mesh of another account": 1}


def test_create_mesh_request() -> None:
    body = {
        "meshName": "a",
        "spec": {"egressFilter": {"type": "DROP_ALL"}},
        "tags": [{"key": "k", "value": ""}],
    }
    desired = only(json.dumps(body), "create.json")
    assert (desired.key.name, desired.spec, desired.tags) == ("a", body["spec"], {"k": ""})
    assert only("meshName: a\n").spec is None


def test_client_token_in_a_request_is_refused() -> None:
    assert complaints("meshName: a\nclientToken: x\n") == [("2:14", "CLIENT_TOKEN", "clientToken")]


def test_request_for_another_kind_says_so_by_its_name() -> None:
    mesh = "meshName: a\n---\n"
    _, desired = loaded(f"{mesh}meshName: a\nvirtualNodeName: b\nspec: {{}}\n").desired
    assert str(desired.key) == "virtual-node/a/b"
    assert desired.origin == Origin("m.yaml", 4, 18)


@pytest.mark.parametrize(
    "list_head",
    ["apiVersion: v1\nkind: List\n", "apiVersion: appmesh.k8s.aws/v1beta2\nkind: MeshList\n"],
)
def test_the_items_of_a_kubernetes_list_are_resources(list_head: str) -> None:
    text = (
        list_head + "items:\n"
        "- {apiVersion: appmesh.k8s.aws/v1beta2, kind: Mesh, metadata: {name: a}}\n"
        "- {apiVersion: v1, kind: Secret, data: &x {}}\n"
        "- {apiVersion: appmesh.k8s.aws/v1beta2, kind: Mesh, metadata: {}}\n"
        "- 3\n"
    )
    result = loaded(text)
    assert [item.key.name for item in result.desired] == ["a"]
    assert result.ignored == {"v1 Secret": 1}
    assert complaints(text) == [
        ("5:40", "ALIAS", "items[1].data"),
        ("6:63", "MISSING_FIELD", "items[2].metadata.name"),
        ("7:3", "UNKNOWN_FORMAT", "items[3]"),
    ]


def test_a_list_without_items_is_no_manifest() -> None:
    assert complaints("apiVersion: v1\nkind: List\n") == [("1:13", "API_VERSION", "apiVersion")]


@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("v1", "Namespace"),
        ("apps/v1", "Deployment"),
        ("kustomize.config.k8s.io/v1beta1", "Kustomization"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("eksctl.io/v1alpha5", "ClusterConfig"),
        ("elbv2.k8s.aws/v1beta1", "TargetGroupBinding"),
        ("kuma.io/v1alpha1", "Mesh"),
        ("networking.istio.io/v1", "VirtualService"),
        ("route.openshift.io/v1", "Route"),
    ],
)
def test_i32_documents_of_others_are_left_alone_and_counted(api_version: str, kind: str) -> None:
    text = f"apiVersion: {api_version}\nkind: {kind}\nmetadata: &a {{x: 1, x: 2}}\nspec: *a\n"
    result = loaded(text)
    assert (result.desired, result.diagnostics) == ((), ())
    assert result.ignored == {f"{api_version} {kind}": 1}


def test_i32_kustomization_needs_no_api_version() -> None:
    assert loaded("resources: [a]\n", "x/kustomization.yaml").diagnostics == ()
    assert complaints("resources: [a]\n") == [("1:1", "UNKNOWN_FORMAT", "")]


def test_a_key_that_decides_the_form_must_not_be_given_twice_even_to_others() -> None:
    text = "apiVersion: apps/v1\nkind: Deployment\nkind: Mesh\n"
    assert complaints(text) == [("3:1", "DUPLICATE_KEY", "kind")]


def test_a_document_of_others_with_too_many_faults_is_not_left_alone() -> None:
    anchors = "".join(f"a{number}: &a 1\n" for number in range(200))
    result = loaded(f"apiVersion: apps/v1\nkind: Deployment\n{anchors}kind: Mesh\n")
    assert not result.valid


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("api_version", "kind"),
    [
        ("mesh-reconciler/v2", "Mesh"),
        ("mesh-reconcilier/v1", "Mesh"),
        ("mesh-reconciler", "Mesh"),
        ("meshreconciler/v1", "Mash"),
        ("appmesh.k8s.aws/v1beta3", "Mesh"),
        ("appmesh.k8s.asw/v1beta2", "Mesh"),
        ("app-mesh.k8s.aws/v1beta2", "VirtualNode"),
        ("apmesh.k8s.aws/v1beta2", "Mash"),
        ("k8s.aws/v1beta2", "Mesh"),
        ("v1", "Mesh"),
        ("v1", "Mehs"),
        ("apps/v1", "Mesh"),
        ("foo/v1", "Bar"),
        ("[v1]", "Mesh"),
        ("null", "Mesh"),
    ],
)
def test_a_mistyped_api_version_is_never_skipped(api_version: str, kind: str) -> None:
    text = f"apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: a}}\n"
    result = loaded(text)
    assert result.ignored == {}
    assert complaints(text) == [("1:13", "API_VERSION", "apiVersion")]


def test_a_mistyped_api_version_names_the_right_one() -> None:
    (item,) = loaded("apiVersion: appmesh.k8s.asw/v1beta2\nkind: Mesh\n").diagnostics
    assert item.hint == "did you mean appmesh.k8s.aws/v1beta2?"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("3\n", [("1:1", "UNKNOWN_FORMAT", "")]),
        ("[]\n", [("1:1", "UNKNOWN_FORMAT", "")]),
        ("&a {*a : 1}\n", [("1:1", "ALIAS", ""), ("1:5", "ALIAS", '["?"]')]),
        ("{}\n", [("1:1", "UNKNOWN_FORMAT", "")]),
        ("kind: Mesh\nmeshName: x\n", [("1:1", "UNKNOWN_FORMAT", "")]),
        ("apiVersion: *x\nkind: Mesh\n", [("1:13", "ALIAS", "apiVersion")]),
        ("apiVersion: mesh-reconciler/v1\n", [("1:1", "MISSING_FIELD", "kind")]),
        ("apiVersion: mesh-reconciler/v1\nkind: null\n", [("2:7", "WRONG_TYPE", "kind")]),
        ("apiVersion: mesh-reconciler/v1\nkind: [Mesh]\n", [("2:7", "WRONG_TYPE", "kind")]),
        ("apiVersion: mesh-reconciler/v1\nkind: *x\n", [("2:7", "ALIAS", "kind")]),
        ("apiVersion: mesh-reconciler/v1\nkind: Mehs\n", [("2:7", "KIND", "kind")]),
        (
            "apiVersion: appmesh.k8s.aws/v1beta1\nkind: VirtualGateway\n",
            [("1:1", "NOT_SUPPORTED", "apiVersion")],
        ),
    ],
)
def test_documents_that_are_no_manifest(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert complaints(text) == expected


def test_a_mistyped_key_of_the_form_gets_a_hint() -> None:
    (item,) = loaded("apiversion: mesh-reconciler/v1\n").diagnostics
    assert item.hint == "did you mean apiVersion?"


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "---\n...\n", "null\n", "~\n---\n"])
def test_i30_a_file_without_a_document_is_refused(text: str) -> None:
    assert complaints(text) == [("1:1", "NO_DOCUMENT", "")]


def test_i30_empty_documents_beside_others_are_skipped() -> None:
    text = f"---\n---\n# nothing\n---\n{NATIVE}metadata: {{name: a}}\n---\n"
    assert only(text).key.name == "a"


def test_i20_a_mesh_declared_twice_names_both_places_in_any_order_of_files() -> None:
    files = [
        ("b.yaml", f"{NATIVE}metadata: {{name: a}}\n".encode()),
        ("a.yaml", f"{NATIVE}metadata:\n  name: a\n".encode()),
        ("c.json", b'{"meshName": "a"}'),
        ("d.json", b'{"meshName": "d"}'),
    ]
    results = {repr(load_manifests(order)) for order in itertools.permutations(files)}
    assert len(results) == 1
    result = load_manifests(files)
    assert [item.key.name for item in result.desired] == ["d"]
    assert [(str(item.origin), item.message) for item in result.diagnostics] == [
        ("b.yaml:3:18", "mesh/a is already declared at a.yaml:4:9"),
        ("c.json:1:14", "mesh/a is already declared at a.yaml:4:9"),
    ]
    assert {item.code for item in result.diagnostics} == {Code.DECLARED_TWICE}


@pytest.mark.parametrize(("one", "other"), [("Mesh", "mesh"), ("caf\u00e9", "cafe\u0301")])
def test_i21_names_that_look_alike_are_two_and_a_warning(one: str, other: str) -> None:
    files = [
        ("a.json", json.dumps({"meshName": one}).encode()),
        ("b.json", json.dumps({"meshName": other}).encode()),
    ]
    result = load_manifests(files)
    assert result.valid
    assert len(result.desired) == 2
    assert [item.code for item in result.diagnostics] == [Code.NEARLY_EQUAL]


def test_i22_the_name_of_the_file_does_not_matter() -> None:
    text = f"{NATIVE}metadata: {{name: a}}\n"
    assert only(text, "x.yaml").key == only(text, "y/z.template").key


def test_all_complaints_come_at_once_and_in_order() -> None:
    good = f"{NATIVE}metadata: {{name: fine}}\n"
    bad = f"{NATIVE}metadata: {{nam: x}}\nspec: {{egressFilter: {{type: ALLOW}}}}\n---\na: [\n"
    result = load_manifests(
        [("b.yaml", bad.encode()), ("c.yaml", good.encode()), ("a.yaml", b"\xff")]
    )
    assert [(str(item.origin), item.code) for item in result.diagnostics] == [
        ("a.yaml:1:1", Code.ENCODING),
        ("b.yaml:3:11", Code.MISSING_FIELD),
        ("b.yaml:3:12", Code.UNKNOWN_FIELD),
        ("b.yaml:4:29", Code.NOT_ALLOWED),
        ("b.yaml:7:1", Code.YAML),
    ]
    assert [item.key.name for item in result.desired] == ["fine"]
    assert not result.valid


def test_an_error_in_the_twelfth_document_of_a_windows_file() -> None:
    documents = [f"{NATIVE}metadata: {{name: m{number}}}\n" for number in range(12)]
    documents[11] = documents[11].replace("name: m11", "name: m11, Tags: {}")
    text = "---\n".join(documents).replace("\n", "\r\n")
    (item,) = load_manifests([("m.yaml", b"\xef\xbb\xbf" + text.encode())]).diagnostics
    assert (item.origin, item.code, item.hint) == (
        Origin("m.yaml", 47, 23),
        Code.UNKNOWN_FIELD,
        "did you mean tags?",
    )
    assert item.excerpt is not None
    assert item.excerpt.text == "metadata: {name: m11, Tags: {}}"


@pytest.mark.parametrize(
    "text",
    [
        "spec: {" + ", ".join(f"k{n}: 1" for n in range(300)) + "}",
        "\n---\n".join(["spec: 1"] * 300),
        "\n".join(["spec: {}"] * 300),
    ],
    ids=["in one mapping", "in many documents", "of one key"],
)
def test_no_more_than_a_hundred_complaints_about_one_file(text: str) -> None:
    result = loaded(f"{NATIVE}metadata: {{name: a}}\n{text}\n")
    assert len(result.diagnostics) == 101
    assert result.diagnostics[0].code is Code.TOO_MANY


@pytest.mark.parametrize(
    ("file", "text", "code"),
    [
        ("m.json", "a: 1", Code.JSON),
        ("m.yaml", '{"meshName": "a"}', None),
        ("-", '{"meshName": 010}', Code.JSON),
        ("-", "{meshName: 010}", None),
        ("m.template", ' [{"meshName": "a"}]', Code.UNKNOWN_FORMAT),
    ],
)
def test_json_is_told_by_its_name_or_its_looks(file: str, text: str, code: Code | None) -> None:
    assert [item.code for item in loaded(text, file).diagnostics] == ([code] if code else [])


def test_i24_a_number_in_json_is_no_text() -> None:
    assert complaints('{"meshName": 5}', "m.json") == [("1:14", "WRONG_TYPE", "meshName")]


def test_codes_are_unique_and_their_titles_too() -> None:
    assert len({code.number for code in Code}) == len({code.title for code in Code}) == len(Code)


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", ["references", "a join", "a state", "faulty pointers", "sections"])
def test_e29_hostile_files_of_any_form_hold_little(name: str) -> None:
    file = hostile(name)
    tracemalloc.start()
    load_manifests([file])
    assert tracemalloc.get_traced_memory()[1] < 32 << 20
    tracemalloc.stop()


@pytest.mark.unmeasured
def test_many_warnings_of_one_kind_are_counted_and_stop_nothing() -> None:
    nodes = "".join(
        f"---\n{NATIVE.replace('Mesh', 'VirtualNode')}metadata: {{name: n{number}, mesh: m}}\n"
        "spec: {backends: [{virtualService: {virtualServiceName: out.example}}]}\n"
        for number in range(150)
    )
    result = loaded(f"{NATIVE}metadata: {{name: m}}\nspec: {{}}\n{nodes}")
    assert (result.valid, len(result.diagnostics)) == (True, 101)
    count = result.diagnostics[0]
    assert (count.code, count.origin.line) == (Code.CUT_OFF, 1)
    assert count.message == "has 50 more diagnostics of this kind"
    assert count_severities(result.diagnostics) == {Severity.WARNING: 150}


def test_more_complaints_than_are_shown_about_a_cluster() -> None:
    routes = ", ".join("{name: a, unheardOf: 1}" for _ in range(150))
    result = loaded(
        "apiVersion: appmesh.k8s.aws/v1beta2\nkind: VirtualRouter\n"
        f"metadata: {{name: a, namespace: b}}\nspec: {{routes: [{routes}]}}\n"
    )
    assert not result.valid
    assert len(result.diagnostics) == 101
    assert [item.code for item in result.diagnostics].count(Code.TOO_MANY) == 1


def test_a_cluster_is_read_the_same_in_any_order_of_files() -> None:
    text = (FIXTURES / "kubernetes/kinds.yaml").read_text("utf-8")
    files = [(f"{number}.yaml", part.encode()) for number, part in enumerate(text.split("\n---\n"))]
    assert load_manifests(files) == load_manifests(reversed(files))
    assert len(load_manifests(files).desired) == 14


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ("Delete", None),
        ("Snapshot", None),
        ("Retain", None),
        ("retain", 'must be Delete, Snapshot, Retain or RetainExceptOnCreate, not "retain"'),
        ("!Ref P", "must be Delete, Snapshot, Retain or RetainExceptOnCreate, not a function"),
        ("[Retain]", "must be Delete, Snapshot, Retain or RetainExceptOnCreate, not a list"),
    ],
)
def test_a_deletion_policy_is_known_or_refused(policy: str, says: str | None) -> None:
    head = "Parameters: {P: {Type: String, Default: Retain}}\nResources:\n  M:\n"
    rest = f"    DeletionPolicy: {policy}\n    Properties: {{MeshName: m}}\n"
    found = loaded(f"{head}    Type: AWS::AppMesh::Mesh\n{rest}", "t.yaml")
    assert [item.message for item in found.diagnostics] == ([says] if says else [])
    if says is None:
        assert found.desired[0].options.protect is (policy == "Retain")
