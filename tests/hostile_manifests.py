"""Manifests of any size that are made to take long, by name: file name and content.

``HOSTILE`` ask for more work than their size is worth, or for the same work again and again.
``ORDINARY`` hold as many resources as fit, each of which may take its own time.
"""

import json
from collections.abc import Callable

from growth import repeated

Content = Callable[[int], str]

MESH = "apiVersion: mesh-reconciler/v1\nkind: Mesh\nmetadata: {name: m}\n"
NAMED = "apiVersion: mesh-reconciler/v1\nkind: Mesh\nmetadata:\n  name: "
TEMPLATE = "Resources:\n  M:\n    Type: AWS::AppMesh::Mesh\n    Properties:\n      MeshName: "
NOTHING = "Parameters: {A: {Type: String, Default: ''}}\n"
CHECKED = "Parameters: {A: {Type: String, Default: '', AllowedValues: [%s '']}}\n"
# So long that a file of 256 KiB does not hold more nodes than are read.
ITEM = f"{'a' * 19},"
COMMAS = "Parameters: {L: {Type: CommaDelimitedList, Default: '%s'}}\nResources:\n"
CLUSTER_MESH = (
    "---\napiVersion: appmesh.k8s.aws/v1beta2\nkind: Mesh\nmetadata: {name: m@}\n"
    "spec: {namespaceSelector: {%s}}\n"
)


def each(text: str, size: int, head: str = "", tail: str = "") -> str:
    """Return ``text`` with a number in the place of each ``@``, as often as ``size`` allows."""
    count = size // (len(text) + 4)
    return head + "".join(text.replace("@", str(number)) for number in range(count)) + tail


