"""What documents say of each other: the place of each complaint, and all of them in one run."""

import json
from itertools import combinations
from typing import Any

import pytest

from reconciler.manifest.loading import LoadResult, load_manifests
from reconciler.manifest.parsing.diagnostics import Code, Diagnostic

SHOP = """\
kind: Mesh
metadata: {name: shop}
spec: {egressFilter: {type: DROP_ALL}}
---
kind: VirtualNode
metadata: {name: checkout, mesh: shop}
spec:
  listeners: [{portMapping: {port: 8080, protocol: http}}]
  serviceDiscovery: {dns: {hostname: checkout.internal}}
  backends: [{virtualService: {virtualServiceName: stock.local}}]
---
kind: VirtualNode
metadata: {name: stock, mesh: shop}
spec:
  listeners:
  - {portMapping: {port: 8080, protocol: http}}
  - {portMapping: {port: 8081, protocol: grpc}}
  serviceDiscovery: {dns: {hostname: stock.internal}}
---
kind: VirtualRouter
metadata: {name: edge, mesh: shop}
spec: {listeners: [{portMapping: {port: 80, protocol: http}}]}
---
kind: Route
metadata: {name: all, mesh: shop, virtualRouter: edge}
spec:
  httpRoute:
    match: {prefix: /}
    action: {weightedTargets: [{virtualNode: checkout, weight: 1}]}
---
kind: VirtualService
metadata: {name: shop.local, mesh: shop}
spec: {provider: {virtualRouter: {virtualRouterName: edge}}}
---
kind: VirtualService
metadata: {name: stock.local, mesh: shop}
spec: {provider: {virtualNode: {virtualNodeName: stock}}}
---
kind: VirtualGateway
metadata: {name: front, mesh: shop}
spec: {listeners: [{portMapping: {port: 80, protocol: http}}]}
---
kind: GatewayRoute
metadata: {name: in, mesh: shop, virtualGateway: front}
spec:
  httpRoute:
    match: {prefix: /}
    action: {target: {virtualService: {virtualServiceName: shop.local}}}
""".replace("kind:", "apiVersion: mesh-reconciler/v1\nkind:")

# Each is in a document of its own, and leaves all lines where they are.
SPEC_FAULTS = {
    "mesh": ("type: DROP_ALL", "type: DROP"),
    "node": ("hostname: stock.internal", "hostname: stock.internal, ipv: 4"),
    "router": ("{name: edge, mesh: shop}", "{name: edge, mesh: shop, team: a}"),
    "service": ("virtualNodeName: stock}", "virtualNodeName: stock, port: 1}"),
    "gateway": ("{name: front, mesh: shop}", "{name: front, mesh: shop, tags: []}"),
}
REFERENCE_FAULTS = {
    "backend": ("virtualServiceName: stock.local", "virtualServiceName: sock.local"),
    "target": ("virtualNode: checkout", "virtualNode: chekout"),
    "parent": ("virtualRouter: edge", "virtualRouter: egde"),
    "provider": ("virtualRouterName: edge", "virtualRouterName: egde"),
    "target service": ("virtualServiceName: shop.local", "virtualServiceName: ship.local"),
}
NAME_FAULTS = {
    "unset": ("{name: stock, mesh", '{name: "${NAME}", mesh'),
    "missing": ("{name: edge,", "{nane: edge,"),
    "not valid": ("{name: stock.local,", "{name: stock/local,"),
    "given twice": ("{name: stock, mesh", "{name: stock, name: store, mesh"),
    "mesh": ("metadata: {name: shop}", "metadata: [shop]"),
    "kind": ("kind: VirtualGateway", "kind: VirtualGatewai"),
    "document": ("metadata: {name: front", "metadata: {name: [front"),
}

Said = set[tuple[str, str, str]]


def said(loaded: LoadResult) -> Said:
    return {(item.code.number, str(item.origin), item.path) for item in loaded.diagnostics}


def shop_with(*faults: tuple[str, str]) -> LoadResult:
    text = SHOP
    for before, after in faults:
        assert text.count(before) == 1
        text = text.replace(before, after)
    return load_manifests([("shop.yaml", text.encode())])


def marked(item: Diagnostic) -> str:
    assert item.excerpt is not None
    return item.excerpt.text[item.excerpt.offset : item.excerpt.offset + item.excerpt.width]


def test_a_source_that_fits_itself_has_no_complaint() -> None:
    assert said(shop_with()) == set()


ALL_FAULTS = SPEC_FAULTS | {f"reference {name}": it for name, it in REFERENCE_FAULTS.items()}


