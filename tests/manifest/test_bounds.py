"""What a small source may ask for has its bounds, and each of them says what to do."""

from itertools import count

import pytest
from clocks import SteppingClock

from reconciler import limits
from reconciler.manifest.budget import Budget
from reconciler.manifest.loading import LoadResult, load_manifests
from reconciler.manifest.parsing.diagnostics import Diagnostic

CLUSTER = "---\napiVersion: appmesh.k8s.aws/v1beta2\n"
MESH = f"{CLUSTER}kind: Mesh\nmetadata: {{name: m}}\n"


def loaded(text: str, file: str = "m.yaml") -> LoadResult:
    return load_manifests([(file, text.encode())])


def told(found: LoadResult) -> set[tuple[str, str, str, str]]:
    return {(it.code.name, it.path, it.message, it.hint) for it in found.diagnostics}


def only(found: LoadResult) -> Diagnostic:
    (diagnostic,) = found.diagnostics
    return diagnostic


@pytest.mark.parametrize(
    ("file", "document"),
    [
        ("m.yaml", "---\napiVersion: v1\nkind: Pod\n"),
        ("m.json", '{"apiVersion":"v1","kind":"Pod"}\n'),
    ],
)
def test_the_documents_of_a_file(file: str, document: str) -> None:
    assert loaded(document * limits.MAX_DOCUMENTS, file).valid
    over = only(loaded(document * (limits.MAX_DOCUMENTS + 1), file))
    assert over.code.name == "DOCUMENT_LIMIT"
    assert over.message == "is one of more than 5,000 documents in this file: split the file"
    assert over.origin.line >= limits.MAX_DOCUMENTS


def template(properties: str, count: int, head: str) -> str:
    mesh = "  M{}: {{Type: AWS::AppMesh::Mesh, Properties: {{MeshName: m{}, {}}}}}\n"
    meshes = "".join(mesh.format(number, number, properties) for number in range(count))
    return f"{head}\nResources:\n{meshes}"


@pytest.mark.unmeasured
def test_the_values_that_functions_give() -> None:
    items = 1_000
    head = f"Parameters: {{L: {{Type: CommaDelimitedList, Default: '{'a,' * (items - 1)}a'}}}}"
    fitting = limits.MAX_NODES // 2 // (items + 1)
    within = told(loaded(template("Spec: !Ref L", fitting, head)))
    assert {code for code, *_ in within} == {"WRONG_TYPE"}
    over = told(loaded(template("Spec: !Ref L", fitting + 2, head))) - within
    message = "is one of more than 10,000 function values in this template"
    where = {f"Resources.M{number}.Properties.Spec" for number in (fitting, fitting + 1)}
    assert over == {("FUNCTION", path, message, "") for path in where}


def test_every_value_in_what_a_function_gives_counts() -> None:
    values = ", ".join(f"k{number}: [a]" for number in range(3_000))
    head = f"Conditions: {{C: !Equals [a, a]}}\nMappings: {{a: {{b: {{c: [{{{values}}}]}}}}}}"
    found = told(loaded(template("Spec: !FindInMap [a, b, c]", 8, head)))
    assert "is one of more than 10,000 function values in this template" in {
        each[2] for each in found
    }


def test_the_length_of_a_parameter() -> None:
    head = "Parameters: {{P: {{Type: String, Default: {}}}}}"
    longest, longer = (
        "a" * limits.MAX_VARIABLE_CHARACTERS,
        "a" * (limits.MAX_VARIABLE_CHARACTERS + 1),
    )
    asking = "Tags: [{Key: a, Value: !Ref P}]"
    code, *_ = only(loaded(template(asking, 1, head.format(longest)))).code.name, ""
    assert code == "RESOURCE_TAG"
    over = only(loaded(template(asking, 1, head.format(longer))))
    assert over.message == "needs the parameter P, which is longer than 4,096 characters"


def nodes(number: int, spec: str = "", namespace: str = "d") -> str:
    return "".join(
        f"{CLUSTER}kind: VirtualNode\nmetadata: {{name: n{it}, namespace: {namespace}{it}}}\n"
        f"spec: {{{spec}}}\n"
        for it in range(number)
    )


def test_the_comparisons_of_selectors() -> None:
    terms = ", ".join(f"{{key: k{it}, operator: DoesNotExist}}" for it in range(999))
    selector = f"spec: {{namespaceSelector: {{matchExpressions: [{terms}]}}}}\n"
    fitting = limits.MAX_SELECTIONS // 1_000
    assert loaded(MESH + selector + nodes(fitting)).valid
    over = loaded(MESH + selector + nodes(fitting + 1))
    assert told(over) == {
        (
            "NO_MESH",
            "metadata.name",
            "has no clear Mesh: the source needs more than 100,000 selections",
            "set spec.meshRef.name",
        )
    }
    # One namespace is compared once, whatever is in it.
    assert loaded(MESH + selector + nodes(fitting + 1).replace("d100", "d99")).valid


def selecting(group: str, number: int) -> LoadResult:
    """Return what is loaded where so many nodes select 1,000 services each."""
    services = "".join(
        f"{CLUSTER}kind: VirtualService\nmetadata: {{name: s{it}, namespace: d}}\nspec: {{}}\n"
        for it in range(1_000)
    )
    listed = ", ".join(f"{{name: s{it}}}" for it in range(1_000))
    services += (
        f"{CLUSTER}kind: BackendGroup\nmetadata: {{name: g, namespace: d}}\n"
        f"spec: {{virtualservices: [{listed}]}}\n"
    )
    asking = f"meshRef: {{name: m}}, backendGroups: [{{name: {group}, namespace: d}}]"
    # Each of the services asks for its mesh too, in one namespace.
    return loaded(f"{MESH}spec: {{}}\n{services}{nodes(number, asking)}")


