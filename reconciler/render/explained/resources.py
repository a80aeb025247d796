"""Explanations of diagnostics about resources and their references."""

from collections.abc import Mapping

from reconciler.manifest.parsing.diagnostics import Code
from reconciler.render.explained.explanation import Explanation

_MESH = """
apiVersion: mesh-reconciler/v1
kind: Mesh
metadata: {name: shop}
spec: {}
"""
_NODE = """
apiVersion: mesh-reconciler/v1
kind: VirtualNode
metadata: {name: web, mesh: shop}
spec:
  serviceDiscovery: {dns: {hostname: web.example.com}}
  listeners: [{portMapping: {port: 8080, protocol: http}}]
"""


def _documents(*documents: str) -> str:
    return "---".join(documents)


def _router(*ports: int, owner: str = "") -> str:
    listeners = ", ".join(f"{{portMapping: {{port: {port}, protocol: http}}}}" for port in ports)
    return f"""
apiVersion: mesh-reconciler/v1
kind: VirtualRouter
metadata: {{name: edge, mesh: shop{owner}}}
spec: {{listeners: [{listeners}]}}
"""


def _route(protocol: str = "httpRoute", match: str = "prefix: /") -> str:
    return f"""
apiVersion: mesh-reconciler/v1
kind: Route
metadata: {{name: all, mesh: shop, virtualRouter: edge}}
spec:
  {protocol}:
    match: {{{match}}}
    action: {{weightedTargets: [{{virtualNode: web, weight: 1}}]}}
"""


RESOURCES: Mapping[Code, Explanation] = {
    Code.NEARLY_EQUAL: Explanation(
        "Use one spelling: App Mesh treats the names as two resources.",
        _documents(_MESH, _MESH.replace("shop", "Shop")),
    ),
    Code.PRUNED_FIELD: Explanation(
        "Correct the spelling, or remove the field.",
        """
apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: shop}
spec: {egresFilter: {type: ALLOW_ALL}}
""",
    ),
    Code.NAMESPACE: Explanation(
        "Remove metadata.namespace.",
        """
apiVersion: appmesh.k8s.aws/v1beta2
kind: Mesh
metadata: {name: shop, namespace: web}
spec: {}
""",
    ),
    Code.TRANSLATED: Explanation(
        "Check the value in the message, or write the object in v1beta2.",
        """
apiVersion: appmesh.k8s.aws/v1beta1
kind: Mesh
metadata: {name: shop}
---
apiVersion: appmesh.k8s.aws/v1beta1
kind: VirtualNode
metadata: {name: web, namespace: prod}
spec:
  meshName: shop
  listeners: [{portMapping: {port: 8080, protocol: http}}]
  serviceDiscovery: {dns: {hostName: web.prod}}
---
apiVersion: appmesh.k8s.aws/v1beta1
kind: VirtualService
metadata: {name: web-service, namespace: prod}
spec:
  meshName: shop
  virtualRouter: {name: edge}
  routes:
    - name: all
      http:
        match: {prefix: /}
        action: {weightedTargets: [{virtualNodeName: web, weight: 1}]}
""",
    ),
    Code.DANGLING: Explanation(
        "Correct the name, or declare the resource: a mesh whose manifest is here should have all "
        "its resources here.",
        _documents(_MESH, _router(80), _route()),
    ),
    Code.ELSEWHERE: Explanation(
        "Nothing if the resource already exists on the target. Otherwise, correct the name.",
        _NODE,
    ),
    Code.MATCH_PORT: Explanation(
        "Set the port to that of one listener.",
        _documents(_MESH, _router(80, 81), _NODE, _route()),
    ),
    Code.TWO_OWNERS: Explanation(
        "Add the meshOwner that is missing, or remove the one that is wrong.",
        _documents(_MESH, _router(80, owner=', meshOwner: "111122223333"')),
    ),
    Code.MISMATCH: Explanation(
        "Use the port and the protocol of a listener of the target, or add a listener there.",
        _documents(_MESH, _router(80), _NODE, _route("http2Route")),
    ),
    Code.NO_LISTENER: Explanation(
        "Add a listener, or delete the routes.",
        _documents(_MESH, _router().replace("listeners: []", ""), _NODE, _route()),
    ),
    Code.CUT_OFF: Explanation(
        "Declare the virtual service, or set egressFilter of the mesh to ALLOW_ALL.",
        _documents(
            _MESH,
            f"{_NODE}  backends: [{{virtualService: {{virtualServiceName: api.example.com}}}}]\n",
        ),
    ),
    Code.CONTROLLER_RULE: Explanation(
        "If the Kubernetes controller reads this spec, match a prefix or a path too.",
        _documents(_MESH, _router(80), _NODE, _route(match="port: 80")),
    ),
    Code.UNPROVIDED: Explanation(
        "Set the provider, or remove the backends and gateway routes that refer to it.",
        _documents(
            _MESH,
            f"{_NODE}  backends: [{{virtualService: {{virtualServiceName: later.local}}}}]\n",
            """
apiVersion: mesh-reconciler/v1
kind: VirtualService
metadata: {name: later.local, mesh: shop}
spec: {}
""",
        ),
    ),
    Code.COVERED: Explanation(
        "Give the route a smaller priority or another match, or delete it.",
        _documents(_MESH, _router(80), _NODE, _route(), _route().replace("all", "other")),
    ),
}