@pytest.mark.unmeasured
@pytest.mark.parametrize("pair", [*combinations(ALL_FAULTS, 2)], ids=" and ".join)
def test_two_faults_are_reported_in_one_run_and_nothing_besides(pair: tuple[str, str]) -> None:
    entry, other = (ALL_FAULTS[name] for name in pair)
    alone = said(shop_with(entry)) | said(shop_with(other))
    if "mesh" in pair:
        # Whether a mesh drops traffic to other names is not known while its spec is wrong.
        alone = {item for item in alone if item[0] != "MR066"}
    assert said(shop_with(entry, other)) == alone


@pytest.mark.parametrize("name", NAME_FAULTS)
def test_what_cannot_be_read_is_not_reported_as_missing(name: str) -> None:
    loaded = shop_with(NAME_FAULTS[name])
    assert loaded.diagnostics
    codes = {item.code.number for item in loaded.diagnostics}
    assert not any(code.startswith("MR06") for code in codes), loaded.diagnostics


@pytest.mark.unmeasured
@pytest.mark.parametrize(
    ("name", "hidden"),
    [
        ("unset", {"target"}),
        ("given twice", {"target"}),
        ("missing", {"parent", "provider"}),
        ("not valid", {"backend", "target service"}),
    ],
)
def test_a_name_that_cannot_be_read_hides_its_own_kind_alone(name: str, hidden: set[str]) -> None:
    unnamed = said(shop_with(NAME_FAULTS[name]))
    for reference, fault in REFERENCE_FAULTS.items():
        found = said(shop_with(NAME_FAULTS[name], fault))
        assert found == unnamed | (set() if reference in hidden else said(shop_with(fault)))


def test_two_documents_of_one_key_are_reported_though_one_is_not_valid() -> None:
    router = "{name: edge, mesh: shop}"
    twice = ("kind: VirtualGateway\nmetadata: {name: front, mesh: shop}",
             f"kind: VirtualRouter\nmetadata: {router[:-1]}, team: a}}")  # fmt: skip
    codes = {item.code.number for item in shop_with(twice).diagnostics}
    # What was the gateway is missed by its route.
    assert codes == {"MR022", "MR040", "MR060"}


def test_a_spec_that_an_error_may_have_cut_is_not_held_against_others() -> None:
    listeners = "{listeners: [{portMapping: {port: 80, protocol: http}}]}\n---"
    router = f"edge, mesh: shop}}\nspec: {listeners}"
    twice = router.replace("]}\n---", "], listeners: []}\n---")
    assert {item.code.number for item in shop_with((router, twice)).diagnostics} == {"MR015"}


SPEC = {
    "httpRoute": {
        "match": {"prefix": "/"},
        "action": {"weightedTargets": [{"virtualNode": "nowhere", "weight": 1}]},
    }
}
ROUTE: dict[str, Any] = {"meshName": "m", "virtualRouterName": "r", "routeName": "x", "spec": SPEC}
CLOUDFORMATION = """
Parameters:
  Node: {Type: String, Default: nowhere}
Resources:
  Mesh: {Type: "AWS::AppMesh::Mesh", Properties: {MeshName: m}}
  Router:
    Type: AWS::AppMesh::VirtualRouter
    Properties: {MeshName: m, VirtualRouterName: r, Spec: {Listeners: []}}
  Route:
    Type: AWS::AppMesh::Route
    Properties:
      MeshName: m
      VirtualRouterName: r
      RouteName: x
      Spec:
        TcpRoute:
          Action:
            WeightedTargets:
            - Fn::If: [Never, {}, !Ref "AWS::NoValue"]
            - VirtualNode: !Sub "${Node}"
              Weight: 1
Conditions:
  Never: !Equals [a, b]
"""
KUBERNETES = """
apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: m}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualRouter
metadata: {name: r, namespace: n}
spec:
  listeners: [{portMapping: {port: 80, protocol: tcp}}]
  routes:
  - name: x
    tcpRoute: {action: {weightedTargets: [{virtualNodeRef: {name: nowhere}, weight: 1}]}}
"""
TERRAFORM = {
    "format_version": "1.0",
    "values": {
        "root_module": {
            "resources": [
                {"address": "m", "type": "aws_appmesh_mesh", "values": {"name": "m", "spec": []}},
                {
                    "address": "r",
                    "type": "aws_appmesh_virtual_router",
                    "values": {"name": "r", "mesh_name": "m", "spec": [{"listener": []}]},
                },
                {
                    "address": "x",
                    "type": "aws_appmesh_route",
                    "values": {
                        "name": "x",
                        "mesh_name": "m",
                        "virtual_router_name": "r",
                        "spec": [
                            {
                                "tcp_route": [
                                    {
                                        "action": [
                                            {
                                                "weighted_target": [
                                                    {"virtual_node": "nowhere", "weight": 1}
                                                ]
                                            }
                                        ]
                                    }
                                ]
                            }
                        ],
                    },
                },
            ]
        }
    },
}
REQUESTS = [
    {"meshName": "m"},
    {"meshName": "m", "virtualRouterName": "r", "spec": {"listeners": []}},
    ROUTE,
]
IN_EACH_FORM = {
    "request": (
        "\n---\n".join(map(json.dumps, REQUESTS)),
        "spec.httpRoute.action.weightedTargets[0].virtualNode",
    ),
    "cloudformation": (
        CLOUDFORMATION,
        "Resources.Route.Properties.Spec.TcpRoute.Action.WeightedTargets[0].VirtualNode",
    ),
    "kubernetes": (
        KUBERNETES,
        "spec.routes[0].tcpRoute.action.weightedTargets[0].virtualNodeRef",
    ),
    "terraform": (
        json.dumps(TERRAFORM, indent=1),
        "values.root_module.resources[2].values.spec[0].tcp_route[0].action[0].weighted_target[0]",
    ),
}