def half(text: str, size: int) -> str:
    return repeated(text, size // 2)


def native(kind: str, metadata: str, spec: str = "") -> str:
    head = f"---\napiVersion: mesh-reconciler/v1\nkind: {kind}\nmetadata: {{{metadata}}}\n"
    return f"{head}spec: {{{spec}}}\n" if kind != "Mesh" else head


def cluster(kind: str, spec: str = "", namespace: str = "d") -> str:
    return (
        f"---\napiVersion: appmesh.k8s.aws/v1beta2\nkind: {kind}\n"
        f"metadata: {{name: n@, namespace: {namespace}}}\nspec: {{{spec}}}\n"
    )


def listener(port: int) -> str:
    return f"{{portMapping: {{port: {port}, protocol: tcp}}}}"


def routes(size: int, form: str = "tcpRoute", match: str = "", listeners: int = 1) -> str:
    """Return routes of one router to one node."""
    ports = ", ".join(listener(port) for port in range(1, listeners + 1))
    targets = "action: {weightedTargets: [{virtualNode: n, weight: 1}]}"
    route = native("Route", "mesh: m, virtualRouter: r, name: r@", f"{form}: {{{match}{targets}}}")
    router = native("VirtualRouter", "mesh: m, name: r", f"listeners: [{ports}]")
    head = native("Mesh", "name: m") + native("VirtualNode", "mesh: m, name: n") + router
    return each(route, size - len(head), head)


def dangling(size: int) -> str:
    head = each(native("VirtualNode", f"mesh: m, name: {'ab' * 30}@"), 8_000, MESH)
    targets = ", ".join(f"{{virtualNode: {'ba' * 30}@-{it}, weight: 1}}" for it in range(10))
    spec = f"tcpRoute: {{action: {{weightedTargets: [{targets}]}}}}"
    route = native("Route", "mesh: m, virtualRouter: r, name: r@", spec)
    return each(route, size - len(head), head)


def meshes_of_a_template(size: int, properties: str, head: str) -> str:
    # The comment keeps a file of 256 KiB below the number of nodes that are read.
    mesh = f"  M@: {{Type: AWS::AppMesh::Mesh, Properties: {{{properties}}}}} # {'-' * 60}\n"
    return each(mesh, size, head)


def alike(size: int) -> str:
    names = "".join(f"  {'ab' * 36}{it:03}: {{Type: String}}\n" for it in range(60))
    head = f"Parameters:\n{names}Resources:\n"
    return meshes_of_a_template(size, f"MeshName: !Ref {'ba' * 38}", head)


def one_word(spec: str) -> Content:
    """Return meshes with the ``spec`` that gives the name of another, a list of half the file."""

    def content(size: int) -> str:
        name = f"MeshName: [{half(ITEM, size)}]"
        head = f"Resources:\n  M: {{Type: AWS::AppMesh::Mesh, Properties: {{{name}}}}}\n"
        return meshes_of_a_template(size // 2, f"MeshName: x, Spec: {spec}", head)

    return content


def one_address(size: int) -> str:
    mesh = {"type": "aws_appmesh_mesh", "address": "a", "values": {"name": "m" * 80}}
    port = {"health_check": [{"port": True, "p" * 40: False}]}
    change = {"after_unknown": {"spec": [port] * (size // 2 // 90)}}
    module = {"resources": [mesh] * (size // 2 // 160)}
    changes = [{"address": "a", "change": change}]
    plan = {"planned_values": {"root_module": module}, "resource_changes": changes}
    return json.dumps({"format_version": "1.0", **plan})


YAML: dict[str, Content] = {
    "openers with a default": lambda size: f"{NAMED}'{repeated('${A:-', size)}'\n",
    "openers": lambda size: f"{NAMED}'{repeated('${', size)}'\n",
    "openers and one end": lambda size: f"{NAMED}'{repeated('${A:-', size)}}}'\n",
    "openers that are spelled": lambda size: f'{NAMED}"{repeated(chr(92) + "x24{", size)}"\n',
    "openers in plain text": lambda size: NAMED + repeated("${A:-", size),
    "openers in a block": lambda size: f"{NAMED}|\n" + repeated("    ${A:-\n", size),
    "openers in many values": lambda size: each(f"k@: '{'${A:-' * 50}'\n", size, MESH),
    "variables": lambda size: f"{NAMED}'{repeated('${A:-}', size)}'\n",
    "variables that are none": lambda size: f"{NAMED}'{repeated('${-}', size)}'\n",
    "dollar signs": lambda size: f"{NAMED}'{repeated('$', size)}'\n",
    "Sub of openers": lambda size: f'{TEMPLATE}!Sub "{repeated("${A:-", size)}"\n',
    "Sub of short openers": lambda size: f'{TEMPLATE}!Sub "{repeated("${", size)}"\n',
    "Sub of nothing": lambda size: f'{NOTHING}{TEMPLATE}!Sub "{repeated("${A}", size)}"\n',
    "Sub of a checked parameter": lambda size: (
        f'{CHECKED % half(ITEM, size)}{TEMPLATE}!Sub "{half("${A}", size)}"\n'
    ),
    "Join of nothing": lambda size: f"{TEMPLATE}!Join ['', [{repeated(chr(39) * 2 + ',', size)}]]",
    "Join in Join": lambda size: TEMPLATE + repeated("!Join ['', [", size),
    "GetAtt of a large list": one_word("!GetAtt M.MeshName"),
    "Sub of a large list": one_word("!Sub '${M.MeshName}'"),
    "Select of digits": lambda size: f"{TEMPLATE}!Select ['{repeated('9', size)}', [a]]\n",
    "FindInMap of a large list": lambda size: meshes_of_a_template(
        size // 2,
        "MeshName: !FindInMap [a, a, a]",
        f"Mappings: {{a: {{a: {{a: [{half(ITEM, size)}]}}}}}}\nResources:\n",
    ),
    "a list of commas": lambda size: meshes_of_a_template(
        size // 2, "MeshName: !Ref L", COMMAS % half("a,", size)
    ),
    "a short list of commas": lambda size: meshes_of_a_template(
        size, "MeshName: m@, Spec: !Ref L", COMMAS % ("a," * 2_000)
    ),
    "sections that are none": lambda size: each("Resource@: {}\n", size, "Resources: {}\n"),
    "names that are alike": alike,
    "conditions": lambda size: each(
        f"  C@:{' ' * 30} !Not [!Condition C@1]\n", size, f"{TEMPLATE}a\nConditions:\n"
    ),
    "deep sequences": lambda size: f"a: {repeated('[', size)}",
    "deep mappings": lambda size: f"a: {repeated('{', size)}",
    "deep keys": lambda size: f"a: {repeated('{a: ', size)}",
    "deep dashes": lambda size: repeated("- ", size),
    "deep questions": lambda size: repeated("? ", size),
    "a long plain scalar": lambda size: NAMED + repeated("a", size),
    "many words": lambda size: NAMED + repeated("a ", size),
    "many lines": lambda size: NAMED + "a" + repeated("\n    a", size),
    "blanks": lambda size: f"{NAMED}a{repeated(' ', size)}b\n",
    "blank lines": lambda size: f"{NAMED}a{repeated(chr(10), size)}",
    "carriage returns": lambda size: f"{NAMED}a{repeated(chr(13) + chr(10), size)}",
    "tabs": lambda size: NAMED + repeated("\t", size),
    "a literal block": lambda size: f"{NAMED}|\n{repeated('    b' + chr(10), size)}",
    "a folded block": lambda size: f"{NAMED}>\n{repeated('    b' + chr(10), size)}",
    "an open quote": lambda size: f'{NAMED}"{repeated("a", size)}',
    "quotes": lambda size: f"{NAMED}'{repeated(chr(39) * 2, size)}'",
    "escapes": lambda size: f'{NAMED}"{repeated(chr(92) + "x41", size)}"',
    "digits": lambda size: NAMED + repeated("1", size),
    "digits behind a point": lambda size: f"{NAMED}1.{repeated('1', size)}",
    "digits that are text": lambda size: f"{NAMED}{repeated('1', size)}x",
    "colons": lambda size: "a" + repeated(":a", size),
    "comments": lambda size: repeated("#\n", size),
    "a long comment": lambda size: repeated("#", size),
    "directives": lambda size: repeated("%a\n", size),
    "tag directives": lambda size: repeated("%TAG ! x\n", size),
    "version directives": lambda size: repeated("%YAML 1.2\n---\n", size),
    "nearly a conflict": lambda size: repeated("<<<<<<\n", size),
    "anchors": lambda size: f"a: [{repeated('&a b,', size)}]",
    "a long anchor": lambda size: f"a: &{repeated('a', size)} b",
    "aliases": lambda size: f"a: [{repeated('*a ,', size)}]",
    "an alias bomb": lambda size: each(f"k@: &k@ [{'*a,' * 9}]\n", size, "a: &a [x]\n"),
    "merge keys": lambda size: f"a: {{{repeated('<<: b,', size)}}}",
    "tags": lambda size: f"a: [{repeated('!x y,', size)}]",
    "short tags": lambda size: f"a: [{repeated('!Ref y,', size)}]",
    "a long tag": lambda size: f"a: !{repeated('x', size)} y",
    "a long key": lambda size: f"{MESH}? {repeated('k', size)}\n: 1\n",
    "keys": lambda size: each("k@: 1\n", size, MESH),
    "keys in one line": lambda size: f"{MESH}spec: {{{each('k@: 1,', size)}}}",
    "a key for each line of a spec": lambda size: each("  k@: 1\n", size, f"{MESH}spec:\n"),
    "equal keys in one line": lambda size: f"{MESH}spec: {{{repeated('a: 1,', size)}}}",
    "faults below a long key": lambda size: (
        f"{MESH}spec:\n  ? {repeated('k', size)}\n  : {{{each('a@: &x 1,', 1_600)}}}\n"
    ),
    "faults below a key that is not seen": lambda size: (
        f"{MESH}spec:\n  ? {half(chr(0xAD), size)}\n  : {{{each('a@: &x 1,', 1_600)}}}\n"
    ),
    "documents of nothing": lambda size: repeated("---\n", size),
    "documents of a word": lambda size: repeated("--- a\n", size),
}  # fmt: skip
JSON: dict[str, Content] = {
    "openers with a default, JSON": lambda size: f'{{"meshName": "{repeated("${A:-", size)}"}}',
    "Sub of openers, JSON": lambda size: (
        '{"Resources": {"M": {"Type": "AWS::AppMesh::Mesh", "Properties": {"MeshName": '
        f'{{"Fn::Sub": "{repeated("${A:-", size)}"}}}}}}}}}}'
    ),
    "deep lists": lambda size: repeated("[", size),
    "deep objects": lambda size: repeated('{"a":', size),
    "an open string": lambda size: f'"{repeated("a", size)}',
    "open strings": lambda size: repeated('"\n', size),
    "escaped quotes": lambda size: f'["{repeated(chr(92) + chr(34), size)}',
    "backslashes": lambda size: f'["{repeated(chr(92), size)}',
    "escapes, JSON": lambda size: f'{{"meshName": "{repeated(chr(92) + "u0041", size)}"}}',
    "white space": lambda size: repeated(" \n", size),
    "white space and no end": lambda size: f"{{{repeated(' ', size)}",
    "numbers": lambda size: repeated("1 ", size),
    "objects of nothing": lambda size: repeated("{}", size),
    "digits, JSON": lambda size: f'{{"meshName": {repeated("1", size)}}}',
    "a long word": lambda size: f'{{"meshName": {repeated("a", size)}}}',
    "equal keys, JSON": lambda size: f'{{{repeated(chr(34) + "a" + chr(34) + ":1,", size)}"a":1}}',
    "commas": lambda size: f"[{repeated(',', size)}]",
    "unknown values of one address": one_address,
}  # fmt: skip
HOSTILE: dict[str, tuple[str, Content]] = {
    **{name: ("m.yaml", content) for name, content in YAML.items()},
    **{name: ("m.json", content) for name, content in JSON.items()},
    "white space and then JSON": ("m.template", lambda size: f"{repeated(' ', size)}["),
}

ORDINARY: dict[str, tuple[str, Content]] = {
    name: (file, content)
    for file, contents in {
        "m.yaml": {
            "documents of others": lambda size: repeated(
                "---\n{apiVersion: v1, kind: Pod}\n", size
            ),
            "meshes": lambda size: each(native("Mesh", "name: m@"), size),
            "nodes": lambda size: each(
                native(
                    "VirtualNode",
                    "mesh: m, name: n@",
                    f"listeners: [{listener(80)}], serviceDiscovery: {{dns: {{hostname: n@.a}}}}",
                ),
                size,
                MESH,
            ),
            "routes": routes,
            "names that dangle": dangling,
            "routes of many listeners": lambda size: routes(
                size, "httpRoute", "match: {prefix: /}, ", 900
            ),
            "nodes of a cluster": lambda size: each(
                cluster("VirtualNode"), size, CLUSTER_MESH % ""
            ),
            "a mesh for each node": lambda size: each(
                CLUSTER_MESH % "" + cluster("VirtualNode", namespace="d@"), size
            ),
            "a gateway for each route": lambda size: each(
                cluster("VirtualGateway", "namespaceSelector: {}, gatewayRouteSelector: {}")
                + cluster("GatewayRoute"),
                size,
                CLUSTER_MESH % "",
            ),
            "a large selector": lambda size: each(
                cluster("VirtualNode", namespace="d@"),
                size // 2,
                CLUSTER_MESH
                % f"matchExpressions: [{each('{key: k@, operator: DoesNotExist}, ', size // 4)}]",
            ),
            "services for every node": lambda size: each(
                cluster("VirtualService") + cluster("VirtualNode", "backendGroups: [{name: '*'}]"),
                size,
                CLUSTER_MESH % "",
            ),
        },
        "m.json": {
            "objects of others": lambda size: repeated('{"apiVersion":"v1","kind":"Pod"}', size),
        },
    }.items()
    for name, content in contents.items()
}