@pytest.mark.unmeasured
@pytest.mark.sample(1)
@pytest.mark.parametrize("group", ["'*'", "g"])
def test_as_many_services_of_groups_as_fit(group: str) -> None:
    assert selecting(group, limits.MAX_SELECTIONS // 1_000).valid


@pytest.mark.sample(1)
@pytest.mark.parametrize("group", ["'*'", "g"])
def test_the_services_of_groups(group: str) -> None:
    over = selecting(group, limits.MAX_SELECTIONS // 1_000 + 1)
    # The services have no provider, which gives many warnings.
    assert {row for row in told(over) if row[0] not in ("UNPROVIDED", "TOO_MANY")} == {
        (
            "NOT_ALLOWED",
            "spec.backendGroups[0]",
            "cannot be expanded: the source needs more than 100,000 selections",
            "use fewer services",
        )
    }


@pytest.mark.unmeasured
def test_finding_the_places_of_diagnostics_counts_no_selection_again() -> None:
    routes = "".join(
        f"{CLUSTER}kind: GatewayRoute\nmetadata: {{name: r{it}, namespace: d, labels: {{g: a}}}}\n"
        "spec: {meshRef: {name: m}, httpRoute: {match: {prefix: /}, action: {target: "
        "{virtualService: {virtualServiceRef: {name: absent}}}}}}\n"
        for it in range(20)
    )
    terms = ", ".join(f"{{key: k{it}, operator: DoesNotExist}}" for it in range(2_999))
    gateway = (
        f"{CLUSTER}kind: VirtualGateway\nmetadata: {{name: g, namespace: d}}\n"
        "spec: {meshRef: {name: m}, namespaceSelector: {}, gatewayRouteSelector: "
        f"{{matchExpressions: [{terms}]}}, "
        "listeners: [{portMapping: {port: 80, protocol: http}}]}\n"
    )
    found = loaded(f"{MESH}spec: {{}}\n{gateway}{routes}")
    assert {it.code.name for it in found.diagnostics} == {"COVERED", "DANGLING"}


def test_what_a_plan_does_not_know_is_looked_through_once() -> None:
    mesh = '{"type": "aws_appmesh_mesh", "address": "a", "values": {"name": "%s"}}'
    unknown = '{"address": "a", "change": {"after_unknown": {"name": true}}}'
    found = loaded(
        f'{{"format_version": "1.0", "planned_values": {{"root_module": {{"resources": '
        f'[{mesh % "a"}, {mesh % "b"}]}}}}, "resource_changes": [{unknown}]}}',
        "m.json",
    )
    assert [it.message for it in found.diagnostics] == ["is known only after terraform apply"]


def test_e29_a_source_that_takes_too_long_is_refused_and_nothing_of_it_is_wanted() -> None:
    files = [(f"{it}.yaml", MESH.replace("m}", f"m{it}}}").encode()) for it in range(9)]
    budget = Budget(SteppingClock(limits.READING_TIMEOUT_SECONDS / 8), lambda: None)
    found = load_manifests(files, check_time=budget.check)
    assert (found.desired, found.valid) == ((), False)
    over = only(found)
    assert over.code.name == "LIMIT"
    assert over.message == "reading the source takes longer than 300 s"
    assert over.hint == "pass a smaller directory, or give the process more CPU"
    assert load_manifests(files, check_time=Budget(SteppingClock(1), lambda: None).check).valid


@pytest.mark.parametrize("slow", range(1, 30))
def test_time_is_looked_at_wherever_it_may_pass(slow: int) -> None:
    route = (
        "---\napiVersion: mesh-reconciler/v1\nkind: VirtualNode\nmetadata: {mesh: m, name: n}\n"
        "spec: {backends: [{virtualService: {virtualServiceName: s}}]}\n"
    )
    files = [("m.yaml", f"{MESH}{nodes(3)}{route}".encode())]
    looks = count(1)

    def check() -> None:
        if next(looks) == slow:
            budget.check()

    budget = Budget(SteppingClock(2 * limits.READING_TIMEOUT_SECONDS), lambda: None)
    found = load_manifests(files, check_time=check)
    assert found.valid == (next(looks) <= slow)


def test_the_beat_goes_on_while_there_is_time() -> None:
    beats: list[None] = []
    budget = Budget(SteppingClock(0.25), lambda: beats.append(None))
    for _ in range(40):
        budget.check()
    assert len(beats) == 10


def test_loops_of_a_template_give_a_limited_number_of_resources() -> None:
    items = ",".join(str(number) for number in range(800))
    inner = "Fn::ForEach::B: [B, !Ref Items, {'R${A}x${B}': {Type: AWS::SNS::Topic}}]"
    text = (
        f"Parameters: {{Items: {{Type: CommaDelimitedList, Default: '{items}'}}}}\n"
        f"Resources:\n  Fn::ForEach::A:\n  - A\n  - !Ref Items\n  - {{{inner}}}\n"
    )
    found = load_manifests([("t.yaml", text.encode())])
    assert not found.valid
    assert [item.message for item in found.diagnostics] == ["gives more than 20,000 nodes"]


def test_a_loop_in_a_loop_is_reported_once() -> None:
    inner = "Fn::ForEach::B: [B, !Ref Unknown, {'R${A}x${B}': {Type: AWS::SNS::Topic}}]"
    text = f"Resources:\n  Fn::ForEach::A:\n  - A\n  - [a, b, c]\n  - {{{inner}}}\n"
    found = load_manifests([("t.yaml", text.encode())])
    (message,) = [item.message for item in found.diagnostics]
    assert message == 'needs "Unknown", which the template does not declare'