@pytest.mark.parametrize("form", IN_EACH_FORM)
def test_the_place_is_that_of_the_wrong_reference_in_each_form(form: str) -> None:
    text, path = IN_EACH_FORM[form]
    loaded = load_manifests([("m.json" if form == "terraform" else "m.yaml", text.encode())])
    (item,) = (it for it in loaded.diagnostics if it.code is Code.DANGLING)
    assert item.path.startswith(path)
    assert marked(item) in ("nowhere", '"nowhere"', '!Sub "${Node}"')
    assert "/x refers to virtual-node/m/nowhere" in item.message


ROUTER = "edge, mesh: shop}\nspec: {listeners: [{portMapping: {port: 80, protocol: http}}"
PLACES = {
    "chekout": ("virtualNode: checkout", "virtualNode: chekout"),
    "egde": ("virtualRouter: edge", "virtualRouter: egde"),
    "egdes": ("virtualRouterName: edge", "virtualRouterName: egdes"),
    "sock.local": ("virtualServiceName: stock.local", "virtualServiceName: sock.local"),
    "httpRoute": (ROUTER, ROUTER.replace("http}", "http2}")),
    "81": ("virtualNode: checkout, weight", "virtualNode: checkout, port: 81, weight"),
}


@pytest.mark.parametrize("under", PLACES)
def test_the_caret_is_under_what_is_wrong(under: str) -> None:
    (item,) = shop_with(PLACES[under]).diagnostics
    assert marked(item) == under


def test_a_missing_port_is_looked_for_where_it_belongs() -> None:
    another = ", {portMapping: {port: 81, protocol: http}}"
    route, through_gateway = shop_with((ROUTER, f"{ROUTER}{another}")).diagnostics
    assert (route.code.number, route.path) == ("MR062", "spec.httpRoute.match.port")
    assert route.message == (
        "route/shop/edge/all must match a port because virtual-router/shop/edge has 2 listeners"
    )
    assert (route.hint, marked(route)) == ("set it to 80 or 81", "{")
    assert through_gateway.path == "spec.httpRoute.action.target.port"
    assert str(through_gateway.origin) == "shop.yaml:57:22"


def test_a_source_of_which_files_are_missing_lacks_nothing() -> None:
    text = SHOP.replace("virtualNode: checkout", "virtualNode: elsewhere").encode()
    assert load_manifests([("shop.yaml", text)], complete=False).diagnostics == ()
    assert len(load_manifests([("shop.yaml", text)]).diagnostics) == 1


def test_the_backends_of_a_group_are_placed_at_their_node() -> None:
    group = """
apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: m}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: BackendGroup
metadata: {name: g, namespace: n}
spec: {virtualservices: [{name: nowhere}]}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata: {name: a, namespace: n}
spec: {backendGroups: [{name: g}]%s}
"""
    for more, path in (("", "spec.backends"), (", backends: []", "spec.backends")):
        (item,) = load_manifests([("m.yaml", (group % more).encode())]).diagnostics
        assert (item.code.number, item.path) == ("MR066", path)
        assert "backend nowhere.n" in item.message
    # A group that cannot be read is not missing.
    hidden = (group % "").replace("kind: BackendGroup", "kind: BackendGroups")
    assert [it.code.number for it in load_manifests([("m.yaml", hidden.encode())]).diagnostics] == [
        "MR032"
    ]


def test_a_mesh_that_cannot_be_read_is_not_asked_for() -> None:
    node = """
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualNode
metadata: {name: a, namespace: n}
spec: {}
"""
    alone = load_manifests([("n.yaml", node.encode())])
    assert [item.code.number for item in alone.diagnostics] == ["MR041"]
    with_mesh = load_manifests([("m.yaml", b"a: [1"), ("n.yaml", node.encode())])
    assert [item.code.number for item in with_mesh.diagnostics] == ["MR012"]
    # That it belongs to no mesh is said together with what else is wrong with it.
    wrong = load_manifests([("n.yaml", node.replace("spec: {}", "spec: {listeners: 1}").encode())])
    assert {item.code.number for item in wrong.diagnostics} == {"MR023", "MR041"}


def test_one_wrong_reference_given_twice_is_reported_in_both_places() -> None:
    target = "{virtualNode: gone, weight: 1}"
    fault = ("[{virtualNode: checkout, weight: 1}]", f"[{target}, {target}]")
    assert [item.path for item in shop_with(fault).diagnostics] == [
        f"spec.httpRoute.action.weightedTargets[{index}].virtualNode" for index in (0, 1)
    ]


def test_a_document_with_too_many_faults_is_read_again_as_far_as_the_first_time() -> None:
    head = "apiVersion: appmesh.k8s.aws/v1beta2\nkind: %s\nmetadata: {name: %s, namespace: n}\n"
    unknown = ", ".join(f"f{number}: 1" for number in range(200))
    wrong = f"{head % ('VirtualNode', 'b')}spec: {{meshRef: {{name: m}}, {unknown}}}\n"
    node = f"{head % ('VirtualNode', 'a')}spec: {{meshRef: {{name: m}}}}\n"
    # What is declared twice is reported in this file, of which that is too much to show.
    files = [("b.yaml", f"{wrong}---\n{node}".encode()), ("a.yaml", node.encode())]
    found = load_manifests(files).diagnostics
    assert {item.code.number for item in found} == {"MR049", "MR051"}


CLUSTER = """\
apiVersion: v1
kind: Namespace
metadata: {name: pay, labels: {mesh: shop}}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: shop}
spec: {namespaceSelector: {matchLabels: {mesh: shop}}}
---
apiVersion: appmesh.k8s.aws/v1beta2
kind: VirtualRouter
metadata: {name: METADATA, namespace: pay}
spec: {AWS_NAME listeners: [{portMapping: {port: 80, protocol: http}}]}
"""


@pytest.mark.parametrize(
    ("metadata", "aws_name", "at"),
    [
        ("edge", "", None),
        ("edge", "awsName: edge-1_A,", None),
        ("edge", "awsName: edge.pay,", ("spec.awsName", "edge.pay")),
        ("edge.v1", "", ("metadata.name", "edge.v1")),
        ("edge.v1", "awsName: edge,", None),
    ],
)
def test_a_router_has_a_name_that_the_service_accepts(
    metadata: str, aws_name: str, at: tuple[str, str] | None
) -> None:
    text = CLUSTER.replace("METADATA", metadata).replace("AWS_NAME", aws_name)
    loaded = load_manifests([("cluster.yaml", text.encode())])
    found = [(item.code.number, item.path, marked(item)) for item in loaded.diagnostics]
    assert found == ([("MR025", *at)] if at else [])
    assert loaded.valid is (at is None)


def test_a_router_of_any_format_has_such_a_name() -> None:
    loaded = shop_with(("{name: edge, mesh: shop}", '{name: "ed.ge", mesh: shop}'))
    assert ("MR025", "metadata.name") in {(code, path) for code, _, path in said(loaded)}


def test_many_backends_that_are_cut_off_are_counted() -> None:
    backends = ", ".join(
        f"{{virtualService: {{virtualServiceName: s{number}}}}}" for number in range(23)
    )
    shop = SHOP.split("---\n")[0]
    node = (
        f"kind: VirtualNode\nmetadata: {{name: a, mesh: shop}}\nspec: {{backends: [{backends}]}}\n"
    )
    content = f"{shop}---\napiVersion: mesh-reconciler/v1\n{node}".encode()
    diagnostics = load_manifests([("shop.yaml", content)]).diagnostics
    found = [item for item in diagnostics if item.code is Code.CUT_OFF]
    assert len(found) == 21
    assert found[0].path == "spec.backends"
    assert "virtual-node/shop/a has 3 more undeclared backends" in found[0].message
    assert "has the backend s0," in found[1].message
